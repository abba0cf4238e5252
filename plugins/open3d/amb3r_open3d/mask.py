"""Mask depth: what is doubtful becomes unknown before anything is fused."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from amb3r_core import Dense, InputError, Keep, Monitor, Reconstruction, silent, track
from amb3r_core.scene.arrays import Float32, Floats
from amb3r_core.scene.confidence import confidence_of_weight
from amb3r_core.scene.depth_maps import depth_edges, grazing_pixels
from amb3r_core.scene.geometry import transform_points
from amb3r_core.scene.visibility import DepthView, overlapping_views, sight
from amb3r_open3d.scene import Scene
from amb3r_open3d.stage import Stage
from amb3r_open3d.yaml_options import YamlOptions

Mask = NDArray[np.bool_]
FARTHEST_HIDDEN = 2.0
"""What lies up to so many times as far as a surface in front of it may well be hidden; what lies farther is rather wrong."""


@dataclass(frozen=True, kw_only=True)
class MaskDepthOptions(YamlOptions):
    """What stays known.

    keep: how much depth to begin with, see `amb3r_core.kept`. min_weight: least weight in [0, 1). keep_percent: the most
    confident share of known pixels, over the scene. edges: drop pixels beside depth jumps of more than `max_depth_jump` (share of
    the farther depth). max_grazing_deg: drop surfaces seen at
    more than this angle from their normal; 90 keeps all. min_agreeing_views: how many OTHER views must have a surface within
    `depth_tolerance` (share of depth), asked of the `neighbour_views` that overlap most; lowered to half the number of views. A
    pixel that more views see through than confirm is dropped too. A view whose surface hides the pixel cannot tell and is not
    asked, see `FARTHEST_HIDDEN`. seen_once: what becomes of pixels that no view can tell about.
    depth_max: drop what is farther, in scene units.
    """

    keep: Keep = "trusted"
    min_weight: float = 0.0
    keep_percent: float = 100.0
    edges: bool = True
    max_depth_jump: float = 0.05
    max_grazing_deg: float = 90.0
    min_agreeing_views: int = 1
    depth_tolerance: float = 0.03
    free_space_tolerance: float = 0.06
    neighbour_views: int = 6
    seen_once: Literal["keep", "drop"] = "keep"
    depth_max: float | None = None

    def __post_init__(self) -> None:
        wanted = {
            "min_weight in [0, 1)": 0.0 <= self.min_weight < 1.0,
            "keep_percent in (0, 100]": 0.0 < self.keep_percent <= 100.0,
            "max_depth_jump > 0": self.max_depth_jump > 0,
            "max_grazing_deg in (0, 90]": 0 < self.max_grazing_deg <= 90,
            "min_agreeing_views >= 0": self.min_agreeing_views >= 0,
            "depth_tolerance > 0": self.depth_tolerance > 0,
            "free_space_tolerance >= depth_tolerance": self.free_space_tolerance >= self.depth_tolerance,
            "neighbour_views >= 0": self.neighbour_views >= 0,
            "depth_max > 0, or None": self.depth_max is None or self.depth_max > 0,
        }
        wrong = [rule for rule, holds in wanted.items() if not holds]
        if wrong:
            raise InputError(f"MaskDepthOptions needs {', '.join(wrong)}: {self}")


class MaskDepth(Stage[Scene, Scene]):
    """The same scene with doubtful depth set to 0; cameras, colours and confidences stay.

    >>> MaskDepth(MaskDepthOptions(min_weight=0.5)).options.edges
    True
    """

    def __init__(self, options: MaskDepthOptions | None = None, monitor: Monitor = silent) -> None:
        self.options = options or MaskDepthOptions()
        self.monitor = monitor

    def __call__(self, data: Scene, /) -> Scene:
        trusted = data.kept(self.options.keep)
        alone = self._judged_alone(trusted.reconstruction, trusted.dense)
        reconstruction = replace(trusted.reconstruction, dense=alone)
        return Scene(replace(reconstruction, dense=self._judged_together(reconstruction, alone)), data.alignment)

    def _judged_alone(self, reconstruction: Reconstruction, dense: Dense) -> Dense:
        """The maps after the tests that need no other view."""
        threshold = self._least_confidence(dense)
        depth = np.zeros(dense.depth.shape, dtype=np.float32)
        views = range(dense.n_views)
        for index in track(views, self.monitor, stage="mask depth", total=dense.n_views):
            depth[index] = self._kept(reconstruction, dense, index, threshold)
        return replace(dense, depth=depth)

    def _kept(self, reconstruction: Reconstruction, dense: Dense, index: int, threshold: float) -> Float32:
        options, depth = self.options, np.asarray(dense.depth[index])
        inside = np.zeros(depth.shape, dtype=np.bool_)
        inside[reconstruction.views[index].letterbox.slices] = True
        keep = inside & (depth > 0) & np.isfinite(depth) & (np.asarray(dense.confidence[index]) >= threshold)
        if options.depth_max is not None:
            keep &= depth <= options.depth_max
        if options.edges:
            keep &= ~depth_edges(depth, options.max_depth_jump)
        if options.max_grazing_deg < 90:
            keep &= ~grazing_pixels(reconstruction.dense_camera(index), depth, options.max_grazing_deg)
        return np.where(keep, depth, np.float32(0))

    def _least_confidence(self, dense: Dense) -> float:
        by_weight = confidence_of_weight(self.options.min_weight)
        if self.options.keep_percent >= 100.0:
            return by_weight
        known = np.concatenate(
            [
                np.asarray(confidence)[np.asarray(depth) > 0][::7]
                for depth, confidence in zip(dense.depth, dense.confidence, strict=True)
            ]
        )
        by_share = float(np.percentile(known, 100.0 - self.options.keep_percent)) if len(known) else 1.0
        return max(by_weight, by_share)

    def _judged_together(self, reconstruction: Reconstruction, dense: Dense) -> Dense:
        """The maps after the other views were asked."""
        needed = min(self.options.min_agreeing_views, self.options.neighbour_views, dense.n_views // 2)
        if needed == 0:
            return dense
        judges = overlapping_views(reconstruction, self.options.neighbour_views)
        depth = dense.depth.copy()
        for index in track(range(dense.n_views), self.monitor, stage="compare views", total=dense.n_views):
            depth[index][~self._confirmed(reconstruction, dense, index, judges[index], needed)] = 0
        return replace(dense, depth=depth)

    def _confirmed(self, reconstruction: Reconstruction, dense: Dense, index: int, judges: list[int], needed: int) -> Mask:
        """Which pixels (H, W) enough other views confirm and not more contradict."""
        camera, pose = reconstruction.dense_camera(index), reconstruction.views[index].cam_to_world
        known = dense.depth[index] > 0
        points = transform_points(pose, camera.unproject(dense.depth[index])[known])
        agreeing = np.zeros(len(points), dtype=np.int16)
        contradicting = np.zeros(len(points), dtype=np.int16)
        asked = np.zeros(len(points), dtype=np.int16)
        for other in judges:
            judge = DepthView.of(reconstruction, other)
            seen = sight(
                judge,
                points,
                tolerance=self.options.depth_tolerance,
                free_space_tolerance=self.options.free_space_tolerance,
            )
            agreeing[seen.index] += seen.is_seen
            contradicting[seen.index] += seen.is_seen_through
            column, row = np.rint(seen.pixels).astype(np.intp).T
            asked[seen.index] += self._can_tell(judge.depth[row, column], seen.z)
        wanted = np.full(len(points), needed, dtype=np.int16)
        if self.options.seen_once == "keep":
            wanted = np.minimum(needed, asked)
        confirmed = np.zeros(known.shape, dtype=np.bool_)
        confirmed[known] = (agreeing >= wanted) & (contradicting <= agreeing)
        return confirmed

    def _can_tell(self, judging: Float32, z: Floats) -> Mask:
        """Whether views with depth `judging` (K,) can tell about points at depth z (K,): there is depth, and it hides nothing."""
        is_hidden = (judging < (1.0 - self.options.free_space_tolerance) * z) & (judging > z / FARTHEST_HIDDEN)
        return (judging > 0) & ~is_hidden

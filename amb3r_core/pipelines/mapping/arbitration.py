"""Front end or back end: which answer of a `RefinableModel` a window takes.

The back end is usually better and sometimes drifts. A confident draft is taken as it is; else draft, refinement and, where they
agree, their blend are compared by how well they fit what the map already knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from amb3r_core.errors import AlignmentError, RegistrationError
from amb3r_core.models.api import Draft, ReconstructionModel, RefinableModel
from amb3r_core.pipelines.mapping.alignment import MIN_SAMPLES, Anchor, MatchedPoints, match_points, robust_scale
from amb3r_core.pipelines.mapping.map_trust import judged, lesser
from amb3r_core.pipelines.mapping.store import FrameDepth
from amb3r_core.pipelines.mapping.windows import Window, WindowInput, predict, to_window, unplaced
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.geometry import blend_pose, umeyama


@dataclass(frozen=True, kw_only=True)
class ArbitrationConfig:
    """Published values. Confidences are raw (>= 1); lengths in units of the draft's median distance."""

    skip_confidence: float = 2.7
    """A draft with a higher mean confidence needs no back end."""
    blend: Literal["on", "off"] = "on"
    """Whether the mean of draft and refinement is a candidate of its own."""
    sure_confidence: float = 1.0 + float(np.e)
    """A refinement this confident is not blended."""
    disagreement: float = 0.04
    """Mean distance between draft and refinement above which they tell different stories."""
    runaway_growth: float = 1.25
    runaway_spread: float = 5.0
    """A refinement whose spread (largest over median distance) grew by this factor and beyond this value ran away."""
    clear_gain: float = 0.2
    modest_confidence: float = 1.5
    """A refinement that gained less than this and is less confident than that is compared with the map."""
    truncation: float = 1.0
    """Residuals above this do not pull on the scale between draft and refinement."""
    samples_per_view: int = 1024
    """Points of each view that take part. Ours."""


def infer(
    model: ReconstructionModel,
    window: WindowInput,
    anchors: Sequence[Anchor],
    config: ArbitrationConfig,
    monitor: Monitor = silent,
) -> Window:
    """The model's answer for a window, chosen among draft, refinement and blend where the model has a back end.

    anchors: what the map knows of some of the window's frames; none for the first window.
    """
    if not isinstance(model, RefinableModel):
        return predict(model, window, monitor)
    try:
        draft = model.draft(window.batch(), monitor=monitor)
    except RegistrationError as error:
        return unplaced(window, error)
    return refined_or_draft(model, draft, window, config, anchors, monitor)


def refined_or_draft(
    model: RefinableModel,
    draft: Draft,
    window: WindowInput,
    config: ArbitrationConfig,
    anchors: Sequence[Anchor] = (),
    monitor: Monitor = silent,
) -> Window:
    """The answer of a draft that is sure enough, else the best of draft, refinement and blend. window: what was drafted."""
    drafted = to_window(draft.prediction, window)
    if float(drafted.raw_confidence.mean()) > config.skip_confidence:
        return drafted
    refined = to_window(model.refine(draft, monitor=monitor), window)
    return choose(drafted, refined, anchors, config)


def choose(draft: Window, refined: Window, anchors: Sequence[Anchor], config: ArbitrationConfig) -> Window:
    """The best of draft, refinement and their blend."""
    points = match_points(draft, _as_anchors(refined), config.samples_per_view)
    points = points.surest_half(points.local_weight + points.target_weight)
    if len(points) < MIN_SAMPLES:
        return refined
    confidence, refined_confidence = float(draft.raw_confidence.mean()), float(refined.raw_confidence.mean())
    unit = max(float(np.median(_lengths(points.target))), 1e-12)
    scale = robust_scale(points.local, points.target, np.full(len(points), 1.0 / unit), config.truncation)
    apart = float(_lengths(scale * points.local - points.target).mean()) / unit
    if apart > config.disagreement and _ran_away(points, config):
        return draft
    candidates = [refined]
    if config.blend == "on" and refined_confidence < config.sure_confidence and apart < config.disagreement:
        candidates.append(blended(draft.moved(np.eye(4), scale), refined))
    is_doubtful = refined_confidence < confidence + config.clear_gain and refined_confidence < config.modest_confidence
    if anchors and (apart > config.disagreement or is_doubtful):
        candidates.append(draft)
        errors = [map_error(candidate, anchors, config.samples_per_view) for candidate in candidates]
        return candidates[int(np.argmin(errors))]
    return candidates[-1]


def blended(draft: Window, refined: Window) -> Window:
    """The mean of two answers in one unit: depth and camera by weight, poses by mean weight; trusted as the lesser of the two."""
    total = np.maximum(draft.weight + refined.weight, np.float32(1e-9))
    depth = (draft.weight * draft.depth + refined.weight * refined.depth) / total
    depth = np.where((draft.depth > 0) & (refined.depth > 0), depth, np.maximum(draft.depth, refined.depth))
    share = refined.frame_weight / np.maximum(draft.frame_weight + refined.frame_weight, 1e-9)
    poses = [blend_pose(a, b, float(s)) for a, b, s in zip(draft.cam_to_world, refined.cam_to_world, share, strict=True)]
    along = share[:, None, None]
    return replace(
        refined,
        depth=depth.astype(np.float32),
        weight=(0.5 * (draft.weight + refined.weight)).astype(np.float32),
        cam_to_world=np.array(poses),
        intrinsics=(1.0 - along) * draft.intrinsics + along * refined.intrinsics,
        registered=draft.registered & refined.registered,
        in_map_frame=draft.in_map_frame and refined.in_map_frame,
        weight_is_probability=draft.weight_is_probability and refined.weight_is_probability,
        pose_trust=tuple(map(min, zip(draft.pose_trust, refined.pose_trust, strict=False))),
        scene_trust=judged(lesser(draft.scene_trust, refined.scene_trust)),
    )


def map_error(candidate: Window, anchors: Sequence[Anchor], samples_per_view: int) -> float:
    """Mean relative error of the anchors' points after the best similarity to the map; infinite when there is none.

    On the half of the pixels of which the map is surest.
    """
    points = match_points(candidate, anchors, samples_per_view)
    points = points.surest_half(points.target_weight)
    try:
        moved = umeyama(points.local, points.target).apply(points.local)
    except AlignmentError:
        return float("inf")
    return float((_lengths(moved - points.target) / np.maximum(_lengths(points.target), 1e-12)).mean())


def _ran_away(points: MatchedPoints, config: ArbitrationConfig) -> bool:
    """Whether the refinement (target) is much more spread out than the draft (local)."""
    spread, refined_spread = _spread(points.local), _spread(points.target)
    return refined_spread > config.runaway_growth * spread and refined_spread > config.runaway_spread


def _spread(points: Float64) -> float:
    lengths = _lengths(points)
    return float(lengths.max() / max(float(np.median(lengths)), 1e-12))


def _lengths(points: Float64) -> Float64:
    return np.sqrt((points**2).sum(axis=-1))


def _as_anchors(window: Window) -> list[Anchor]:
    """A window as if it were the map, so that another answer can be matched with it."""
    return [
        Anchor(frame, FrameDepth(window.depth[row], window.weight[row]), window.cam_to_world[row], window.intrinsics[row])
        for row, frame in enumerate(window.views)
        if window.registered[row]
    ]

"""Windows: the few frames of a scene that a model sees in one call, and its answer as numpy arrays."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from amb3r_core.compute.arrays import float32_array, float64_array
from amb3r_core.errors import RegistrationError
from amb3r_core.inputs.images import Frame
from amb3r_core.models.api import ImageBatch, Prediction, ReconstructionModel
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.arrays import Float32, Float64, UInt8
from amb3r_core.scene.camera import Letterbox
from amb3r_core.scene.confidence import weight_of_confidence
from amb3r_core.scene.lens import STRAIGHT, Lens

Bools = NDArray[np.bool_]
POSE_TOLERANCE = 1e-6
"""Poses are the same when no number of them differs by more than this."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WindowInput:
    """What a model is shown: everything it needs, small enough to send to another machine.

    Views are given by their indices in the scene, the anchors before the frames; the first one is the reference view.
    """

    anchors: tuple[int, ...] = ()
    """Views whose place in the map is known already: the window is brought onto the map by them."""
    frames: tuple[int, ...]
    """Views that the window is made for."""
    sources: tuple[Frame, ...]
    """The frames of the n views, with what is known of their cameras and poses."""
    letterboxes: tuple[Letterbox, ...]
    """Where the original of each view lies in the grid."""
    rgb: UInt8
    """Pictures (n, H, W, 3) on the scene's grid."""
    valid: Bools
    """True (n, H, W) where a picture shows something that may be used."""
    is_ordered: bool = False
    """Whether the views follow one another without a gap."""
    pose_priors: Mapping[int, Float64] = field(default_factory=dict[int, Float64])
    """The map's poses (4, 4) of views whose `sources` carry them; a model may keep to them or not."""

    def __post_init__(self) -> None:
        _check_views(self.views, len(self.sources), len(self.letterboxes), len(self.rgb), len(self.valid))

    @property
    def views(self) -> tuple[int, ...]:
        """The views in the order of the rows."""
        return (*self.anchors, *self.frames)

    def batch(self) -> ImageBatch:
        """The model's view of it; the same pixels as `batching.prepare` gives."""
        return ImageBatch(
            pixels=torch.as_tensor(self.rgb).permute(0, 3, 1, 2).float() / 255.0,
            valid=torch.as_tensor(self.valid),
            frames=self.sources,
            letterboxes=self.letterboxes,
            is_ordered=self.is_ordered,
        )


@dataclass(frozen=True, kw_only=True)
class Window:
    """A model's answer for the n views of a `WindowInput`, in one local frame and unit."""

    anchors: tuple[int, ...] = ()
    """Views whose place in the map was known already, by their indices in the scene."""
    frames: tuple[int, ...]
    """Views that the window was made for."""
    depth: Float32
    """(n, H, W), 0 = unknown."""
    weight: Float32
    """(n, H, W) in [0, 1): the confidence c as (c - 1) / c."""
    cam_to_world: Float64
    """(n, 4, 4)."""
    intrinsics: Float64
    """(n, 3, 3) in grid pixels."""
    lenses: tuple[Lens, ...]
    """What bends the n originals."""
    registered: Bools
    """(n,): whether the model could place the view."""
    raw_confidence: Float64
    """(n,): mean over each view's pixels, >= 1."""
    metres_per_unit: float | None
    """1 when the local unit is the metre, None when it is relative."""
    in_map_frame: bool = False
    """Whether the model kept to the map's poses that it was given, so that local frame and unit are the map's."""
    weight_is_probability: bool = False
    """Whether the weight of a depth is the probability that it is right."""
    pose_trust: tuple[float, ...] = ()
    """For each of the n views the probability that its pose is right within the window; empty: not judged."""
    scene_trust: float | None = None
    """The probability that the window's camera path as a whole is right, None: not judged."""

    def __post_init__(self) -> None:
        columns = (self.depth, self.weight, self.cam_to_world, self.registered, self.pose_trust or self.depth)
        _check_views(self.views, *(len(column) for column in columns))

    @property
    def views(self) -> tuple[int, ...]:
        """The views in the order of the rows: the anchors before the frames."""
        return (*self.anchors, *self.frames)

    @property
    def frame_weight(self) -> Float64:
        """Mean weight (n,) of each view in [0, 1); 0 for views that are not registered."""
        return np.where(self.registered, self.weight.mean(axis=(1, 2), dtype=np.float64), 0.0)

    @property
    def weight_by_view(self) -> dict[int, float]:
        """`frame_weight` by view."""
        return dict(zip(self.views, self.frame_weight.tolist(), strict=True))

    def places(self, view: int, min_weight: float) -> bool:
        """Whether the view's pose may be used: the model registered it and is sure enough of what it sees.

        A model that keeps the map's poses has measured the pose against them, whatever it thinks of its depth.
        """
        row = self.views.index(view)
        return bool(self.registered[row]) and (self.in_map_frame or float(self.frame_weight[row]) >= min_weight)

    @property
    def median_depth(self) -> float:
        """Of all pixels with known depth in registered views; 1 when there are none."""
        depth = self.depth[self.registered]
        known = depth[depth > 0]
        return float(np.median(known)) if len(known) else 1.0

    def rows(self, views: Sequence[int]) -> list[int]:
        """Where these views are in the window."""
        return [self.views.index(view) for view in views]

    def select(self, views: Sequence[int]) -> "Window":
        """The window of these views alone, in this order, as its frames."""
        rows = self.rows(views)
        index = np.array(rows, dtype=np.intp)
        return replace(
            self,
            anchors=(),
            frames=tuple(views),
            depth=self.depth[index],
            weight=self.weight[index],
            cam_to_world=self.cam_to_world[index],
            intrinsics=self.intrinsics[index],
            lenses=tuple(self.lenses[row] for row in rows),
            registered=self.registered[index],
            raw_confidence=self.raw_confidence[index],
            pose_trust=tuple(self.pose_trust[row] for row in rows) if self.pose_trust else (),
        )

    def moved(self, world_from_local: Float64, scale: float) -> "Window":
        """The window with lengths times `scale`, then moved by a rigid transform (4, 4)."""
        poses = self.cam_to_world.copy()
        poses[:, :3, 3] *= scale
        metres = None if self.metres_per_unit is None else self.metres_per_unit / scale
        return replace(
            self,
            depth=self.depth * np.float32(scale),
            cam_to_world=world_from_local @ poses,
            metres_per_unit=metres,
        )


def predict(model: ReconstructionModel, window: WindowInput, monitor: Monitor = silent) -> Window:
    """The model's full answer for a window; nothing is registered when the model finds no two views that fit."""
    try:
        prediction = model.predict(window.batch(), monitor=monitor)
    except RegistrationError as error:
        return unplaced(window, error)
    return to_window(prediction, window)


def unplaced(window: WindowInput, error: RegistrationError) -> Window:
    """The answer of a model that could place nothing, and said so."""
    log.info("views %s: %s", window.views, error)
    n, height, width = window.valid.shape
    return Window(
        anchors=window.anchors,
        frames=window.frames,
        depth=np.zeros((n, height, width), dtype=np.float32),
        weight=np.zeros((n, height, width), dtype=np.float32),
        cam_to_world=np.tile(np.eye(4), (n, 1, 1)),
        intrinsics=np.tile(np.eye(3), (n, 1, 1)),
        lenses=(STRAIGHT,) * n,
        registered=np.zeros(n, dtype=np.bool_),
        raw_confidence=np.ones(n),
        metres_per_unit=None,
    )


def to_window(prediction: Prediction, window: WindowInput) -> Window:
    """The prediction for a window in numpy; a pixel without depth weighs nothing."""
    depth = float32_array(prediction.depth)
    confidence = np.maximum(float32_array(prediction.confidence), np.float32(1.0))
    weight = np.where(depth > 0, weight_of_confidence(confidence), np.float32(0.0)).astype(np.float32)
    cam_to_world = float64_array(prediction.cam_to_world)
    registered = np.asarray(prediction.registered.cpu(), dtype=np.bool_)
    in_map_frame = _is_in_map_frame(cam_to_world, registered, window)
    is_metric = prediction.metric_scale is not None and not in_map_frame
    return Window(
        anchors=window.anchors,
        frames=window.frames,
        depth=depth,
        weight=weight,
        cam_to_world=cam_to_world,
        intrinsics=float64_array(prediction.intrinsics),
        lenses=prediction.lenses or (STRAIGHT,) * len(window.views),
        registered=registered,
        raw_confidence=confidence.mean(axis=(1, 2), dtype=np.float64),
        metres_per_unit=1.0 if is_metric else None,
        in_map_frame=in_map_frame,
        weight_is_probability=prediction.weight_is_probability,
        pose_trust=prediction.pose_trust,
        scene_trust=prediction.scene_trust,
    )


def _is_in_map_frame(cam_to_world: Float64, registered: Bools, window: WindowInput) -> bool:
    """Whether at least two pose priors came back, all of them unchanged; a single one would leave the unit open."""
    kept = [
        same_pose(cam_to_world[row], window.pose_priors[view])
        for row, view in enumerate(window.views)
        if view in window.pose_priors and registered[row]
    ]
    return len(kept) > 1 and all(kept)


def same_pose(a: Float64, b: Float64) -> bool:
    """Whether two poses (4, 4) are the same, as a pose prior is that comes back unchanged."""
    return bool(np.allclose(a, b, rtol=0.0, atol=POSE_TOLERANCE))


def _check_views(views: Sequence[int], *n_rows: int) -> None:
    if len(set(views)) < len(views) or set(n_rows) != {len(views)}:
        raise ValueError(f"views {tuple(views)} must be distinct and have one row each, but there are {n_rows} rows")

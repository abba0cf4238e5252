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
KEPT_WITHIN = 1e-6
"""Poses are the same when no number of them differs by more than this."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WindowInput:
    """What a model is shown: everything it needs, small enough to send to another machine.

    frames: indices in the scene, the reference view first. rgb (n, H, W, 3) uint8 and valid (n, H, W) on the scene's grid.
    told: the map's poses (4, 4) of frames whose `sources` say so (`hints.tell`); a model may keep to them or not.
    """

    frames: tuple[int, ...]
    sources: tuple[Frame, ...]
    letterboxes: tuple[Letterbox, ...]
    rgb: UInt8
    valid: Bools
    is_ordered: bool = False
    told: Mapping[int, Float64] = field(default_factory=dict[int, Float64])

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
    """A model's answer for n frames, in one local frame and unit.

    frames: indices in the scene. depth (n, H, W) float32, 0 = unknown. weight (n, H, W) float32 in [0, 1): confidence as
    (c - 1) / c. cam_to_world (n, 4, 4). intrinsics (n, 3, 3) in grid pixels. lenses: of the n originals. registered (n,).
    raw_confidence (n,): mean over each view's pixels, >= 1. metres_per_unit: 1 when the local unit is the metre, None when
    it is relative. keeps_map: the model was told poses of the map and kept to them, so that local frame and unit are the map's.
    """

    frames: tuple[int, ...]
    depth: Float32
    weight: Float32
    cam_to_world: Float64
    intrinsics: Float64
    lenses: tuple[Lens, ...]
    registered: Bools
    raw_confidence: Float64
    metres_per_unit: float | None
    keeps_map: bool = False

    @property
    def frame_weight(self) -> Float64:
        """Mean weight (n,) of each view in [0, 1); 0 for views that are not registered."""
        return np.where(self.registered, self.weight.mean(axis=(1, 2), dtype=np.float64), 0.0)

    def places(self, frame: int, min_weight: float) -> bool:
        """Whether the frame's pose may be used: the model registered it and is sure enough of what it sees.

        A model that keeps the map's poses has measured the pose against them, whatever it thinks of its depth.
        """
        row = self.frames.index(frame)
        return bool(self.registered[row]) and (self.keeps_map or float(self.frame_weight[row]) >= min_weight)

    @property
    def median_depth(self) -> float:
        """Of all pixels with known depth in registered views; 1 when there are none."""
        depth = self.depth[self.registered]
        known = depth[depth > 0]
        return float(np.median(known)) if len(known) else 1.0

    def rows(self, frames: Sequence[int]) -> list[int]:
        """Where these frames of the scene are in the window."""
        return [self.frames.index(frame) for frame in frames]

    def selected(self, rows: Sequence[int]) -> "Window":
        """The window of these rows alone, in this order."""
        index = np.array(rows, dtype=np.intp)
        return replace(
            self,
            frames=tuple(self.frames[row] for row in rows),
            depth=self.depth[index],
            weight=self.weight[index],
            cam_to_world=self.cam_to_world[index],
            intrinsics=self.intrinsics[index],
            lenses=tuple(self.lenses[row] for row in rows),
            registered=self.registered[index],
            raw_confidence=self.raw_confidence[index],
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
    log.info("frames %s: %s", window.frames, error)
    n, height, width = window.valid.shape
    return Window(
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
    keeps_map = _keeps_map(cam_to_world, registered, window)
    is_metric = prediction.metric_scale is not None and not keeps_map
    return Window(
        frames=window.frames,
        depth=depth,
        weight=weight,
        cam_to_world=cam_to_world,
        intrinsics=float64_array(prediction.intrinsics),
        lenses=prediction.lenses or (STRAIGHT,) * len(window.frames),
        registered=registered,
        raw_confidence=confidence.mean(axis=(1, 2), dtype=np.float64),
        metres_per_unit=1.0 if is_metric else None,
        keeps_map=keeps_map,
    )


def _keeps_map(cam_to_world: Float64, registered: Bools, window: WindowInput) -> bool:
    """Whether at least two told poses came back, all of them unchanged; a single one would leave the unit open."""
    kept = [
        same_pose(cam_to_world[row], window.told[frame])
        for row, frame in enumerate(window.frames)
        if frame in window.told and registered[row]
    ]
    return len(kept) > 1 and all(kept)


def same_pose(a: Float64, b: Float64) -> bool:
    """Whether a told pose (4, 4) came back unchanged."""
    return bool(np.allclose(a, b, rtol=0.0, atol=KEPT_WITHIN))

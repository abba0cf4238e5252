"""A model's prediction, at the end of a pipeline, as a `Reconstruction`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from amb3r_core.compute.arrays import float32_array, float64_array, floats, ints, uint8_array
from amb3r_core.compute.lens import undistort
from amb3r_core.models.api import ImageBatch, Prediction
from amb3r_core.scene.arrays import UInt8
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.gravity import levelled, up_of_cameras
from amb3r_core.scene.reconstruction import Dense, Provenance, Reconstruction, Scale, UnregisteredView, View

UNKNOWN_SCALE = Scale(kind="relative", source="nothing in the images says how large things are")


@dataclass(frozen=True, kw_only=True)
class PipelineResult:
    """A reconstruction, and what must be done to the original images so that its cameras are theirs.

    radial_k1: first radial coefficient by view name, for views whose original image bends straight lines.
    """

    reconstruction: Reconstruction
    radial_k1: Mapping[str, float] = field(default_factory=dict[str, float])


def assemble(batch: ImageBatch, prediction: Prediction, *, provenance: Provenance, scale: Scale) -> PipelineResult:
    """The scene of one prediction; the first registered view's camera is the world frame, as the model left it."""
    placed = [index for index in range(batch.n_views) if bool(prediction.registered[index])]
    views = tuple(_view(batch, prediction, index) for index in placed)
    k1 = _radial_k1(prediction)
    chosen = torch.tensor(placed, dtype=torch.long)
    reconstruction = Reconstruction(
        views=views,
        scale=scale,
        provenance=provenance,
        dense=_dense(batch, prediction, chosen),
        unregistered=_unregistered(batch, prediction),
        up_world=up_of_cameras(views),
    )
    return PipelineResult(
        reconstruction=levelled(reconstruction)[0],
        radial_k1={batch.frames[index].name: k1[index] for index in placed if k1[index] != 0.0},
    )


def _view(batch: ImageBatch, prediction: Prediction, index: int) -> View:
    frame, letterbox = batch.frames[index], batch.letterboxes[index]
    camera = frame.camera
    if camera is None:
        height, width = batch.grid
        K = float64_array(prediction.intrinsics[index])
        grid = PinholeCamera(
            width=width, height=height, fx=float(K[0, 0]), fy=float(K[1, 1]), cx=float(K[0, 2]), cy=float(K[1, 2])
        )
        camera = grid.unmapped(letterbox, frame.width, frame.height)
    return View(
        name=frame.name,
        path=str(frame.path) if frame.path and frame.is_upright_file else None,
        mask_path=str(frame.mask_path) if frame.mask_path else None,
        camera=camera,
        cam_to_world=float64_array(prediction.cam_to_world[index]),
        letterbox=letterbox,
        timestamp_s=frame.timestamp_s,
    )


def _dense(batch: ImageBatch, prediction: Prediction, chosen: Tensor) -> Dense:
    return Dense(
        depth=float32_array(prediction.depth.cpu()[chosen]),
        confidence=float32_array(prediction.confidence.cpu()[chosen]),
        rgb=grid_rgb(batch, prediction, chosen),
    )


def grid_rgb(batch: ImageBatch, prediction: Prediction, chosen: Tensor) -> UInt8:
    """Colours (M, H, W, 3) uint8 of the chosen views on the grid, undistorted like the depth."""
    rgb = np.empty((len(chosen), *batch.grid, 3), dtype=np.uint8)
    k1 = _radial_k1(prediction)
    for row, index in enumerate(ints(chosen)):
        pixels = batch.pixels[index].cpu()
        if k1[index] != 0.0:
            pixels = undistort(pixels, prediction.intrinsics[index].cpu(), k1[index])
        rgb[row] = uint8_array((pixels.clamp(0, 1) * 255.0).round().permute(1, 2, 0))
    return rgb


def _radial_k1(prediction: Prediction) -> list[float]:
    if prediction.radial_k1 is None:
        return [0.0] * prediction.n_views
    return floats(prediction.radial_k1)


def _unregistered(batch: ImageBatch, prediction: Prediction) -> tuple[UnregisteredView, ...]:
    reasons = prediction.reasons or ("could not be placed",) * batch.n_views
    return tuple(
        UnregisteredView(
            name=frame.name, reason=reasons[index] or "could not be placed", path=str(frame.path) if frame.path else None
        )
        for index, frame in enumerate(batch.frames)
        if not bool(prediction.registered[index])
    )

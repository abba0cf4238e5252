"""A model's prediction, at the end of a pipeline, as a `Reconstruction`."""

import numpy as np
import torch
from torch import Tensor

from amb3r_core.compute.arrays import float32_array, float64_array, ints, uint8_array
from amb3r_core.compute.lens import undistort
from amb3r_core.inputs.images import Frame
from amb3r_core.models.api import ImageBatch, Prediction
from amb3r_core.scene.arrays import Float64, UInt8
from amb3r_core.scene.camera import Camera, Letterbox
from amb3r_core.scene.gravity import levelled, up_of_cameras
from amb3r_core.scene.reconstruction import Dense, Provenance, Reconstruction, Scale, UnregisteredView, View

UNKNOWN_SCALE = Scale(kind="relative", source="nothing in the images says how large things are")


def assemble(batch: ImageBatch, prediction: Prediction, *, provenance: Provenance, scale: Scale) -> Reconstruction:
    """The scene of one prediction; the first registered view's camera is the world frame, as the model left it."""
    placed = [index for index in range(batch.n_views) if bool(prediction.registered[index])]
    views = tuple(_view(batch, prediction, index) for index in placed)
    chosen = torch.tensor(placed, dtype=torch.long)
    reconstruction = Reconstruction(
        views=views,
        scale=scale,
        provenance=provenance,
        dense=_dense(batch, prediction, chosen),
        unregistered=_unregistered(batch, prediction),
        up_world=up_of_cameras(views),
        pose_trust=None if prediction.scene_trust is None else float(prediction.scene_trust),
    )
    return levelled(reconstruction)[0]


def placed_view(
    frame: Frame,
    letterbox: Letterbox,
    camera: Camera,
    cam_to_world: Float64,
    *,
    is_keyframe: bool = True,
    pose_trust: float | None = None,
) -> View:
    """The view of a frame with this pose. camera: of the original image as it was found; a known one stays as it was given."""
    return View(
        name=frame.name,
        path=str(frame.path) if frame.path and frame.is_upright_file else None,
        mask_path=str(frame.mask_path) if frame.mask_path else None,
        camera=frame.camera or camera.pinhole,
        cam_to_world=cam_to_world,
        letterbox=letterbox,
        lens=camera.lens if frame.lens.is_straight else frame.lens,
        is_keyframe=is_keyframe,
        timestamp_s=frame.timestamp_s,
        pose_trust=pose_trust,
    )


def _view(batch: ImageBatch, prediction: Prediction, index: int) -> View:
    frame, letterbox, seen = batch.frames[index], batch.letterboxes[index], prediction.grid_camera(index)
    camera = Camera(pinhole=seen.pinhole.unmapped(letterbox, frame.width, frame.height), lens=seen.lens)
    trust = float(prediction.pose_trust[index]) if prediction.pose_trust else None
    return placed_view(frame, letterbox, camera, float64_array(prediction.cam_to_world[index]), pose_trust=trust)


def _dense(batch: ImageBatch, prediction: Prediction, chosen: Tensor) -> Dense:
    return Dense(
        depth=float32_array(prediction.depth.cpu()[chosen]),
        confidence=float32_array(prediction.confidence.cpu()[chosen]),
        rgb=grid_rgb(batch, prediction, chosen),
        weight_is_probability=prediction.weight_is_probability,
    )


def grid_rgb(batch: ImageBatch, prediction: Prediction, chosen: Tensor) -> UInt8:
    """Colours (M, H, W, 3) uint8 of the chosen views on the grid, undistorted like the depth."""
    rgb = np.empty((len(chosen), *batch.grid, 3), dtype=np.uint8)
    for row, index in enumerate(ints(chosen)):
        pixels, camera = batch.pixels[index].cpu(), prediction.grid_camera(index)
        if not camera.lens.is_straight:
            pixels = undistort(pixels, camera)
        rgb[row] = uint8_array((pixels.clamp(0, 1) * 255.0).round().permute(1, 2, 0))
    return rgb


def _unregistered(batch: ImageBatch, prediction: Prediction) -> tuple[UnregisteredView, ...]:
    reasons = prediction.reasons or ("could not be placed",) * batch.n_views
    return tuple(
        UnregisteredView(
            name=frame.name, reason=reasons[index] or "could not be placed", path=str(frame.path) if frame.path else None
        )
        for index, frame in enumerate(batch.frames)
        if not bool(prediction.registered[index])
    )

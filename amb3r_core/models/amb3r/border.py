"""From what the network says to what the project means: metres, our pixels, padding left out, one exact world frame."""

import torch
from torch import Tensor

from amb3r_core.models.amb3r.amb3r import Pass
from amb3r_core.models.amb3r.scale import scene_scale
from amb3r_core.models.api import ImageBatch, Prediction
from amb3r_core.models.blocks.pose_encoding import intrinsics, inverse, transform

PIXEL_CENTER_OFFSET = 0.5
"""The network counts pixels from 0 with the principal point at W/2; ours is the middle of the pixel grid, (W - 1)/2."""
SMALLEST_FOV_RAD = 1e-3
LARGEST_FOV_RAD = 3.1
SMALLEST_QUATERNION = 1e-6


def to_prediction(one: Pass, batch: ImageBatch) -> Prediction:
    """The prediction of one pass over a single scene; everything on the CPU.

    Depth and translations are multiplied once by the scene's metric scale, if there is one. Padding and masked pixels, and what
    is not a finite positive depth, become depth 0 with confidence 1. The world is the first registered view's camera, exactly.
    """
    if one.poses is None or one.depth is None:
        raise ValueError("a prediction needs a pass with cameras and depth")
    valid = batch.valid.to(one.depth.values.device)
    raw_depth = one.depth.values[0].float()
    known = valid & raw_depth.isfinite() & (raw_depth > 0)
    scale = None if one.median_depth_m is None else metric_scale(one.median_depth_m, one.depth.values, known[None])
    factor = 1.0 if scale is None else scale
    pose = one.poses[-1, 0].double().cpu()
    reasons = tuple(_why_unregistered(view) for view in pose)
    registered = torch.tensor([not reason for reason in reasons])
    return Prediction(
        depth=torch.where(known, raw_depth * factor, 0.0).cpu(),
        confidence=torch.where(known, one.depth.confidence[0].float().clamp(min=1.0), 1.0).cpu(),
        cam_to_world=_world_of_first(pose, registered, factor),
        intrinsics=_our_intrinsics(pose, batch, registered),
        registered=registered,
        metric_scale=scale,
        reasons=reasons,
    )


def metric_scale(median_depth_m: Tensor, depth: Tensor, valid: Tensor) -> float | None:
    """Metres per network unit of one scene, or None when the network gives no usable number."""
    scale = float(scene_scale(median_depth_m, depth, valid)[0])
    return scale if 0.0 < scale < float("inf") else None


def _why_unregistered(pose: Tensor) -> str:
    """What is wrong with a raw pose encoding (9,), or "" when it makes a camera."""
    if not bool(pose.isfinite().all()):
        return "the network gave no finite pose"
    if float(pose[3:7].square().sum()) < SMALLEST_QUATERNION**2:
        return "the network gave no rotation"
    if not bool(((pose[7:] > SMALLEST_FOV_RAD) & (pose[7:] < LARGEST_FOV_RAD)).all()):
        return "the network gave an impossible field of view"
    return ""


def _world_of_first(pose: Tensor, registered: Tensor, factor: float) -> Tensor:
    """Camera-to-world (N, 4, 4) float64, scaled, in the frame of the first registered view; identity for the unregistered."""
    transforms = torch.eye(4, dtype=torch.float64).repeat(len(pose), 1, 1)
    if not bool(registered.any()):
        return transforms
    transforms[registered] = inverse(transform(pose[registered]))
    first = int(registered.int().argmax())
    to_first = torch.inverse(transforms[first])
    transforms[registered] = to_first @ transforms[registered]
    transforms[first] = torch.eye(4, dtype=torch.float64)
    transforms[registered, :3, 3] *= factor
    return transforms


def _our_intrinsics(pose: Tensor, batch: ImageBatch, registered: Tensor) -> Tensor:
    """Pinhole matrices (N, 3, 3) float64 in grid pixels; known cameras win over estimated ones."""
    height, width = batch.grid
    matrices = intrinsics(pose, height, width)
    matrices[:, :2, 2] -= PIXEL_CENTER_OFFSET
    matrices[~registered] = torch.eye(3, dtype=torch.float64)
    for index in range(batch.n_views):
        camera = batch.known_grid_camera(index)
        if camera is not None:
            matrices[index] = torch.as_tensor(camera.K)
    return matrices

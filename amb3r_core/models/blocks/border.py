"""From a network's cameras to the project's: which of them are any, our pixels, one exact world frame."""

import torch
from torch import Tensor

from amb3r_core.models.api import ImageBatch

PIXEL_CENTER_OFFSET = 0.5
"""The networks put the principal point of an image at W/2; ours is the middle of the pixel grid, (W - 1)/2."""
SMALLEST_FOV_RAD = 1e-3
LARGEST_FOV_RAD = 3.1
SMALLEST_QUATERNION = 1e-6


def why_unregistered(pose: Tensor) -> str:
    """What is wrong with a raw pose encoding (9,), or "" when it makes a camera."""
    if not bool(pose.isfinite().all()):
        return "the network gave no finite pose"
    if float(pose[3:7].square().sum()) < SMALLEST_QUATERNION**2:
        return "the network gave no rotation"
    if not bool(((pose[7:] > SMALLEST_FOV_RAD) & (pose[7:] < LARGEST_FOV_RAD)).all()):
        return "the network gave an impossible field of view"
    return ""


def world_of_first(cam_to_world: Tensor, registered: Tensor, factor: float) -> Tensor:
    """Poses (N, 4, 4) float64, scaled, in the frame of the first registered view; identity for the unregistered."""
    transforms = torch.eye(4, dtype=torch.float64).repeat(len(cam_to_world), 1, 1)
    if not bool(registered.any()):
        return transforms
    first = int(registered.int().argmax())
    transforms[registered] = torch.inverse(cam_to_world[first]) @ cam_to_world[registered]
    transforms[first] = torch.eye(4, dtype=torch.float64)
    transforms[registered, :3, 3] *= factor
    return transforms


def grid_intrinsics(matrices: Tensor, batch: ImageBatch, registered: Tensor) -> Tensor:
    """Pinhole matrices (N, 3, 3) float64 in grid pixels of the network's; known cameras win over estimated ones."""
    matrices = matrices.clone()
    matrices[:, :2, 2] -= PIXEL_CENTER_OFFSET
    matrices[~registered] = torch.eye(3, dtype=torch.float64)
    for index in range(batch.n_views):
        camera = batch.known_grid_camera(index)
        if camera is not None:
            matrices[index] = torch.as_tensor(camera.K)
    return matrices

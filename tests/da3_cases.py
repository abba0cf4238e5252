"""The cases in which Depth Anything 3 is compared with its published package: what goes in, by rules that both sides follow.

Imports nothing of the project but the rule of the synthetic weights, so that it runs beside the package alone.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.synthetic_weights import synthetic_images, synthetic_tensor

Float64 = NDArray[np.float64]
PREFIX = "model."
"""Stands before every name in the published files; keys of the weights' rule have it too."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run of one network. variant: our name for it; rule: our name for the choice of the reference view."""

    name: str
    variant: str
    n_views: int
    size: tuple[int, int]
    has_cameras: bool = False
    rule: str = "balanced"

    @property
    def images(self) -> Tensor:
        """Images (1, T, 3, H, W) in [0, 1]."""
        return (synthetic_images(1, self.n_views, *self.size) + 1) / 2


CASES = (
    Case(name="small_1", variant="da3-small", n_views=1, size=(126, 84)),
    Case(name="small_2", variant="da3-small", n_views=2, size=(70, 98)),
    Case(name="small_4", variant="da3-small", n_views=4, size=(84, 112)),
    Case(name="small_4_cameras", variant="da3-small", n_views=4, size=(84, 112), has_cameras=True),
    Case(name="small_5_widest", variant="da3-small", n_views=5, size=(56, 70), rule="widest"),
    Case(name="small_3_middle", variant="da3-small", n_views=3, size=(70, 56), rule="middle"),
    Case(name="small_1_square", variant="da3-small", n_views=1, size=(518, 518)),
    Case(name="small_3_first", variant="da3-small", n_views=3, size=(56, 42), rule="first"),
    Case(name="base_4", variant="da3-base", n_views=4, size=(84, 112)),
    Case(name="base_4_cameras", variant="da3-base", n_views=4, size=(70, 98), has_cameras=True),
    Case(name="metric_1", variant="da3-metric", n_views=1, size=(84, 112)),
    Case(name="mono_1", variant="da3-mono", n_views=1, size=(70, 98)),
    Case(name="pair_3", variant="pair", n_views=3, size=(70, 98)),
    Case(name="large_4", variant="da3-large", n_views=4, size=(56, 70)),
    Case(name="giant_3", variant="da3-giant", n_views=3, size=(42, 56)),
)
"""`pair` is the nested network with SMALL in GIANT's place: the same steps for a tenth of the memory."""

MAPS = ("depth", "depth_conf", "sky", "ray", "ray_conf", "points")
"""Arrays (B, T, H, W, ...) of which every so many rows and columns are kept."""
TOKENS = ("tap0", "tap1", "tap2", "tap3")
RAY_CAMERAS = ((0.8, 0.9), (1.4, 1.1), (2.5, 2.7))
"""Horizontal and vertical focal length, in sides of the image, of cameras whose exact rays are turned back into cameras."""
RAY_GRID = (24, 32)


def synthetic_weights(network: nn.Module, variant: str, salt: str) -> dict[str, Tensor]:
    """Weights for the names of a network without its prefix; variants of one size get weights of their own."""
    return {
        name: torch.from_numpy(synthetic_tensor(PREFIX + name, tuple(value.shape), f"@{variant}{salt}"))
        for name, value in network.state_dict().items()
    }


def known_poses(n_views: int) -> Float64:
    """Camera-to-world (T, 4, 4) of cameras on an arc, in a world that is none of theirs and 3 times as large as theirs."""
    tilt = rotation((0.3, -0.5, 0.2))
    poses = np.tile(np.eye(4), (n_views, 1, 1))
    for view in range(n_views):
        angle = 0.35 * view
        poses[view, :3, :3] = tilt @ rotation((0.1 * view, -angle, 0.05 * view))
        poses[view, :3, 3] = 3.0 * (tilt @ np.array([np.sin(angle), 0.1 * view * view, 1 - np.cos(angle)])) + (5.0, -2.0, 1.0)
    return poses


def known_intrinsics(n_views: int, size: tuple[int, int]) -> Float64:
    """Pinhole matrices (T, 3, 3) in pixels, the image's corner at (0, 0), with the principal point off the centre."""
    height, width = size
    matrices = np.tile(np.eye(3), (n_views, 1, 1))
    for view in range(n_views):
        matrices[view, 0] = (0.9 + 0.1 * view) * width, 0, width / 2 + 3
        matrices[view, 1] = 0, (0.85 + 0.1 * view) * width, height / 2 - 2
    return matrices


def exact_rays() -> tuple[Tensor, Tensor]:
    """Rays (N, h, w, 6) float32 of the cameras above, directions of uneven length, and confidences (N, h, w)."""
    rows, columns = RAY_GRID
    x = (2 * np.arange(columns) + 1) / columns - 1
    y = (2 * np.arange(rows) + 1) / rows - 1
    plane = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), axis=-1)
    length = 1 + 0.5 * np.sin(3 * plane[..., :1] + 2 * plane[..., 1:2])
    poses, rays = known_poses(len(RAY_CAMERAS)), []
    for (fx, fy), pose in zip(RAY_CAMERAS, poses, strict=True):
        inverse = np.diag([1 / (2 * fx), 1 / (2 * fy), 1.0])
        direction = plane @ (rotation((0.1, 0.05, -0.1)) @ inverse).T * length
        rays.append(np.concatenate([direction, np.broadcast_to(pose[:3, 3], direction.shape)], axis=-1))
    confidence = 2 + np.cos(plane[..., 0] - 2 * plane[..., 1])
    return torch.from_numpy(np.stack(rays)).float(), torch.from_numpy(np.stack([confidence] * len(rays))).float()


def thinned(name: str, array: NDArray[np.generic], stride: int) -> NDArray[np.generic]:
    """What is kept of an array: of maps every so many rows and columns, of tokens every so many patches and channels."""
    if name in MAPS:
        return array[:, :, ::stride, ::stride]
    return array[:, :, :: stride * stride, ::stride] if name in TOKENS else array


def rotation(angles: tuple[float, float, float]) -> Float64:
    """Rotation (3, 3) about x, then y, then z, by radians."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x

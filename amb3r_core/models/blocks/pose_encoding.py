"""Nine numbers that say where a camera stands and how much it sees, as the networks of VGGT's family give and take them.

Translation (3), quaternion xyzw (4), vertical then horizontal field of view in radians (2). Which way the transform leads,
camera to world or back, is the network's own affair.
"""

import torch
from torch import Tensor

POSE_SIZE = 9


def transform(pose: Tensor) -> Tensor:
    """[R | t] (..., 3, 4) of pose encodings (..., 9), OpenCV axes; the quaternion may have any length but zero."""
    x, y, z, w = pose[..., 3:7].unbind(-1)
    s = 2.0 / pose[..., 3:7].square().sum(-1)
    rotation = torch.stack(
        [
            1 - s * (y * y + z * z),
            s * (x * y - z * w),
            s * (x * z + y * w),
            s * (x * y + z * w),
            1 - s * (x * x + z * z),
            s * (y * z - x * w),
            s * (x * z - y * w),
            s * (y * z + x * w),
            1 - s * (x * x + y * y),
        ],
        dim=-1,
    ).view(*pose.shape[:-1], 3, 3)
    return torch.cat([rotation, pose[..., :3, None]], dim=-1)


def inverse(matrix: Tensor) -> Tensor:
    """The rigid transform (..., 4, 4) that undoes [R | t] (..., 3, 4)."""
    rotation = matrix[..., :3].transpose(-1, -2)
    return homogeneous(torch.cat([rotation, -rotation @ matrix[..., 3:]], dim=-1))


def homogeneous(matrix: Tensor) -> Tensor:
    """[R | t] (..., 3, 4) with its last row (..., 4, 4)."""
    last = matrix.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*matrix.shape[:-2], 1, 4)
    return torch.cat([matrix, last], dim=-2)


def intrinsics(pose: Tensor, height: int, width: int) -> Tensor:
    """Pinhole matrices (..., 3, 3) of pose encodings in the network's pixels, principal point (W/2, H/2).

    A field of view of zero gives an infinite focal length.
    """
    fy = (height / 2) / torch.tan(pose[..., 7] / 2)
    fx = (width / 2) / torch.tan(pose[..., 8] / 2)
    zero, one = torch.zeros_like(fx), torch.ones_like(fx)
    cx, cy = one * (width / 2), one * (height / 2)
    entries = [fx, zero, cx, zero, fy, cy, zero, zero, one]
    return torch.stack(entries, dim=-1).view(*pose.shape[:-1], 3, 3)


def encode(matrix: Tensor, fields_of_view: Tensor) -> Tensor:
    """Pose encodings (..., 9) of [R | t] (..., 3 or 4, 4) and fields of view (..., 2), vertical first."""
    return torch.cat([matrix[..., :3, 3], quaternion(matrix[..., :3, :3]), fields_of_view], dim=-1)


def fields_of_view(intrinsics: Tensor, height: int, width: int) -> Tensor:
    """(..., 2): vertical and horizontal angle in radians of pinhole matrices (..., 3, 3) with a central principal point."""
    halves = torch.stack([height / 2 / intrinsics[..., 1, 1], width / 2 / intrinsics[..., 0, 0]], dim=-1)
    return 2 * halves.atan()


def quaternion(rotation: Tensor) -> Tensor:
    """Unit quaternions xyzw (..., 4) of rotations (..., 3, 3), with w >= 0.

    Each of the four components gives the whole quaternion times itself; the largest is the one to divide by.
    """
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in rotation.unbind(-2))
    times_x = torch.stack([1 + a - e - i, b + d, c + g, h - f], dim=-1)
    times_y = torch.stack([b + d, 1 - a + e - i, f + h, c - g], dim=-1)
    times_z = torch.stack([c + g, f + h, 1 - a - e + i, d - b], dim=-1)
    times_w = torch.stack([h - f, c - g, d - b, 1 + a + e + i], dim=-1)
    candidates = torch.stack([times_x, times_y, times_z, times_w], dim=-2)
    largest = candidates.diagonal(dim1=-2, dim2=-1).argmax(-1)
    chosen = candidates.gather(-2, largest[..., None, None].expand(*largest.shape, 1, 4)).squeeze(-2)
    unit = chosen / chosen.square().sum(-1, keepdim=True).sqrt()
    return torch.where(unit[..., 3:] < 0, -unit, unit)

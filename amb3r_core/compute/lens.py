"""Straightening what a lens bent."""

import torch
import torch.nn.functional as F
from torch import Tensor

WHOLLY_USABLE = 0.999
"""A pixel of a straightened mask counts where all the pixels it was mixed from do."""


def undistort(pixels: Tensor, intrinsics: Tensor, k1: float) -> Tensor:
    """The image (C, H, W) a pinhole with these intrinsics (3, 3) would have taken; k1 is COLMAP's SIMPLE_RADIAL coefficient.

    Bilinear; pixels that the photo does not show repeat its border.
    """
    height, width = pixels.shape[-2:]
    fx, fy, cx, cy = (float(intrinsics[i, j]) for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    x = (torch.arange(width, dtype=torch.float64) - cx) / fx
    y = (torch.arange(height, dtype=torch.float64) - cy) / fy
    bend = 1.0 + k1 * (x[None, :] ** 2 + y[:, None] ** 2)
    u, v = fx * x[None, :] * bend + cx, fy * y[:, None] * bend + cy
    grid = torch.stack([(2 * u + 1) / width - 1, (2 * v + 1) / height - 1], dim=-1).to(pixels.dtype)
    return F.grid_sample(pixels[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False)[0]


def undistort_mask(usable: Tensor, intrinsics: Tensor, k1: float) -> Tensor:
    """Which pixels (H, W) of the straightened image come from usable pixels (H, W, bool) alone; arguments as of `undistort`."""
    return undistort(usable[None].float(), intrinsics, k1)[0] > WHOLLY_USABLE

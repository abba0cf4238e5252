"""Straightening what a lens bent."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from amb3r_core.scene.camera import Camera

WHOLLY_USABLE = 0.999
"""A pixel of a straightened mask counts where all the pixels it was mixed from do."""


def undistort(pixels: Tensor, camera: Camera) -> Tensor:
    """The image (C, H, W) that the camera's pinhole would have taken, from the one that its lens bent.

    Bilinear; pixels that the photo does not show repeat its border. `ValueError` when the camera is of another size.
    """
    pinhole = camera.pinhole
    height, width = pixels.shape[-2:]
    if (pinhole.height, pinhole.width) != (height, width):
        raise ValueError(f"the image is (H, W) = ({height}, {width}) but its camera ({pinhole.height}, {pinhole.width})")
    x = (np.arange(width) - pinhole.cx) / pinhole.fx
    y = (np.arange(height) - pinhole.cy) / pinhole.fy
    x, y = camera.lens.distort(x[None, :], y[:, None])
    u, v = (torch.as_tensor(values) for values in (pinhole.fx * x + pinhole.cx, pinhole.fy * y + pinhole.cy))
    grid = torch.stack([(2 * u + 1) / width - 1, (2 * v + 1) / height - 1], dim=-1).to(pixels.dtype)
    return F.grid_sample(pixels[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False)[0]


def undistort_mask(usable: Tensor, camera: Camera) -> Tensor:
    """Which pixels (H, W) of the straightened image come from usable pixels (H, W, bool) alone."""
    return undistort(usable[None].float(), camera)[0] > WHOLLY_USABLE

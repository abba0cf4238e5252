"""Photos whose known lens bends lines, as a pinhole would have taken them."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from amb3r_core.compute.arrays import uint8_array
from amb3r_core.compute.lens import undistort, undistort_mask
from amb3r_core.inputs.images import Frame
from amb3r_core.scene.arrays import UInt8
from amb3r_core.scene.camera import Camera


def straightened(frame: Frame, camera: Camera) -> Frame:
    """The frame with this known camera; where its lens bends, the frame's pixels are straightened when they are decoded.

    Pixels of the straight photo that the bent one does not show are masked. The camera must be of the photo's size.
    """
    if camera.lens.is_straight:
        return replace(frame, camera=camera.pinhole)
    return replace(
        frame,
        camera=camera.pinhole,
        lens=camera.lens,
        decode=lambda: straight_pixels(frame.decode(), camera),
        decode_mask=lambda: _straight_mask(frame, camera),
        is_upright_file=False,
    )


def straight_pixels(rgb: UInt8, camera: Camera) -> UInt8:
    """The image (H, W, 3) that the camera's pinhole would have taken, from the one that its lens bent."""
    pixels = undistort(torch.as_tensor(rgb).permute(2, 0, 1).float(), camera)
    return np.ascontiguousarray(uint8_array(pixels.round().clamp(0, 255)).transpose(1, 2, 0))


def _straight_mask(frame: Frame, camera: Camera) -> NDArray[np.bool_]:
    seen = _shown_by(camera)
    if frame.decode_mask is None:
        return seen
    usable = undistort_mask(torch.as_tensor(frame.decode_mask()), camera)
    return seen & uint8_array(usable).astype(np.bool_)


def _shown_by(camera: Camera) -> NDArray[np.bool_]:
    """Which pixels (H, W) of the straight photo lie inside the bent one."""
    width, height = camera.pinhole.width, camera.pinhole.height
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    place = camera.distort(np.stack([columns, rows], axis=-1))
    inside = (place >= -0.5) & (place <= np.array([width - 0.5, height - 0.5]))
    return np.asarray(inside.all(axis=-1), dtype=np.bool_)

"""The dense maps of a scene, written row by row and mapped, so that they never sit in memory together."""

import numpy as np
import torch

from amb3r_core.compute.arrays import uint8_array
from amb3r_core.compute.lens import undistort
from amb3r_core.pipelines.mapping.records import RecordFolder
from amb3r_core.scene.arrays import Float32, UInt8
from amb3r_core.scene.camera import Camera
from amb3r_core.scene.reconstruction import Dense


class DenseFiles:
    """Files of a folder that hold one row for each view; all rows must be written before they are mapped."""

    def __init__(self, folder: RecordFolder, grid: tuple[int, int]) -> None:
        self._depth = folder.open("scene_depth.f32", grid, np.float32)
        self._confidence = folder.open("scene_confidence.f32", grid, np.float32)
        self._rgb = folder.open("scene_rgb.u8", (*grid, 3), np.uint8)

    def write(self, row: int, depth: Float32, confidence: Float32, rgb: UInt8) -> None:
        """All of one view."""
        self.write_depth(row, depth, confidence)
        self._rgb.write(row, rgb)

    def write_depth(self, row: int, depth: Float32, confidence: Float32) -> None:
        """Depth and confidence (H, W) of one view."""
        self._depth.write(row, depth)
        self._confidence.write(row, confidence)

    def dense(self, n_views: int, *, weight_is_probability: bool) -> Dense:
        """The first rows as memory maps; nothing is written after that."""
        for file in (self._depth, self._confidence, self._rgb):
            file.close()
        return Dense(
            depth=np.asarray(self._depth.mapped(n_views), dtype=np.float32),
            confidence=np.asarray(self._confidence.mapped(n_views), dtype=np.float32),
            rgb=np.asarray(self._rgb.mapped(n_views), dtype=np.uint8),
            weight_is_probability=weight_is_probability,
        )


def straightened(rgb: UInt8, camera: Camera) -> UInt8:
    """A picture (H, W, 3) on the grid as its depth has it, without the bend of the camera's lens."""
    if camera.lens.is_straight:
        return rgb
    pixels = torch.as_tensor(rgb.copy()).permute(2, 0, 1).float()
    return uint8_array(undistort(pixels, camera).round().permute(1, 2, 0))

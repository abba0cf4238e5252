"""Depth between the pixels. The voxel block grid reads the nearest pixel of a depth map, which on a wall seen at an angle is
wrong by up to half a pixel's change of depth; on a finer map it is wrong by less.
"""

import numpy as np

from amb3r_core import PinholeCamera
from amb3r_core.scene.arrays import Float32
from amb3r_core.scene.depth_maps import inverse_depth

REFINEMENT = 3
"""Pixels for one, along either side; odd, so that every pixel keeps its centre and its depth."""
MOST_PIXELS = 12_000_000
"""A map that would become larger stays as it is: its pixels are small already."""
MAX_JUMP = 0.05
"""Neighbours whose depth differs by a larger share are two surfaces, with nothing in between."""


def refinement_of(height: int, width: int) -> int:
    """How much finer a depth map of this size is made: `REFINEMENT`, or 1 for a large one."""
    return REFINEMENT if height * width * REFINEMENT**2 <= MOST_PIXELS else 1


def finer_camera(camera: PinholeCamera, factor: int) -> PinholeCamera:
    """The same camera with `factor` pixels for one along either side."""
    return camera.resized(camera.width * factor, camera.height * factor)


def finer_depth(depth: Float32, factor: int) -> Float32:
    """A depth map (H, W), 0 = unknown, with `factor` (odd) pixels for one along either side: (factor H, factor W).

    Exact on planes, whose inverse depth is linear in the pixel; at jumps and beside unknown pixels the nearest pixel is repeated.
    """
    if factor == 1:
        return depth
    fine = _finer_rows(_finer_rows(inverse_depth(depth), factor).T, factor).T
    finer = np.zeros(fine.shape, dtype=np.float32)
    np.divide(np.float32(1), fine, out=finer, where=~np.isnan(fine))
    return finer


def _finer_rows(inverse: Float32, factor: int) -> Float32:
    """Rows of inverse depth (H, W) with `factor` values for one: (H, factor W); NaN stays NaN."""
    left, right = inverse[:, :-1], inverse[:, 1:]
    step = right - left
    step[~(np.abs(step) <= np.float32(MAX_JUMP) * np.maximum(left, right))] = 0
    fine = np.repeat(inverse, factor, axis=1)
    middle = factor // 2
    for offset in range(1, middle + 1):
        part = step * np.float32(offset / factor)
        fine[:, middle + offset : -factor : factor] += part
        fine[:, factor + middle - offset :: factor] -= part
    return fine

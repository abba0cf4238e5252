"""Depth between pixels: exact on planes, invented nowhere."""

import numpy as np
import pytest
from amb3r_open3d.subpixel import MOST_PIXELS, finer_camera, finer_depth, refinement_of

from amb3r_core.scene.camera import PinholeCamera

CAMERA = PinholeCamera(width=40, height=30, fx=35.0, fy=33.0, cx=18.7, cy=15.2)


def plane(camera: PinholeCamera, normal: tuple[float, float, float]) -> np.ndarray:
    """Depth of the plane normal . X = 1."""
    v, u = np.mgrid[0 : camera.height, 0 : camera.width]
    return (1 / (normal[0] * (u - camera.cx) / camera.fx + normal[1] * (v - camera.cy) / camera.fy + normal[2])).astype(
        np.float32
    )


@pytest.mark.parametrize("factor", [1, 3, 5])
def test_a_slanted_wall_is_exact_between_its_pixels(factor: int):
    finer = finer_depth(plane(CAMERA, (0.2, -0.15, 0.4)), factor)
    truth = plane(finer_camera(CAMERA, factor), (0.2, -0.15, 0.4))
    rim = factor // 2
    inner = np.s_[rim : finer.shape[0] - rim, rim : finer.shape[1] - rim]
    assert np.allclose(finer[inner], truth[inner], rtol=1e-5)


def test_pixels_keep_their_depth_and_jumps_and_holes_stay():
    depth = plane(CAMERA, (0.1, 0.1, 0.4))
    depth[:, 20:] *= 2.0
    depth[10:12, 5:9] = 0.0
    finer = finer_depth(depth, 3)
    assert np.allclose(finer[1::3, 1::3], depth, rtol=1e-6)
    assert np.allclose(finer[:, 60], finer[:, 61], rtol=0.02)
    assert np.allclose(finer[:, 59], finer[:, 58], rtol=0.02)
    assert np.array_equal(finer == 0, np.repeat(np.repeat(depth == 0, 3, axis=0), 3, axis=1))


def test_a_large_map_stays_as_it_is():
    assert refinement_of(480, 640) == 3
    assert refinement_of(3000, 4000) == 1
    assert 3000 * 4000 * 9 > MOST_PIXELS >= 480 * 640 * 9

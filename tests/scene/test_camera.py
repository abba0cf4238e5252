"""Cameras: from a matrix, resized, and bent by a lens."""

import numpy as np
import pytest

from amb3r_core.scene.camera import Camera, Letterbox, PinholeCamera
from amb3r_core.scene.lens import simple_radial

PINHOLE = PinholeCamera(width=640, height=480, fx=500.0, fy=520.0, cx=310.25, cy=251.5)
LETTERBOX = Letterbox(x=3, y=2, width=320, height=120)
CAMERAS = [Camera(pinhole=PINHOLE, lens=simple_radial(k1)) for k1 in (-0.2, 0.0, 0.3)]
POINTS = np.random.default_rng(0).uniform([-1, -0.8, 2], [1, 0.8, 4], (50, 3))


def image_pixels() -> np.ndarray:
    columns, rows = np.meshgrid(np.linspace(-0.5, 639.5, 33), np.linspace(-0.5, 479.5, 25))
    return np.stack([columns, rows], axis=-1)


def test_a_camera_comes_back_from_its_matrix() -> None:
    assert PinholeCamera.from_matrix(PINHOLE.K, 640, 480) == PINHOLE


def test_resizing_back_and_forth_gives_the_same_camera() -> None:
    back = PINHOLE.resized(320, 120).resized(640, 480)
    np.testing.assert_allclose(back.K, PINHOLE.K, atol=1e-9)


@pytest.mark.parametrize("camera", CAMERAS)
def test_undistorting_undoes_distorting_within_a_millionth_of_a_pixel(camera: Camera) -> None:
    pixels = image_pixels()
    assert np.abs(camera.undistort(camera.distort(pixels)) - pixels).max() < 1e-6
    assert np.abs(camera.distort(camera.undistort(pixels)) - pixels).max() < 1e-6


@pytest.mark.parametrize("camera", CAMERAS)
def test_projecting_is_the_pinhole_and_then_the_lens(camera: Camera) -> None:
    np.testing.assert_allclose(camera.undistort(camera.project(POINTS)), PINHOLE.project(POINTS), atol=1e-6)


@pytest.mark.parametrize("camera", CAMERAS)
def test_resizing_commutes_with_distorting(camera: Camera) -> None:
    scale = np.array([LETTERBOX.width / 640, LETTERBOX.height / 480])

    def resized(pixels: np.ndarray) -> np.ndarray:
        return (pixels + 0.5) * scale + [LETTERBOX.x, LETTERBOX.y] - 0.5

    grid = camera.mapped(LETTERBOX, 400, 200)
    np.testing.assert_allclose(grid.distort(resized(image_pixels())), resized(camera.distort(image_pixels())), atol=1e-9)
    assert grid.lens == camera.lens


def test_the_middle_of_the_picture_stays_where_it_is() -> None:
    middle = np.array([PINHOLE.cx, PINHOLE.cy])
    np.testing.assert_array_equal(CAMERAS[0].distort(middle), middle)

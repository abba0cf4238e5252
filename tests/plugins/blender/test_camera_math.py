"""Cameras between OpenCV and Blender, as laws over random cameras."""

import numpy as np
import pytest
from amb3r_blender.camera_math import (
    camera_display_size,
    horizontal_sensor_width,
    intrinsics_from_lens,
    lens_from_intrinsics,
    mean_up,
    quaternions,
    z_up_rotation,
)

from amb3r_core.scene.camera import PinholeCamera
from tests.plugins.blender.kit import random_intrinsics, random_pose, random_rotation

HALF_PIXEL = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
"""From a principal point counted from the first pixel's centre to one counted from its corner."""
SIZES = [(640, 480), (480, 640), (1920, 1080), (4032, 3024), (3, 5)]


def _camera(random: np.random.Generator, width: int, height: int) -> PinholeCamera:
    K = random_intrinsics(random, width, height)
    return PinholeCamera(width=width, height=height, fx=K[0, 0], fy=K[1, 1], cx=K[0, 2] - 0.5, cy=K[1, 2] - 0.5)


def _blender_pixels(camera: PinholeCamera, points: np.ndarray) -> np.ndarray:
    """Pixels of points in Blender's camera frame, as its manual defines lens, shift and pixel aspect."""
    lens = lens_from_intrinsics(camera)
    x, y = -points[:, 0] / points[:, 2], -points[:, 1] / points[:, 2]
    across = lens.focal_mm / lens.sensor_width_mm * x - lens.shift_x + 0.5
    up = lens.focal_mm / lens.sensor_width_mm * y - lens.shift_y
    return np.stack([across * camera.width, camera.height / 2 - up * camera.width / lens.pixel_aspect], axis=1)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_blender_lens_projects_where_the_matrix_does(width: int, height: int) -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        camera = _camera(random, width, height)
        points = np.column_stack([random.uniform(-2, 2, (100, 2)), random.uniform(1, 20, 100)])
        wanted = points @ (camera.K + HALF_PIXEL).T
        found = _blender_pixels(camera, points * [1, -1, -1])
        assert np.abs(found - wanted[:, :2] / wanted[:, 2:]).max() < 1e-8 * max(width, height)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_intrinsics_come_back_from_the_lens(width: int, height: int) -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        camera = _camera(random, width, height)
        back = intrinsics_from_lens(lens_from_intrinsics(camera), width, height)
        assert pytest.approx(camera.K, rel=1e-12, abs=1e-9) == back.K


def test_pixel_aspect_pair_stays_at_least_one() -> None:
    for fx, fy in ((100.0, 50.0), (50.0, 100.0), (70.0, 70.0)):
        camera = PinholeCamera(width=10, height=10, fx=fx, fy=fy, cx=5, cy=5)
        x, y = lens_from_intrinsics(camera).pixel_aspect_xy
        assert min(x, y) == 1.0
        assert y / x == pytest.approx(fx / fy)


def test_a_vertical_fit_equals_a_horizontal_one_with_a_wider_sensor() -> None:
    sensor, shift = horizontal_sensor_width("AUTO", 36.0, 24.0, 480, 640)
    assert sensor == pytest.approx(27.0)
    assert shift == pytest.approx(640 / 480)
    assert horizontal_sensor_width("AUTO", 36.0, 24.0, 640, 480) == (36.0, 1.0)
    assert horizontal_sensor_width("VERTICAL", 36.0, 24.0, 640, 480) == (32.0, 0.75)
    assert horizontal_sensor_width("HORIZONTAL", 36.0, 24.0, 480, 640) == (36.0, 1.0)


def test_quaternions_give_their_rotations_back_and_never_jump() -> None:
    random = np.random.default_rng(2)
    rotations = np.array([random_rotation(random) for _ in range(200)])
    wxyz = quaternions(rotations)
    w, x, y, z = wxyz.T
    built = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    ).transpose(2, 0, 1)
    assert np.abs(built - rotations).max() < 1e-12
    assert (np.einsum("ij,ij->i", wxyz[1:], wxyz[:-1]) >= 0).all()
    assert quaternions(np.zeros((0, 3, 3))).shape == (0, 4)


def test_the_root_turns_up_into_z_and_keeps_forward_ahead() -> None:
    assert z_up_rotation(np.array([0.0, -1.0, 0.0])) @ [0, 0, 1] == pytest.approx([0, 1, 0])
    random = np.random.default_rng(3)
    for _ in range(20):
        up = random_rotation(random)[:, 0]
        rotation = z_up_rotation(up)
        assert rotation @ up == pytest.approx([0, 0, 1], abs=1e-12)
        assert rotation.T @ rotation == pytest.approx(np.eye(3), abs=1e-12)


def test_mean_up_moves_with_the_world() -> None:
    random = np.random.default_rng(4)
    poses = np.array([np.eye(4)] * 3)
    poses[:, :3, :3] = [random_rotation(random) @ np.diag([1, 1, 1]) for _ in range(3)]
    turn = np.eye(4)
    turn[:3, :3] = random_rotation(random)
    assert mean_up(turn @ poses) == pytest.approx(turn[:3, :3] @ mean_up(poses))
    assert mean_up(np.zeros((0, 4, 4))).tolist() == [0.0, -1.0, 0.0]


def test_camera_icons_scale_with_the_scene() -> None:
    poses = np.array([random_pose(np.random.default_rng(seed)) for seed in range(9)])
    larger = poses.copy()
    larger[:, :3, 3] *= 7
    assert camera_display_size(larger) == pytest.approx(7 * camera_display_size(poses))
    assert camera_display_size(poses[:1]) > 0
    assert camera_display_size(poses[[0, 0]]) > 0

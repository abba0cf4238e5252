"""Depth maps as surfaces."""

import numpy as np
import pytest
from amb3r_blender.relief import relief_of_depth

from amb3r_core.scene.camera import Letterbox, PinholeCamera
from tests.plugins.blender.kit import random_pose

CAMERA = PinholeCamera(width=80, height=60, fx=70.0, fy=75.0, cx=37.5, cy=30.5)
WHOLE = Letterbox(x=0, y=0, width=80, height=60)


@pytest.mark.parametrize("step", [1, 3])
def test_every_corner_projects_to_its_place_in_the_photo(step: int) -> None:
    pose = random_pose(np.random.default_rng(0))
    depth = np.zeros((40, 48), np.float32)
    depth[5:35, 4:44] = 2.0 + 0.01 * np.arange(40)
    relief = relief_of_depth(depth, CAMERA, Letterbox(x=4, y=5, width=40, height=30), pose, step)
    camera_points = (relief.vertices - pose[:3, 3]) @ pose[:3, :3]
    pixels = CAMERA.project(camera_points) + 0.5
    assert pixels[:, 0] / 80 == pytest.approx(relief.uv[:, 0], abs=1e-5)
    assert 1 - pixels[:, 1] / 60 == pytest.approx(relief.uv[:, 1], abs=1e-5)
    assert len(relief.vertices) == -(-40 // step) * -(-30 // step)


def test_faces_look_at_the_camera() -> None:
    relief = relief_of_depth(np.full((60, 80), 3.0, np.float32), CAMERA, WHOLE, np.eye(4))
    a, b, c = (relief.vertices[relief.quads[:, corner]] for corner in range(3))
    assert (np.cross(b - a, c - b)[:, 2] < 0).all()


def test_jumps_and_unknown_depth_are_cut() -> None:
    depth = np.full((60, 80), 3.0, np.float32)
    depth[:, 40:] = 6.0
    depth[10, 10] = 0.0
    relief = relief_of_depth(depth, CAMERA, WHOLE, np.eye(4))
    spread = np.ptp(relief.vertices[relief.quads][..., 2], axis=1)
    assert spread.max() == 0.0
    assert len(relief.quads) == 59 * 78 - 4
    assert relief.vertices[:, 2].min() == 3.0


def test_an_empty_map_has_no_surface() -> None:
    assert (
        len(relief_of_depth(np.zeros((6, 8), np.float32), CAMERA, Letterbox(x=0, y=0, width=8, height=6), np.eye(4)).quads) == 0
    )

"""Floors found in points."""

import numpy as np
import pytest
from amb3r_blender.ground import GroundError, fit_floor, levelled, plane_of_points

from tests.plugins.blender.kit import random_rotation

UP = np.array([0.0, 0.0, 1.0])


def _room(random: np.random.Generator) -> np.ndarray:
    """A floor at z = -1.3, a wall and a table above."""
    floor = np.column_stack([random.uniform(-2, 2, (3000, 2)), random.normal(-1.3, 0.003, 3000)])
    wall = np.column_stack([random.uniform(-2, 2, 2500), random.normal(2, 0.003, 2500), random.uniform(-1.3, 1.5, 2500)])
    table = np.column_stack([random.uniform(-0.5, 0.5, (1500, 2)), np.full(1500, -0.6)])
    return np.concatenate([floor, wall, table])


@pytest.mark.parametrize("seed", range(4))
def test_a_tilted_floor_is_levelled_to_zero(seed: int) -> None:
    random = np.random.default_rng(seed)
    angle = np.radians(20)
    tilt = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    points, cameras = _room(random) @ tilt.T, random.uniform(-0.5, 0.5, (5, 3)) @ tilt.T
    transform = levelled(fit_floor(points, cameras, UP, seed))
    moved = points @ transform[:3, :3].T + transform[:3, 3]
    assert np.abs(moved[:3000, 2]).max() < 0.03
    assert np.degrees(np.arccos((transform[:3, :3] @ tilt)[2, 2])) < 0.3


def test_a_plane_above_the_cameras_is_no_floor() -> None:
    random = np.random.default_rng(0)
    ceiling = np.column_stack([random.uniform(-2, 2, (3000, 2)), np.full(3000, 2.0)])
    with pytest.raises(GroundError, match="no level plane"):
        fit_floor(ceiling, np.zeros((4, 3)), UP)


def test_three_points_give_their_plane_with_its_normal_up() -> None:
    random = np.random.default_rng(1)
    points = random.normal(size=(3, 3))
    plane = plane_of_points(points, UP)
    assert points @ plane.normal == pytest.approx([plane.offset] * 3)
    assert plane.normal @ UP > 0
    turned = plane_of_points(points[[1, 0, 2]], UP)
    assert turned.normal == pytest.approx(plane.normal)


def test_points_on_a_line_are_refused() -> None:
    with pytest.raises(GroundError, match="one line"):
        plane_of_points(np.outer([1.0, 2.0, 3.0], random_rotation(np.random.default_rng(0))[0]), UP)
    with pytest.raises(GroundError, match="too few points"):
        fit_floor(np.zeros((5, 3)), np.zeros((0, 3)), UP)

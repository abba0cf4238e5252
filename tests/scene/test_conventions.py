"""Laws of the conventions: inverses, quaternions, axes."""

import numpy as np
import pytest

from amb3r_core.scene.conventions import (
    OPENCV_FROM_OPENGL,
    invert,
    mean_up_direction,
    opencv_to_opengl,
    quaternion_from_rotation,
    rigid,
    rotation_between,
    rotation_from_quaternion,
    up_axis_rotation,
)

QUATERNIONS = np.random.default_rng(3).normal(size=(50, 4))
ROTATIONS = np.array([rotation_from_quaternion(quaternion) for quaternion in QUATERNIONS])
HALF_TURNS = [np.diag([1.0, -1.0, -1.0]), np.diag([-1.0, 1.0, -1.0]), np.diag([-1.0, -1.0, 1.0]), np.eye(3)]


def test_inverse_undoes_a_transform():
    transforms = np.array([rigid(R, np.array([1.0, -2.0, 3.0])) for R in ROTATIONS])
    assert np.allclose(invert(transforms) @ transforms, np.eye(4), atol=1e-12)
    assert np.allclose(invert(transforms[0]), np.linalg.inv(transforms[0]))


@pytest.mark.parametrize("R", [*ROTATIONS[:20], *HALF_TURNS])
def test_a_rotation_survives_its_quaternion(R: np.ndarray):
    quaternion = quaternion_from_rotation(R)
    assert quaternion[0] >= 0
    assert np.isclose(np.linalg.norm(quaternion), 1.0)
    assert np.allclose(rotation_from_quaternion(quaternion), R, atol=1e-12)


def test_quaternions_are_wxyz_and_turn_counterclockwise():
    R = rotation_from_quaternion(np.array([np.cos(0.2), 0.0, 0.0, np.sin(0.2)]))
    assert np.allclose(R @ [1.0, 0.0, 0.0], [np.cos(0.4), np.sin(0.4), 0.0])
    for quaternion, R in zip(QUATERNIONS, ROTATIONS, strict=True):
        unit = quaternion / np.linalg.norm(quaternion) * np.sign(quaternion[0])
        assert np.allclose(quaternion_from_rotation(R), unit)
        assert np.isclose(np.linalg.det(R), 1.0)


def test_a_quaternion_of_any_length_is_a_rotation_but_zero_is_not():
    quaternion = quaternion_from_rotation(ROTATIONS[1])
    assert np.allclose(rotation_from_quaternion(-7.0 * quaternion), ROTATIONS[1])
    with pytest.raises(ValueError, match="finite and not zero"):
        rotation_from_quaternion(np.zeros(4))


def test_opengl_looks_along_minus_z_with_y_up():
    pose = rigid(ROTATIONS[2], np.ones(3))
    opengl = opencv_to_opengl(pose)
    assert np.allclose(opengl[:3, 2], -pose[:3, 2])
    assert np.allclose(opengl[:3, 1], -pose[:3, 1])
    assert np.allclose(opengl[:3, 3], pose[:3, 3])
    assert np.allclose(opencv_to_opengl(opengl), pose)
    assert np.allclose(OPENCV_FROM_OPENGL @ OPENCV_FROM_OPENGL, np.eye(4))


@pytest.mark.parametrize("target", [[0.0, 0.0, 2.0], [0.3, -0.5, 0.1], [-1.0, -2.0, -3.0], [1.0, 2.0, 3.0]])
def test_the_smallest_rotation_brings_one_direction_to_the_other(target: list[float]):
    source = np.array([1.0, 2.0, 3.0])
    R = rotation_between(source, np.array(target))
    assert np.allclose(R.T @ R, np.eye(3), atol=1e-12)
    assert np.isclose(np.linalg.det(R), 1.0)
    assert np.allclose(R @ source / np.linalg.norm(source), np.array(target) / np.linalg.norm(target), atol=1e-9)


def test_up_is_turned_into_the_named_axis():
    up = np.array([0.1, -0.9, 0.2])
    for axis, target in {"-y": [0, -1, 0], "y": [0, 1, 0], "z": [0, 0, 1]}.items():
        assert np.allclose(up_axis_rotation(up, axis) @ up / np.linalg.norm(up), target)


def test_people_who_hold_cameras_upright_tell_where_up_is():
    turns = [rotation_from_quaternion(np.array([np.cos(angle), 0.0, np.sin(angle), 0.0])) for angle in (0, 0.5, 1.2)]
    upright = np.array([rigid(R, np.zeros(3)) for R in turns])
    assert np.allclose(mean_up_direction(upright), [0, -1, 0])
    opposed = np.array([np.eye(4), np.diag([-1.0, -1.0, 1.0, 1.0])])
    assert np.allclose(mean_up_direction(opposed), [0, -1, 0])

"""Laws of similarities and of means of poses."""

import numpy as np
import pytest

from amb3r_core.errors import AlignmentError
from amb3r_core.scene.conventions import rigid, rotation_from_quaternion
from amb3r_core.scene.geometry import Sim3, blend_pose, mean_pose, pose_distance, rotation_angle, umeyama

RANDOM = np.random.default_rng(5)
POINTS = RANDOM.normal(size=(40, 3))


def sim3(seed: int) -> Sim3:
    random = np.random.default_rng(seed)
    R = rotation_from_quaternion(random.normal(size=4))
    return Sim3(float(np.exp(random.normal())), R, random.normal(size=3))


def pose(seed: int) -> np.ndarray:
    return rigid(sim3(seed).rotation, sim3(seed).translation)


def test_sim3_inverse_undoes_it():
    a = sim3(1)
    assert np.allclose(a.inverse().apply(a.apply(POINTS)), POINTS)
    assert np.allclose((a @ a.inverse()).apply(POINTS), POINTS)
    assert np.allclose(Sim3.identity().apply(POINTS), POINTS)


def test_sim3_product_applies_the_right_one_first_and_is_associative():
    a, b, c = sim3(1), sim3(2), sim3(3)
    assert np.allclose((a @ b).apply(POINTS), a.apply(b.apply(POINTS)))
    assert np.allclose(((a @ b) @ c).apply(POINTS), (a @ (b @ c)).apply(POINTS))


def test_a_moved_camera_sees_the_moved_points_scaled():
    a, camera = sim3(4), pose(5)
    moved = a.apply_pose(camera)
    assert np.isclose(np.linalg.det(moved[:3, :3]), 1.0)
    seen = (POINTS - camera[:3, 3]) @ camera[:3, :3]
    seen_moved = (a.apply(POINTS) - moved[:3, 3]) @ moved[:3, :3]
    assert np.allclose(seen_moved, a.scale * seen)


def test_a_similarity_checks_itself():
    with pytest.raises(ValueError, match="positive and finite"):
        Sim3(0.0, np.eye(3), np.zeros(3))
    with pytest.raises(ValueError, match="wanted"):
        Sim3(1.0, np.eye(4), np.zeros(3))
    assert np.allclose(Sim3.from_rigid(pose(2), 3.0).translation, pose(2)[:3, 3])


@pytest.mark.parametrize("seed", range(5))
def test_umeyama_finds_the_similarity_between_moved_points(seed: int):
    true = sim3(seed)
    found = umeyama(POINTS, true.apply(POINTS))
    assert np.isclose(found.scale, true.scale)
    assert np.allclose(found.rotation, true.rotation)
    assert np.allclose(found.translation, true.translation)


def test_umeyama_gives_a_rotation_even_for_mirrored_or_flat_points():
    flat = POINTS * [1.0, 1.0, 0.0]
    found = umeyama(flat, sim3(3).apply(flat))
    assert np.allclose(found.rotation, sim3(3).rotation)
    mirrored = umeyama(POINTS, POINTS * [1.0, 1.0, -1.0])
    assert np.isclose(np.linalg.det(mirrored.rotation), 1.0)


def test_umeyama_ignores_points_without_weight_and_can_keep_the_scale():
    target = sim3(6).apply(POINTS)
    target[:5] += 100.0
    weights = np.ones(len(POINTS))
    weights[:5] = 0.0
    assert np.isclose(umeyama(POINTS, target, weights=weights).scale, sim3(6).scale)
    assert umeyama(POINTS, target, with_scale=False).scale == 1.0


def test_points_on_a_line_fix_no_similarity():
    line = np.linspace(0, 1, 9)[:, None] * [1.0, 2.0, 3.0]
    with pytest.raises(AlignmentError, match="9 points on one line"):
        umeyama(line, 2.0 * line)
    with pytest.raises(AlignmentError, match="2 points"):
        umeyama(POINTS[:2], POINTS[:2])
    with pytest.raises(ValueError, match=r"both must be \(N, 3\)"):
        umeyama(POINTS, POINTS[:3])


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, 3.0, np.pi - 1e-9, np.pi])
def test_rotation_angle_is_right_near_both_ends(angle: float):
    axis = np.array([0.6, 0.0, 0.8])
    R = rotation_from_quaternion(np.array([np.cos(angle / 2), *(np.sin(angle / 2) * axis)]))
    assert abs(rotation_angle(R) - angle) < 1e-8


def test_pose_distance_is_symmetric_and_zero_only_at_home():
    a, b = pose(1), pose(2)
    assert np.isclose(pose_distance(a, b), pose_distance(b, a))
    assert pose_distance(a, a) < 1e-9
    assert np.isclose(pose_distance(np.eye(4), rigid(np.diag([1.0, -1.0, -1.0]), np.array([0.0, 3.0, 4.0]))), 6.0)


def test_blending_goes_from_one_pose_to_the_other_at_even_speed():
    a, b = pose(1), pose(2)
    assert np.allclose(blend_pose(a, b, 0.0), a)
    assert np.allclose(blend_pose(a, b, 1.0), b)
    assert np.allclose(blend_pose(a, a, 0.5), a)
    quarter = blend_pose(a, b, 0.25)
    whole = rotation_angle(a[:3, :3].T @ b[:3, :3])
    assert np.isclose(rotation_angle(a[:3, :3].T @ quarter[:3, :3]), whole / 4)


def test_the_mean_of_two_poses_is_half_way():
    a, b = pose(1), pose(2)
    assert np.allclose(mean_pose(np.array([a, b]), np.ones(2)), blend_pose(a, b, 0.5))
    assert np.allclose(mean_pose(np.array([a, b]), np.array([1.0, 0.0])), a)

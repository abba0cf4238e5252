"""Alignment finds similarities through outliers, on made and on real cameras."""

import numpy as np
import open3d as o3d
import pytest
from amb3r_open3d.align import AlignTo, AlignToOptions, KnownDistance
from amb3r_open3d.robust import PoseTolerance, similarity_of_poses, trajectory_extent
from amb3r_open3d.scene import Scene

from amb3r_core.errors import AlignmentError, InputError
from amb3r_core.scene.conventions import rigid, rotation_from_quaternion
from amb3r_core.scene.evaluate import true_poses
from amb3r_core.scene.geometry import Sim3, rotation_angle
from tests.fakes import fake_room
from tests.paths import shared_scene


def random_similarity(random: np.random.Generator) -> Sim3:
    scale = float(np.exp(random.uniform(np.log(0.2), np.log(5.0))))
    return Sim3(scale, rotation_from_quaternion(random.normal(size=4)), random.normal(size=3) * 3)


def angle_deg(a: Sim3, b: Sim3) -> float:
    return float(np.degrees(rotation_angle(a.rotation.T @ b.rotation)))


def with_outliers(poses: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """The poses with some of them anywhere in a box three times the trajectory."""
    spoiled = poses.copy()
    spread = 3 * np.ptp(poses[:, :3, 3], axis=0).max()
    for index in random.permutation(len(poses))[: round(share * len(poses))]:
        turn = rotation_from_quaternion(random.normal(size=4))
        spoiled[index] = rigid(turn, poses[index, :3, 3] + random.uniform(-spread, spread, 3))
    return spoiled


@pytest.mark.parametrize("name", ["7s_a_few", "7s_a_video"])
def test_real_cameras_are_aligned_through_thirty_percent_outliers(name: str):
    poses = np.array(list(true_poses(shared_scene(name)).values()))[:60]
    for seed in range(8):
        random = np.random.default_rng(seed)
        truth = random_similarity(random)
        noise = 0.0005 * random.normal(size=(len(poses), 3))
        target = truth.apply_pose(poses)
        target[:, :3, 3] += noise * truth.scale
        target = with_outliers(target, 0.3, random)
        tolerance = PoseTolerance(distance=0.1 * trajectory_extent(target), angle_deg=10.0)
        found = similarity_of_poses(poses, target, tolerance).similarity
        assert angle_deg(found, truth) < 0.5
        assert abs(found.scale / truth.scale - 1) < 0.01


def test_a_scene_goes_into_the_world_of_reference_cameras(scene: Scene):
    random = np.random.default_rng(3)
    truth = random_similarity(random)
    reference = {name: truth.apply_pose(scene.view(name).cam_to_world) for name in scene.names}
    reference[scene.names[1]] = rigid(np.eye(3), np.array([50.0, 0, 0]))
    moved = AlignTo(reference)(scene)
    assert moved.alignment is not None
    assert (moved.alignment.n_inliers, moved.alignment.n_pairs) == (4, 5)
    assert moved.alignment.fitness == pytest.approx(0.8)
    assert moved.reconstruction.scale.is_metric
    assert np.allclose(moved.view(0).cam_to_world, reference[scene.names[0]], atol=1e-9)
    ours = truth.apply(scene.vertex_map(2).numpy())
    assert np.allclose(moved.vertex_map(2).numpy(), ours, atol=1e-4)


def test_a_rigid_alignment_keeps_the_scale(scene: Scene):
    truth = Sim3(1.0, rotation_from_quaternion(np.array([0.3, 0.2, -0.8, 0.1])), np.array([1.0, 2.0, 3.0]))
    trajectory = Scene(scene.reconstruction.moved(rigid(truth.rotation, truth.translation))).trajectory()
    moved = AlignTo(trajectory, AlignToOptions(mode="rigid"))(scene)
    assert moved.alignment.similarity.scale == 1.0
    assert moved.reconstruction.scale == scene.reconstruction.scale
    assert angle_deg(moved.alignment.similarity, truth) < 1e-6


def test_a_known_distance_makes_metres():
    scene = Scene(fake_room(3, 32, 24, scale_kind="relative").reconstruction)
    metric = AlignTo(KnownDistance(a=0, b="photo_002.png", length=2.5))(scene)
    centres = metric.reconstruction.cam_to_world[:, :3, 3]
    assert np.linalg.norm(centres[0] - centres[2]) == pytest.approx(2.5)
    assert metric.reconstruction.scale.is_metric
    between = AlignTo(KnownDistance(a=(0.0, 0.0, 1.0), b=(0.0, 0.0, 3.0), length=1.0))(scene)
    assert between.alignment.similarity.scale == pytest.approx(0.5)


@pytest.mark.slow
def test_a_scanned_cloud_of_another_part_in_another_unit_is_met():
    scene = Scene(fake_room(6, 128, 96).reconstruction)
    truth = random_similarity(np.random.default_rng(1))
    scan = fake_room(9, 128, 96, world="room")
    to_scene = scan.reconstruction.moved(np.linalg.inv(scan.reconstruction.views[0].cam_to_world))
    points = Scene(to_scene).core_cloud().points
    target = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(truth.apply(points[points[:, 0] < 1.5])))
    found = AlignTo(target)(scene).alignment
    assert angle_deg(found.similarity, truth) < 0.5
    assert abs(found.similarity.scale / truth.scale - 1) < 0.01
    assert found.fitness > 0.6


def test_what_cannot_be_aligned_says_why(scene: Scene):
    with pytest.raises(AlignmentError, match="2 placed views have a pose in the reference, three are needed"):
        AlignTo({name: np.eye(4) for name in scene.names[:2]})(scene)
    random = np.random.default_rng(0)
    nonsense = {name: rigid(rotation_from_quaternion(random.normal(size=4)), 10 * random.normal(size=3)) for name in scene.names}
    with pytest.raises(AlignmentError, match="agree on one similarity"):
        AlignTo(nonsense)(scene)
    with pytest.raises(InputError, match="this point cloud is empty"):
        AlignTo(o3d.geometry.PointCloud())(scene)
    with pytest.raises(InputError, match="a int is no reference"):
        AlignTo(3)(scene)
    with pytest.raises(AlignmentError, match="one place in the scene"):
        AlignTo(KnownDistance(a=1, b=1, length=1.0))(scene)

"""Structure from motion on a synthetic scene with known truth: accuracy, what is kept, what is refused, and repeatability."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import InputError, RegistrationError
from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm import run
from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.models.colmap.sfm.run import SparseConfig, reconstruct_sparse
from amb3r_core.models.colmap.sfm.sparse import SparseModel
from amb3r_core.progress import Cancelled, Progress
from amb3r_core.scene.camera import Camera
from amb3r_core.scene.geometry import umeyama
from tests.models.colmap import posed_photos as scene

pytestmark = pytest.mark.slow

SIFT = SparseConfig(features="sift")
"""Keeps networks from looking at photos that have no pixels."""


def views(poses: list[scene.Float64], n_points: int = 600) -> list[Features]:
    return [scene.see(scene.cloud(n_points), pose, seed=k) for k, pose in enumerate(poses)]


def centres(model: SparseModel) -> scene.Float64:
    return np.array([view.cam_to_world[:3, 3] for view in model.views if view.cam_to_world is not None])


def position_error(model: SparseModel, poses: list[scene.Float64]) -> float:
    truth = np.array([pose[:3, 3] for pose in poses])
    return float(np.abs(umeyama(centres(model), truth).apply(centres(model)) - truth).max())


def bytes_of(model: SparseModel) -> bytes:
    poses = [view.cam_to_world.tobytes() for view in model.views if view.cam_to_world is not None]
    return b"".join([*poses, model.points.tobytes(), repr([view.camera for view in model.views]).encode()])


def test_an_unknown_camera_and_its_path_are_recovered_and_repeat(tmp_path: Path):
    poses = scene.poses_on_an_arc(8)
    models = []
    for name in ("first", "second"):
        photos = scene.store(tmp_path / name, views(poses))
        models.append(reconstruct_sparse(photos, scratch=tmp_path / name))
    assert models[0].n_registered == 8
    assert position_error(models[0], poses) < 0.02
    assert models[0].views[0].camera.pinhole.fx == pytest.approx(scene.FOCAL_PX, rel=0.01)
    assert models[0].views[0].camera.pinhole.cx == pytest.approx(scene.CAMERA.cx)
    assert bytes_of(models[0]) == bytes_of(models[1])


def test_observations_reproject_onto_their_points(tmp_path: Path):
    model = reconstruct_sparse(scene.store(tmp_path, views(scene.poses_on_an_arc(4))), scratch=tmp_path)
    view = model.views[1]
    assert view.cam_to_world is not None
    in_camera = (model.points[view.observations.point_index] - view.cam_to_world[:3, 3]) @ view.cam_to_world[:3, :3]
    error = np.linalg.norm(view.camera.project(in_camera) - view.observations.pixels, axis=1)
    assert np.median(error) < 0.5
    assert model.track_lengths.sum() == sum(len(view.observations.pixels) for view in model.views)


def test_two_photos_with_known_cameras_are_enough_and_the_cameras_come_back_unchanged(tmp_path: Path):
    poses = scene.poses_on_an_arc(2)
    photos = [replace(photo, camera=scene.CAMERA) for photo in scene.store(tmp_path, views(poses))]
    model = reconstruct_sparse(photos, scratch=tmp_path)
    assert [view.camera for view in model.views] == [Camera(pinhole=scene.CAMERA)] * 2
    first, second = (view.cam_to_world for view in model.views)
    assert first is not None
    assert second is not None
    turn = np.linalg.inv(poses[0])[:3, :3] @ poses[1][:3, :3]
    np.testing.assert_allclose(first[:3, :3].T @ second[:3, :3], turn, atol=2e-3)


def with_poses(photos: list[Frame], poses: list[scene.Float64]) -> list[Frame]:
    return [replace(photo, cam_to_world=pose) for photo, pose in zip(photos, poses, strict=True)]


def test_known_poses_come_back_unchanged_and_the_rest_is_placed_around_them(tmp_path: Path):
    poses = scene.poses_on_an_arc(5)
    photos = [replace(photo, camera=scene.CAMERA) for photo in scene.store(tmp_path, views(poses))]
    model = reconstruct_sparse([*with_poses(photos[:3], poses[:3]), *photos[3:]], scratch=tmp_path)
    assert model.n_registered == 5
    for view, pose in zip(model.views[:3], poses[:3], strict=True):
        np.testing.assert_array_equal(view.cam_to_world, pose)
    for view, pose in zip(model.views[3:], poses[3:], strict=True):
        np.testing.assert_allclose(view.cam_to_world, pose, atol=0.02)


def test_a_single_known_pose_says_where_the_world_is(tmp_path: Path):
    poses = scene.poses_on_an_arc(3)
    photos = scene.store(tmp_path, views(poses))
    photos[1] = replace(photos[1], cam_to_world=poses[1])
    model = reconstruct_sparse(photos, scratch=tmp_path)
    np.testing.assert_allclose(model.views[1].cam_to_world, poses[1], atol=1e-9)


def test_photos_that_cannot_be_placed_say_why(tmp_path: Path):
    features = views(scene.poses_on_an_arc(4))
    stranger = scene.see(scene.cloud(seed=9), scene.poses_on_an_arc(1)[0])
    stranger = replace(stranger, descriptors=scene.descriptors(stranger.count, seed=99))
    photos = scene.store(tmp_path, [*features, scene.no_features(), stranger])
    model = reconstruct_sparse(photos, config=SIFT, scratch=tmp_path)
    assert [view.reason for view in model.views] == ["", "", "", "", "no features", "no verified matches with the rest"]
    assert model.n_registered == 4


def test_photos_of_different_places_are_refused_with_counts(tmp_path: Path):
    first, second = views(scene.poses_on_an_arc(2))
    second = replace(second, descriptors=scene.descriptors(second.count, seed=5))
    with pytest.raises(RegistrationError, match="none of 2 photos could be placed: 0 pairs"):
        reconstruct_sparse(scene.store(tmp_path, [first, second]), config=SIFT, scratch=tmp_path)


def test_photos_that_hang_together_by_too_little_are_told_what_may_hold_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "learned_available", lambda _: False)
    first, second = views(scene.poses_on_an_arc(2))
    photos = scene.store(tmp_path, [first, second, scene.no_features()])
    assert run.LEARNED_HINT in reconstruct_sparse(photos, scratch=tmp_path).notes
    assert run.LEARNED_HINT not in reconstruct_sparse(photos, config=SIFT, scratch=tmp_path).notes
    second = replace(second, descriptors=scene.descriptors(second.count, seed=5))
    with pytest.raises(RegistrationError, match=r"none of 2 photos could be placed: .*; learned features may hold"):
        reconstruct_sparse(scene.store(tmp_path / "apart", [first, second]), scratch=tmp_path / "apart")


def test_a_model_that_nothing_speaks_against_is_trusted_and_named_with_no_note(tmp_path: Path) -> None:
    model = reconstruct_sparse(scene.store(tmp_path, views(scene.poses_on_an_arc(6))), scratch=tmp_path)
    assert model.notes == ()
    assert 0.5 < model.scene_trust <= 1.0
    assert all(0.5 < view.pose_trust <= 1.0 for view in model.views)


def test_a_photo_that_hangs_by_a_few_points_is_named_and_trusted_less(tmp_path: Path) -> None:
    poses = scene.poses_on_an_arc(6)
    features = views(poses)
    # The last photo shares 60 points with the one before it, 8 of which a third photo sees too.
    kept = np.arange(features[5].count) < 60
    features[5] = replace(features[5], keypoints=features[5].keypoints[kept], descriptors=features[5].descriptors[kept])
    shared = {tuple(row) for row in features[5].descriptors[8:]}
    for index in range(4):
        alone = np.array([tuple(row) not in shared for row in features[index].descriptors])
        found = features[index]
        features[index] = replace(found, keypoints=found.keypoints[alone], descriptors=found.descriptors[alone])
    model = reconstruct_sparse(scene.store(tmp_path, features), config=SIFT, scratch=tmp_path)
    assert model.n_registered == 6
    assert any(note.startswith("hardly held to the rest") and "photo5.jpg" in note for note in model.notes)
    assert model.views[5].pose_trust == min(view.pose_trust for view in model.views)


def test_one_photo_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="1 photo given: this model needs at least two"):
        reconstruct_sparse([scene.photo("a")], scratch=tmp_path)


def test_cancelling_while_mapping_stops_and_a_second_run_resumes(tmp_path: Path):
    photos = scene.store(tmp_path, views(scene.poses_on_an_arc(4)))

    def stop_in_mapping(progress: Progress, /) -> None:
        if progress.stage == "mapping" and progress.done > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        reconstruct_sparse(photos, scratch=tmp_path, monitor=stop_in_mapping)
    finished = {
        path.name: path.stat().st_mtime_ns for path in (tmp_path / "attempts").glob("*.json") if "request" not in path.name
    }
    assert finished
    model = reconstruct_sparse(photos, scratch=tmp_path)
    assert model.n_registered == 4
    assert all((tmp_path / "attempts" / name).stat().st_mtime_ns == time for name, time in finished.items())

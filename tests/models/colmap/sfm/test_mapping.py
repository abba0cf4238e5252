"""Support tells a good model from a bad one, without ground truth."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from amb3r_core.inputs.exif import PhotoFacts
from amb3r_core.models.colmap.sfm import mapping
from amb3r_core.models.colmap.sfm.cameras import colmap_cameras
from amb3r_core.models.colmap.sfm.database import write_database
from amb3r_core.models.colmap.sfm.lens_prior import USUAL_FOCAL_RATIO
from amb3r_core.models.colmap.sfm.matching import MatchConfig
from amb3r_core.models.colmap.sfm.requests import Attempt, Mapper, RunAttempt
from amb3r_core.models.colmap.sfm.solve import model_path, run_attempt
from amb3r_core.scene.conventions import invert
from tests.models.colmap import posed_photos as scene

POSES = scene.poses_on_an_arc(4)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    features = [scene.see(scene.cloud(300), pose, seed=k) for k, pose in enumerate(POSES)]
    cameras = colmap_cameras([scene.photo(str(k), camera=scene.CAMERA) for k in range(4)], features)
    pairs = [scene.match_pair(features, cameras, pair, MatchConfig()) for pair in [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3)]]
    path = tmp_path_factory.mktemp("scene") / "database.db"
    write_database(path, [str(k) for k in range(4)], cameras, features, [pair for pair in pairs if pair is not None])
    return path


def posed(database: Path, poses: dict[int, scene.Float64]) -> pycolmap.Reconstruction:
    model = mapping.posed_model(database, {index + 1: invert(pose)[:3] for index, pose in poses.items()})
    return mapping.polish(database, model, mapping.relaxed(), keep_poses=True)


def turned(pose: scene.Float64, degrees: float) -> scene.Float64:
    angle = np.radians(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return pose @ turn


def test_support_falls_with_each_worse_model(database: Path):
    truth = dict(enumerate(POSES))
    supports = [mapping.support(posed(database, {**truth, 1: turned(POSES[1], degrees)})) for degrees in (0.0, 0.15, 0.5, 5.0)]
    assert supports == sorted(supports, reverse=True)
    assert supports[-1] < 0.7 * supports[0]


def test_kept_poses_and_known_cameras_do_not_move(database: Path):
    model = posed(database, dict(enumerate(POSES)))
    for index, pose in enumerate(POSES):
        np.testing.assert_allclose(model.image(index + 1).cam_from_world().matrix(), invert(pose)[:3], atol=1e-12)
    assert list(model.camera(1).params) == pytest.approx([scene.FOCAL_PX, scene.FOCAL_PX, 320.0, 240.0])


def test_a_missing_photo_is_placed_among_the_others(database: Path):
    model = posed(database, {index: POSES[index] for index in (0, 1, 2)})
    assert model.num_reg_images() == 4
    np.testing.assert_allclose(model.image(4).cam_from_world().matrix(), invert(POSES[3])[:3], atol=0.02)


def test_a_model_without_points_has_no_support(database: Path):
    three = mapping.posed_model(database, {index + 1: invert(POSES[index])[:3] for index in (0, 1, 2)})
    for image_id in (1, 2, 3):
        assert mapping.reprojection_errors(three, image_id)[0] == []
    assert mapping.support(three) == 0.0


def n_points(folder: Path, focal_px: float, parallax_px: float) -> int:
    """How many points two photos give that stand side by side and have 200 points in their middle, seen this far apart."""
    camera = replace(scene.CAMERA, fx=focal_px, fy=focal_px)
    left, right = np.eye(4), np.eye(4)
    depth = 4.0
    right[0, 3] = depth * parallax_px / focal_px
    half = 0.3 * depth / focal_px
    points = scene.cloud(200) * [half * scene.WIDTH / 2.0, half * scene.HEIGHT / 2.0, 0.1] + np.array([0.0, 0.0, depth])
    features = [scene.see(points, pose, camera, seed=k) for k, pose in enumerate((left, right))]
    cameras = colmap_cameras([scene.photo(str(k), camera=camera) for k in range(2)], features)
    pair = scene.match_pair(features, cameras, (0, 1), MatchConfig())
    assert pair is not None
    path = folder / f"{focal_px}-{parallax_px}.db"
    write_database(path, list("01"), cameras, features, [pair])
    return posed(path, {0: left, 1: right}).num_points3D()


@pytest.mark.parametrize("focal_px", [250.0, 560.0, 1200.0])
def test_points_need_as_much_parallax_in_pixels_whatever_the_focal_length(tmp_path: Path, focal_px: float) -> None:
    assert n_points(tmp_path, focal_px, 18.0) > 150
    assert n_points(tmp_path, focal_px, 11.0) == 0


def test_only_focal_lengths_of_exif_count_as_told(tmp_path: Path) -> None:
    untold, known = scene.photo("a"), scene.photo("b", camera=scene.CAMERA)
    told = scene.photo("c", facts=PhotoFacts(focal_px=700.0))
    features = [scene.no_features()] * 3
    write_database(tmp_path / "d.db", list("abc"), colmap_cameras([untold, known, told], features), features, [])
    assert mapping.told_focals(tmp_path / "d.db") == {3: pytest.approx(700.0)}


def held_focal_px(folder: Path, step_deg: float, focal_ratio: float) -> float:
    """The focal length of an attempt that starts at the ratio and holds it, on views whose own is 560 px."""
    poses = scene.poses_on_an_arc(6, step_deg=step_deg, sway=0.03 * step_deg)
    features = [scene.see(scene.cloud(), pose, noise_px=0.5, seed=k) for k, pose in enumerate(poses)]
    cameras = colmap_cameras([scene.photo(str(k)) for k in range(6)], features)
    pairs = [scene.match_pair(features, cameras, pair, MatchConfig()) for pair in combinations(range(6), 2)]
    write_database(folder / "database.db", list("012345"), cameras, features, [pair for pair in pairs if pair is not None])
    spec = Attempt(name="held", mapper=Mapper.INCREMENTAL, focal_ratio=focal_ratio, holds_lens=True, is_relaxed=True)
    run_attempt(RunAttempt(attempt=spec, database=folder / "database.db", folder=folder, n_photos=6))
    model = pycolmap.Reconstruction(model_path(folder, "held"))
    assert model.num_reg_images() == 6
    return model.camera(1).focal_length


@pytest.mark.slow
def test_a_held_focal_length_is_freed_where_the_views_tell_it_and_else_comes_near_the_usual_one(tmp_path: Path) -> None:
    for name in ("usual", "short", "long", "wide"):
        (tmp_path / name).mkdir()
    usual_px = USUAL_FOCAL_RATIO * scene.WIDTH
    assert held_focal_px(tmp_path / "usual", 1.0, USUAL_FOCAL_RATIO) == pytest.approx(usual_px)
    short = held_focal_px(tmp_path / "short", 1.0, 0.7)
    assert 0.7 * scene.WIDTH < short < usual_px
    long = held_focal_px(tmp_path / "long", 1.0, 1.2)
    assert usual_px < long < 1.2 * scene.WIDTH
    assert [short, long] == pytest.approx([scene.FOCAL_PX] * 2, rel=0.1)
    assert held_focal_px(tmp_path / "wide", 20.0, 0.7) == pytest.approx(scene.FOCAL_PX, rel=0.02)

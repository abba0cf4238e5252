"""COLMAP models of ours, read by pycolmap."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.export.colmap import export_colmap, export_colmap_text
from tests.fakes import fake_room, judged

pycolmap = pytest.importorskip("pycolmap")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory):
    photos = tmp_path_factory.mktemp("photos")
    return fake_room(5, mixed=True, pixel_aspect=1.2, principal_offset=(0.1, -0.05), images_folder=photos).reconstruction


@pytest.fixture(scope="module", params=[export_colmap, export_colmap_text], ids=["binary", "text"])
def written(request: pytest.FixtureRequest, scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    files = request.param(scene, folder)
    assert all(path.is_file() for path in files)
    return folder


def test_an_independent_reader_finds_cameras_and_poses(scene, written: Path):
    model = pycolmap.Reconstruction(written / "sparse" / "0")
    assert model.num_reg_images() == 5
    assert model.num_cameras() == 2
    for index, view in enumerate(scene.views):
        image = model.images[index + 1]
        camera = model.cameras[image.camera_id]
        wanted = [view.camera.fx, view.camera.fy, view.camera.cx + 0.5, view.camera.cy + 0.5]
        assert image.name == view.name
        assert camera.model.name == "PINHOLE"
        assert (camera.width, camera.height) == (view.camera.width, view.camera.height)
        assert np.allclose(camera.params, wanted, atol=1e-9)
        assert np.abs(image.cam_from_world().matrix() - view.world_to_cam[:3]).max() < 1e-9


def test_images_lie_beside_the_model_under_the_models_names(written: Path):
    model = pycolmap.Reconstruction(written / "sparse" / "0")
    assert all((written / "images" / image.name).is_file() for image in model.images.values())


def test_tracks_are_real_and_reproject_where_they_were_seen(scene, written: Path):
    model = pycolmap.Reconstruction(written / "sparse" / "0")
    lengths = [point.track.length() for point in model.points3D.values()]
    assert min(lengths) >= 2
    assert np.mean(lengths) >= 3
    assert model.compute_mean_reprojection_error() < 1e-6
    assert all(image.num_points3D > 50 for image in model.images.values())
    room = fake_room(5, mixed=True, pixel_aspect=1.2, principal_offset=(0.1, -0.05))
    points = np.array([point.xyz for point in model.points3D.values()])
    assert room.distance_to_surface(points).max() < 0.05


def test_the_sidecar_tells_scale_and_licence(written: Path):
    notes = json.loads((written / "amb3r.json").read_text())
    assert (notes["scale"], notes["scale_source"], notes["weights_licence"]) == ("metric", "made to measure", "CC-BY-4.0")


def test_the_text_form_starts_with_the_notes(scene, tmp_path: Path):
    export_colmap_text(scene, tmp_path)
    first = (tmp_path / "sparse" / "0" / "cameras.txt").read_text().splitlines()[:3]
    assert first[1] == "# scale metric, unit metre"


def test_sidecar_and_text_tell_how_far_the_poses_are_trusted(scene, tmp_path: Path):
    export_colmap_text(judged(scene, 0.4), tmp_path)
    assert json.loads((tmp_path / "amb3r.json").read_text())["poses"]["word"] == "doubtful"
    told = "# poses: doubtful (40%): check them before you build on them"
    assert told in (tmp_path / "sparse" / "0" / "cameras.txt").read_text().splitlines()
    assert pycolmap.Reconstruction(tmp_path / "sparse" / "0").num_images() == scene.n_views


def test_cameras_alone_make_a_model_without_points(scene, tmp_path: Path):
    export_colmap(replace(scene, dense=None), tmp_path)
    model = pycolmap.Reconstruction(tmp_path / "sparse" / "0")
    assert (model.num_reg_images(), model.num_points3D()) == (5, 0)


def test_one_view_makes_a_model_with_points(tmp_path: Path):
    export_colmap(fake_room(1).reconstruction, tmp_path)
    model = pycolmap.Reconstruction(tmp_path / "sparse" / "0")
    assert model.num_points3D() > 1000

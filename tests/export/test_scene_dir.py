"""The scene folder: what is saved comes back bit for bit, whole or not at all."""

import json
import signal
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import InputError, ResourceError
from amb3r_core.export.scene_dir import count_points, load_cloud, load_scene, save_scene, write_scene_folder
from amb3r_core.scene.fusion import fuse
from amb3r_core.scene.reconstruction import Reconstruction, Scale, VideoSource
from amb3r_core.storage.staging import staged_folder
from tests.fakes import fake_room, rich_scene

HALF_PIXEL = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])


def assert_same(a: Reconstruction, b: Reconstruction) -> None:
    for view_a, view_b in zip(a.views, b.views, strict=True):
        assert np.array_equal(view_a.cam_to_world, view_b.cam_to_world)
        pose = np.eye(4)
        assert replace(view_a, cam_to_world=pose).camera == replace(view_b, cam_to_world=pose).camera
        for name in ("name", "letterbox", "path", "mask_path", "is_keyframe", "timestamp_s"):
            assert getattr(view_a, name) == getattr(view_b, name)
    for name in ("scale", "provenance", "unregistered", "up_world", "video"):
        assert getattr(a, name) == getattr(b, name)
    if a.dense is None:
        assert b.dense is None
    else:
        for field in fields(a.dense):
            assert np.array_equal(getattr(a.dense, field.name), getattr(b.dense, field.name))


def test_a_scene_comes_back_bit_for_bit(tmp_path: Path):
    scene = rich_scene(tmp_path / "photos")
    files = save_scene(scene, tmp_path / "scene")
    assert all(path.is_file() for path in files)
    assert_same(load_scene(tmp_path / "scene"), scene)
    assert_same(load_scene(tmp_path / "scene" / "scene.amb3r"), scene)


@pytest.mark.parametrize("n_views", [0, 1])
def test_a_scene_with_hardly_anything_comes_back(tmp_path: Path, n_views: int):
    scene = replace(fake_room(n_views).reconstruction, up_world=None, scale=Scale(kind="relative", source="none"))
    save_scene(scene, tmp_path / "dense")
    assert_same(load_scene(tmp_path / "dense"), scene)
    cameras = replace(scene, dense=None, provenance=replace(scene.provenance, weights=None))
    save_scene(cameras, tmp_path / "cameras")
    assert_same(load_scene(tmp_path / "cameras"), cameras)
    assert load_cloud(tmp_path / "cameras") is None
    assert count_points(tmp_path / "cameras") == 0


def test_maps_are_memory_mapped_and_a_loaded_scene_can_be_saved_again(tmp_path: Path):
    save_scene(rich_scene(), tmp_path / "a")
    loaded = load_scene(tmp_path / "a")
    assert isinstance(loaded.dense.depth.base, np.memmap) or isinstance(loaded.dense.depth, np.memmap)
    save_scene(loaded, tmp_path / "b")
    assert_same(load_scene(tmp_path / "b"), loaded)
    for name in ("scene.amb3r", "points.ply", "dense/depth.npy"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_cloud_comes_back_and_is_fused_when_none_is_given(tmp_path: Path):
    scene = rich_scene()
    save_scene(scene, tmp_path / "scene")
    cloud, fused = load_cloud(tmp_path / "scene"), fuse(scene)
    assert np.array_equal(cloud.points, fused.points)
    assert count_points(tmp_path / "scene") == len(fused)


def test_the_file_keeps_the_contract_with_its_hosts(tmp_path: Path):
    scene = rich_scene()
    save_scene(scene, tmp_path / "scene")
    document = json.loads((tmp_path / "scene" / "scene.amb3r").read_text())
    assert (document["format"], document["format_version"]) == ("amb3r-scene", 2)
    assert (document["unit"], document["metric"], document["frame"]) == ("metre", True, "opencv")
    view, camera = document["views"][0], scene.views[0].camera
    assert document["pixel_origin"] == "corner"
    assert np.allclose(view["K"], camera.K + HALF_PIXEL, atol=1e-12)
    assert (view["width"], view["height"]) == (camera.width, camera.height)
    assert view["cam_to_world"] == scene.views[0].cam_to_world.tolist()
    assert document["points"] == {"file": "points.ply", "count": len(fuse(scene)), "has_confidence": True}
    assert (view["letterbox"], view["timestamp_s"], view["is_keyframe"]) == ([0, 0, 64, 48], 0.1, False)
    assert document["video"] == {"path": "/videos/a.mp4", "frames_per_second": 29.97}
    assert document["up_world"] == list(scene.up_world)
    assert document["engine"]["weights_licence"] == "CC-BY-4.0"


def test_photos_inside_the_folder_are_named_relative_to_it_and_move_with_it(tmp_path: Path):
    with staged_folder(tmp_path / "scene") as folder:
        write_scene_folder(fake_room(2, images_folder=folder / "images").reconstruction, folder)
    document = json.loads((tmp_path / "scene" / "scene.amb3r").read_text())
    assert [view["image"] for view in document["views"]] == ["images/photo_000.png", "images/photo_001.png"]
    (tmp_path / "scene").rename(tmp_path / "moved")
    assert load_scene(tmp_path / "moved").views[0].path == str(tmp_path / "moved" / "images" / "photo_000.png")


def test_overwriting_a_scene_keeps_the_photos_inside_it(tmp_path: Path):
    with staged_folder(tmp_path / "scene") as folder:
        write_scene_folder(fake_room(2, images_folder=folder / "images").reconstruction, folder)
    loaded = load_scene(tmp_path / "scene")
    save_scene(loaded.scaled(2.0, loaded.scale), tmp_path / "scene", overwrite=True)
    again = load_scene(tmp_path / "scene")
    assert [Path(view.path).is_file() for view in again.views] == [True, True]
    assert np.allclose(again.dense.depth, 2.0 * fake_room(2).reconstruction.dense.depth)


def test_a_link_out_of_a_scene_that_is_overwritten_is_not_filled_with_its_file(tmp_path: Path):
    (tmp_path / "secret").write_text("key")
    with staged_folder(tmp_path / "scene") as folder:
        write_scene_folder(fake_room(2, images_folder=folder / "images").reconstruction, folder)
    photo = tmp_path / "scene" / "images" / "photo_001.png"
    photo.unlink()
    photo.symlink_to(tmp_path / "secret")
    save_scene(load_scene(tmp_path / "scene"), tmp_path / "scene", overwrite=True)
    assert [path.name for path in (tmp_path / "scene" / "images").iterdir()] == ["photo_000.png"]
    assert load_scene(tmp_path / "scene").views[1].path == str(tmp_path / "secret")


def test_a_video_whose_path_no_text_can_hold_is_told_as_far_as_it_goes(tmp_path: Path):
    scene = replace(rich_scene(), video=VideoSource(path="/films/a\udcff.mp4", frames_per_second=25.0))
    save_scene(scene, tmp_path / "scene")
    assert load_scene(tmp_path / "scene").video.path == "/films/a?.mp4"


def test_an_existing_scene_is_not_overwritten_by_mistake(tmp_path: Path):
    save_scene(rich_scene(), tmp_path / "scene")
    before = (tmp_path / "scene" / "scene.amb3r").read_bytes()
    with pytest.raises(InputError, match="exists already"):
        save_scene(fake_room(1).reconstruction, tmp_path / "scene")
    assert (tmp_path / "scene" / "scene.amb3r").read_bytes() == before


def test_a_disk_that_fills_up_leaves_no_half_scene(tmp_path: Path):
    resource = pytest.importorskip("resource")
    scene = rich_scene()
    old, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
    try:
        with pytest.raises(ResourceError, match="scene: the disk is full"):
            save_scene(scene, tmp_path / "scene")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []

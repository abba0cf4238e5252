"""The scene folder: what is saved comes back bit for bit, whole or not at all."""

import json
import signal
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import FormatError, InputError, ResourceError
from amb3r_core.export.scene_dir import count_points, load_cloud, load_scene, save_scene, write_scene_folder
from amb3r_core.scene.fusion import fuse
from amb3r_core.scene.reconstruction import Reconstruction, Scale, VideoSource
from amb3r_core.storage.staging import staged_folder
from tests.fakes import fake_room

HALF_PIXEL = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])

HALF_PIXEL = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])


def rich_scene(photos: Path | None = None) -> Reconstruction:
    """A scene with every field filled, and numbers that binary fractions do not hold."""
    scene = fake_room(
        3, mixed=True, pixel_aspect=1.1, principal_offset=(0.0331, 0.017), images_folder=photos, n_unregistered=2
    ).reconstruction
    timed = replace(scene.views[0], timestamp_s=0.1, is_keyframe=False)
    camera = replace(scene.views[1].camera, cx=63.7, cy=15.71234567890123)
    views = (timed, replace(scene.views[1], camera=camera), scene.views[2])
    return replace(scene, views=views, video=VideoSource(path="/videos/a.mp4", frames_per_second=29.97))


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
    assert (document["format"], document["format_version"]) == ("amb3r-scene", 1)
    assert (document["unit"], document["metric"], document["frame"]) == ("metre", True, "opencv")
    view, camera = document["views"][0], scene.views[0].camera
    assert document["pixel_origin"] == "corner"
    assert np.allclose(view["K"], camera.K + HALF_PIXEL, atol=1e-12)
    assert (view["width"], view["height"]) == (camera.width, camera.height)
    assert view["c2w"] == scene.views[0].cam_to_world.tolist()
    assert document["points"] == {"file": "points.ply", "count": len(fuse(scene)), "has_confidence": True}
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


def test_a_folder_without_a_scene_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"there is no scene\.amb3r here"):
        load_scene(tmp_path)
    with pytest.raises(InputError, match="nowhere"):
        load_scene(tmp_path / "nowhere")


def change(folder: Path, path: str, value: object) -> None:
    """Sets one field of the scene file, named as in `views.0.K`; `...` removes it."""
    document = json.loads((folder / "scene.amb3r").read_text())
    node = document
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        node = node[step]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    (folder / "scene.amb3r").write_text(json.dumps(document))


MIRROR = np.diag([1.0, 1.0, -1.0, 1.0]).tolist()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("views.1.K", ..., r"scene\.amb3r: views\[1\]\.K: missing"),
        ("views.1.colour", "red", r"views\[1\]\.colour: unknown field"),
        ("views.1.K", [[1, 0, 0], [0, 1, 0]], r"views\[1\]\.K: has 2 items, wanted 3"),
        ("views.1.K", [[1, 2, 0], [0, 1, 0], [0, 0, 1]], r"views\[1\]\.K: wanted \[\[fx, 0, cx\]"),
        ("views.1.K", [[0, 0, 0], [0, 1, 0], [0, 0, 1]], r"views\[1\]\.K: focal lengths must be positive"),
        ("views.1.K.0.0", "500", r"views\[1\]\.K\[0\]\[0\]: is text, wanted a number"),
        ("views.1.c2w", MIRROR, r"views\[1\]\.c2w: the pose is not a rigid transform"),
        ("views.1.c2w.0.3", True, r"views\[1\]\.c2w\[0\]\[3\]: is true or false, wanted a number"),
        ("views.1.crop", [0, 0, 64, 49], r"views\[1\]\.crop: leaves the dense grid of 64x48"),
        ("views.1.crop", [0, 0, 0, 48], r"views\[1\]\.crop\[2\]: is 0, wanted 1 or more"),
        ("views.1.width", 0, r"views\[1\]\.width: is 0, wanted 1 or more"),
        ("views.1.name", "photo_000.png", r"views\[1\]\.name: 'photo_000.png' is the name of another view"),
        ("views.1.name", "", r"views\[1\]\.name: is empty"),
        ("views.1.image", "images/gone.jpg", r"views\[1\]\.image: the file images/gone.jpg is missing"),
        ("views.1.image", "../secret.jpg", r"views\[1\]\.image: ../secret.jpg leaves the scene folder"),
        ("views.1.image", "images\\a.jpg", r"views\[1\]\.image: .* forward slashes"),
        ("views.1.keyframe", 1, r"views\[1\]\.keyframe: is a number, wanted true or false"),
        ("views.1.time", "0", r"views\[1\]\.time: is text, wanted a number"),
        ("format", "other", "format: is 'other', wanted 'amb3r-scene'"),
        ("format_version", 2, "format_version: is 2, but this software reads version 1; update amb3r"),
        ("format_version", ..., "format_version: missing"),
        ("unit", "unit", "unit: is 'unit', wanted 'metre'"),
        ("metric", False, "metric: disagrees with scale.kind 'metric'"),
        ("scale.kind", "huge", r"scale\.kind: is 'huge', wanted 'metric' or 'relative'"),
        ("frame", "opengl", "frame: is 'opengl', wanted 'opencv'"),
        ("pixel_origin", "center", "pixel_origin: is 'center', wanted 'corner'"),
        ("up", [0, 0, 2], "up: is not a direction of length 1"),
        ("unregistered.0.reason", None, r"unregistered\[0\]\.reason: is null, wanted text"),
        ("dense.depth", "dense/none.npy", r"dense\.depth: the file dense/none.npy is missing"),
        ("dense.depth", "/etc/hostname", r"dense\.depth: /etc/hostname leaves the scene folder"),
        ("dense.depth", "scene.amb3r", r"dense\.depth: scene.amb3r is no array"),
        ("dense.depth", "dense/rgb.npy", r"dense\.depth: rgb.npy is uint8 .* wanted float32"),
        ("dense.width", 65, r"dense\.depth: depth.npy is float32 \(3, 48, 64\), wanted float32 \(3, 48, 65\)"),
        ("points.count", 7, r"points\.count: is 7, but points.ply holds \d+"),
        ("points.file", "gone.ply", r"points\.file: the file gone.ply is missing"),
        ("video.fps", 0, r"video\.fps: must be positive"),
        ("engine.weights_licence", "MIT", r"engine\.weights_licence: disagrees with engine.weights.licence"),
        ("engine.seconds.predict", "1", r"engine\.seconds\.predict: is text, wanted a number"),
        ("extra", 1, "extra: unknown field"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, field: str, value: object, message: str):
    save_scene(rich_scene(), tmp_path / "scene")
    change(tmp_path / "scene", field, value)
    with pytest.raises(FormatError, match=message):
        load_scene(tmp_path / "scene")


def test_a_file_that_is_no_json_or_no_text_is_named(tmp_path: Path):
    save_scene(fake_room(1).reconstruction, tmp_path / "scene")
    file = tmp_path / "scene" / "scene.amb3r"
    file.write_text(file.read_text()[:100])
    with pytest.raises(FormatError, match=r"scene\.amb3r: not valid JSON"):
        load_scene(file)
    file.write_bytes(b"\xff\xfe{}")
    with pytest.raises(FormatError, match="not text in UTF-8"):
        load_scene(file)


def test_maps_that_were_cut_short_are_named(tmp_path: Path):
    save_scene(fake_room(1).reconstruction, tmp_path / "scene")
    depth = tmp_path / "scene" / "dense" / "depth.npy"
    depth.write_bytes(depth.read_bytes()[:-100])
    with pytest.raises(FormatError, match=r"dense\.depth: depth\.npy is no array"):
        load_scene(tmp_path / "scene")

"""The scene folder's one reader: what it gives, what it passes over, and one message for every field that is wrong."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import FormatError, InputError
from amb3r_core.export.scene_dir import save_scene
from amb3r_core.scene_folder.document import files_outside
from amb3r_core.scene_folder.reader import count_points, load_cloud, load_scene, read_scene
from tests.fakes import fake_room, judged, rich_scene
from tests.paths import ROOT

SCENE_V1 = ROOT / "tests" / "data" / "scene_v1"
"""Written by the software of version 0.1.0 (commit 5def3c0): three views with photos, masks, depth and points."""
HALF_PIXEL = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
MIRROR = np.diag([1.0, 1.0, -1.0, 1.0]).tolist()


def test_a_scene_of_version_1_opens_with_all_it_holds():
    document = json.loads((SCENE_V1 / "scene.amb3r").read_text())
    scene = load_scene(SCENE_V1)
    for view, told in zip(scene.views, document["views"], strict=True):
        assert view.cam_to_world.tolist() == told["c2w"]
        assert (view.camera.K + HALF_PIXEL).tolist() == told["K"]
        assert (view.camera.width, view.camera.height, view.name) == (320, 240, told["name"])
        assert [view.letterbox.x, view.letterbox.y, view.letterbox.width, view.letterbox.height] == told["crop"]
        assert (view.timestamp_s, view.is_keyframe) == (None, True)
        assert view.path == str(SCENE_V1 / "images" / view.name)
        assert view.mask_path == str(SCENE_V1 / "masks" / f"{view.name}.png")
    assert [view.name for view in scene.views] == ["IMG_0001.jpg", "IMG_0003.jpg", "IMG_0005.jpg"]
    assert list(scene.up_world) == document["up"]
    assert (scene.scale.kind, scene.scale.source) == ("metric", "IMG_0001 and IMG_0003 are 0.3 m apart")
    assert scene.provenance.config == document["engine"]["config"]
    for name in ("depth", "confidence", "rgb"):
        assert np.array_equal(getattr(scene.dense, name), np.load(SCENE_V1 / "dense" / f"{name}.npy"))
    cloud = load_cloud(SCENE_V1)
    assert len(cloud) == count_points(SCENE_V1) == 2057
    assert np.isfinite(cloud.points).all()


def test_a_scene_of_version_1_becomes_one_of_today_when_it_is_saved(tmp_path: Path):
    old = load_scene(SCENE_V1)
    save_scene(old, tmp_path / "scene", load_cloud(SCENE_V1))
    new = load_scene(tmp_path / "scene")
    assert np.array_equal(new.cam_to_world, old.cam_to_world)
    assert [view.camera for view in new.views] == [view.camera for view in old.views]
    assert (new.scale, new.provenance, new.up_world) == (old.scale, old.provenance, old.up_world)
    text = (tmp_path / "scene" / "scene.amb3r").read_text()
    assert not {"c2w", "crop", "time", "keyframe"} & set(json.loads(text)["views"][0])
    assert (tmp_path / "scene" / "points.ply").stat().st_size > 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("views.1.c2w", MIRROR, r"views\[1\]\.c2w: the pose is not a rigid transform"),
        ("views.1.c2w", ..., r"views\[1\]\.c2w: missing"),
        ("views.1.crop", [0, 0, 49, 36], r"views\[1\]\.crop: leaves the dense grid of 48x36"),
        ("views.1.time", "0", r"views\[1\]\.time: is text, wanted a number"),
        ("up", [0, 0, 2], "up: is not a direction of length 1"),
    ],
)
def test_a_wrong_field_of_version_1_has_the_name_it_has_there(tmp_path: Path, field: str, value: object, message: str):
    shutil.copytree(SCENE_V1, tmp_path / "scene")
    change(tmp_path / "scene", field, value)
    with pytest.raises(FormatError, match=message):
        load_scene(tmp_path / "scene")


def test_the_old_names_count_in_version_1_alone(tmp_path: Path):
    shutil.copytree(SCENE_V1, tmp_path / "scene")
    change(tmp_path / "scene", "format_version", 2)
    with pytest.raises(FormatError, match="up_world: missing"):
        load_scene(tmp_path / "scene")


def test_fields_of_a_later_day_are_passed_over(tmp_path: Path):
    scene = rich_scene()
    save_scene(scene, tmp_path / "scene")
    later = ("extra", "views.1.colour", "views.1.lens_of_tomorrow", "dense.normals", "engine.weights.size_mb", "video.codec")
    for field in later:
        change(tmp_path / "scene", field, {"any": [1, None]})
    assert np.array_equal(load_scene(tmp_path / "scene").cam_to_world, scene.cam_to_world)


def test_the_lens_of_a_photo_stands_in_the_scene_beside_its_straight_camera(tmp_path: Path):
    scene = rich_scene()
    save_scene(scene, tmp_path / "scene")
    views = json.loads((tmp_path / "scene" / "scene.amb3r").read_text())["views"]
    assert [view.get("lens") for view in views] == [None, None, {"model": "SIMPLE_RADIAL", "coefficients": [-0.0123456789]}]
    assert [view.lens for view in load_scene(tmp_path / "scene").views] == [view.lens for view in scene.views]


def test_a_scene_says_whether_its_weights_are_probabilities_and_an_old_one_says_no(tmp_path: Path):
    scene = rich_scene()
    save_scene(replace(scene, dense=replace(scene.dense, weight_is_probability=True)), tmp_path / "new")
    save_scene(scene, tmp_path / "plain")
    assert load_scene(tmp_path / "new").dense.weight_is_probability is True
    assert load_scene(tmp_path / "plain").dense.weight_is_probability is False
    assert load_scene(SCENE_V1).dense.weight_is_probability is False
    assert "weight_is_probability" not in (tmp_path / "plain" / "scene.amb3r").read_text()


def test_a_scene_says_how_far_its_poses_are_trusted_and_an_old_one_that_they_were_not_judged(tmp_path: Path):
    scene = fake_room(3, 20, 16).reconstruction
    save_scene(judged(scene, 0.97, {1: 0.1, 2: None}), tmp_path / "new")
    save_scene(scene, tmp_path / "plain")
    new = load_scene(tmp_path / "new")
    assert (new.pose_trust, [view.pose_trust for view in new.views]) == (0.97, [0.97, 0.1, None])
    for old in (load_scene(tmp_path / "plain"), load_scene(SCENE_V1)):
        assert (old.pose_trust, {view.pose_trust for view in old.views}) == (None, {None})
    assert "pose_trust" not in (tmp_path / "plain" / "scene.amb3r").read_text()


def test_a_trust_that_is_null_was_not_judged(tmp_path: Path):
    save_scene(rich_scene(), tmp_path / "scene")
    change(tmp_path / "scene", "pose_trust", None)
    change(tmp_path / "scene", "views.0.pose_trust", None)
    scene = load_scene(tmp_path / "scene")
    assert (scene.pose_trust, scene.views[0].pose_trust) == (None, None)


def test_a_lens_of_a_later_day_is_passed_over(tmp_path: Path):
    save_scene(rich_scene(), tmp_path / "scene")
    file = tmp_path / "scene" / "scene.amb3r"
    file.write_text(file.read_text().replace("SIMPLE_RADIAL", "FOV"))
    assert load_scene(tmp_path / "scene").views[2].lens.is_straight


def test_photos_that_were_taken_away_can_be_accepted(tmp_path: Path):
    save_scene(replace(rich_scene(tmp_path / "scene" / "images"), dense=None), tmp_path / "other")
    shutil.move(tmp_path / "other" / "scene.amb3r", tmp_path / "scene" / "scene.amb3r")
    text = (tmp_path / "scene" / "scene.amb3r").read_text()
    gone = tmp_path / "scene" / "images" / "photo_001.png"
    gone.unlink()
    (tmp_path / "scene" / "scene.amb3r").write_text(text.replace(str(tmp_path / "scene") + "/", ""))
    with pytest.raises(FormatError, match=r"views\[1\]\.image: the file images/photo_001.png is missing"):
        read_scene(tmp_path / "scene")
    assert read_scene(tmp_path / "scene", "accept").reconstruction.views[1].path == str(gone)


def test_arrays_are_looked_for_when_they_are_opened(tmp_path: Path):
    save_scene(rich_scene(), tmp_path / "scene")
    shutil.rmtree(tmp_path / "scene" / "dense")
    assert len(load_cloud(tmp_path / "scene")) == count_points(tmp_path / "scene")
    with pytest.raises(FormatError, match=r"dense\.depth: the file dense/depth.npy is missing"):
        load_scene(tmp_path / "scene")


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


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("views.1.K", ..., r"scene\.amb3r: views\[1\]\.K: missing"),
        ("views.1.mask", ..., r"views\[1\]\.mask: missing"),
        ("views.1.K", [[1, 0, 0], [0, 1, 0]], r"views\[1\]\.K: has 2 items, wanted 3"),
        ("views.1.K", [[1, 2, 0], [0, 1, 0], [0, 0, 1]], r"views\[1\]\.K: wanted \[\[fx, 0, cx\]"),
        ("views.1.K", [[0, 0, 0], [0, 1, 0], [0, 0, 1]], r"views\[1\]\.K: focal lengths must be positive"),
        ("views.1.K.0.0", "500", r"views\[1\]\.K\[0\]\[0\]: is text, wanted a number"),
        ("views.1.cam_to_world", MIRROR, r"views\[1\]\.cam_to_world: the pose is not a rigid transform"),
        ("views.1.cam_to_world.0.3", True, r"views\[1\]\.cam_to_world\[0\]\[3\]: is true or false, wanted a number"),
        ("views.2.lens.coefficients", [0.1, 0.2], r"views\[2\]\.lens\.coefficients: has 2 items, wanted 1"),
        ("views.2.lens.coefficients", ["0.1"], r"views\[2\]\.lens\.coefficients\[0\]: is text, wanted a number"),
        ("views.2.lens", "wide", r"views\[2\]\.lens: is text, wanted an object"),
        ("views.1.letterbox", [0, 0, 64, 49], r"views\[1\]\.letterbox: leaves the dense grid of 64x48"),
        ("views.1.letterbox", [0, 0, 0, 48], r"views\[1\]\.letterbox\[2\]: is 0, wanted 1 or more"),
        ("views.1.width", 0, r"views\[1\]\.width: is 0, wanted 1 or more"),
        ("views.1.name", "photo_000.png", r"views\[1\]\.name: 'photo_000.png' is the name of another view"),
        ("views.1.name", "", r"views\[1\]\.name: is empty"),
        ("views.1.name", "/IMG_1.jpg", r"views\[1\]\.name: '/IMG_1.jpg' is no name"),
        ("views.1.name", "..", r"views\[1\]\.name: '..' is no name"),
        ("views.1.name", "a/../../b.jpg", r"views\[1\]\.name: .* is no name"),
        ("views.1.name", "a\\b.jpg", r"views\[1\]\.name: .* is no name"),
        ("views.1.name", "a\nb.jpg", r"views\[1\]\.name: 'a\\nb.jpg' holds characters"),
        ("views.1.name", "a\0.jpg", r"views\[1\]\.name: 'a\\x00.jpg' holds characters"),
        ("unregistered.0.name", "./a.jpg", r"unregistered\[0\]\.name: './a.jpg' is no name"),
        ("views.1.name", "a" * 300, r"views\[1\]\.name: is longer than the 255 bytes"),
        ("views.1.image", "a" * 5000, r"views\[1\]\.image: the file a+ is missing"),
        ("dense.depth", "a" * 5000, r"dense\.depth: the file a+ is missing"),
        ("views.1.width", 10**300, r"views\[1\]\.width: is beyond"),
        ("up_world", [1e308, 1e308, 1e308], "up_world: is not a direction of length 1"),
        ("views.1.image", "images/gone.jpg", r"views\[1\]\.image: the file images/gone.jpg is missing"),
        ("views.1.image", "../secret.jpg", r"views\[1\]\.image: ../secret.jpg leaves the scene folder"),
        ("views.1.image", "images\\a.jpg", r"views\[1\]\.image: .* forward slashes"),
        ("views.1.pose_trust", 1.1, r"views\[1\]\.pose_trust: is 1.1, wanted 0 to 1"),
        ("views.1.pose_trust", -0.1, r"views\[1\]\.pose_trust: is -0.1, wanted 0 to 1"),
        ("views.1.pose_trust", "sure", r"views\[1\]\.pose_trust: is text, wanted a number"),
        ("views.1.pose_trust", True, r"views\[1\]\.pose_trust: is true or false, wanted a number"),
        ("pose_trust", 97, "pose_trust: is 97.0, wanted 0 to 1"),
        ("pose_trust", [0.9], "pose_trust: is a list, wanted a number"),
        ("views.1.is_keyframe", 1, r"views\[1\]\.is_keyframe: is a number, wanted true or false"),
        ("views.1.timestamp_s", "0", r"views\[1\]\.timestamp_s: is text, wanted a number"),
        ("format", "other", "format: is 'other', wanted 'amb3r-scene'"),
        ("format_version", 3, "format_version: is 3, but this software reads versions 1 to 2; update amb3r"),
        ("format_version", 0, "format_version: is 0, but"),
        ("format_version", "2", "format_version: is text, wanted a whole number"),
        ("format_version", ..., "format_version: missing"),
        ("unit", "unit", "unit: is 'unit', wanted 'metre'"),
        ("metric", False, "metric: disagrees with scale.kind 'metric'"),
        ("scale.kind", "huge", r"scale\.kind: is 'huge', wanted 'metric' or 'relative'"),
        ("frame", "opengl", "frame: is 'opengl', wanted 'opencv'"),
        ("pixel_origin", "center", "pixel_origin: is 'center', wanted 'corner'"),
        ("up_world", [0, 0, 2], "up_world: is not a direction of length 1"),
        ("unregistered.0.reason", None, r"unregistered\[0\]\.reason: is null, wanted text"),
        ("dense.depth", "dense/none.npy", r"dense\.depth: the file dense/none.npy is missing"),
        ("dense.depth", "/etc/hostname", r"dense\.depth: /etc/hostname leaves the scene folder"),
        ("dense.depth", "scene.amb3r", r"dense\.depth: scene.amb3r is no array"),
        ("dense.depth", "dense/rgb.npy", r"dense\.depth: rgb.npy is uint8 .* wanted float32"),
        ("dense.weight_is_probability", "yes", r"dense\.weight_is_probability: is text, wanted true or false"),
        ("dense.width", 65, r"dense\.depth: depth.npy is float32 \(3, 48, 64\), wanted float32 \(3, 48, 65\)"),
        ("points.count", 7, r"points\.count: is 7, but points.ply holds \d+"),
        ("points.file", "gone.ply", r"points\.file: the file gone.ply is missing"),
        ("video.frames_per_second", 0, r"video\.frames_per_second: must be positive"),
        ("engine.weights_licence", "MIT", r"engine\.weights_licence: disagrees with engine.weights.licence"),
        ("engine.seconds.predict", "1", r"engine\.seconds\.predict: is text, wanted a number"),
        ("metric", 1, "metric: is a number, wanted true or false"),
        ("scale.source", None, r"scale\.source: is null, wanted text"),
        ("scale.relative_spread", "small", r"scale\.relative_spread: is text, wanted a number"),
        ("up_world", [0, -1], "up_world: has 2 items, wanted 3"),
        ("views", {}, "views: is an object, wanted a list"),
        ("views.1.image", "a\0b", r"views\[1\]\.image: is no path"),
        ("views.1.mask", 7, r"views\[1\]\.mask: is a number, wanted text"),
        ("views.1.height", 480.5, r"views\[1\]\.height: is a number, wanted a whole number"),
        ("views.1.cam_to_world.3.3", 2, r"views\[1\]\.cam_to_world: the pose is not a rigid transform"),
        ("views.1.cam_to_world.0.3", 10**400, r"views\[1\]\.cam_to_world\[0\]\[3\]: is not a finite number"),
        ("views.1.letterbox", [0, -1, 64, 48], r"views\[1\]\.letterbox\[1\]: is -1, wanted 0 or more"),
        ("unregistered.0.name", "photo_000.png", r"unregistered\[0\]\.name: 'photo_000.png' is the name of another"),
        ("points.has_confidence", 1, r"points\.has_confidence: is a number, wanted true or false"),
        ("points.count", -1, r"points\.count: is -1, wanted 0 or more"),
        ("video.frames_per_second", ..., r"video\.frames_per_second: missing"),
        ("engine", [], "engine: is a list, wanted an object"),
        ("engine.weights", {}, r"engine\.weights\.name: missing"),
        ("engine.notes", [1], r"engine\.notes\[0\]: is a number, wanted text"),
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
    file.write_text("[]")
    with pytest.raises(FormatError, match="is a list, wanted an object"):
        load_scene(file)
    file.write_text("[" * 100_000)
    with pytest.raises(FormatError, match="not valid JSON"):
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


def test_a_file_of_the_scene_that_is_a_link_out_of_it_is_not_read(tmp_path: Path):
    save_scene(rich_scene(), tmp_path / "scene")
    (tmp_path / "scene" / "dense" / "depth.npy").rename(tmp_path / "depth.npy")
    (tmp_path / "scene" / "dense" / "depth.npy").symlink_to(tmp_path / "depth.npy")
    with pytest.raises(FormatError, match=r"dense\.depth: dense/depth.npy leaves the scene folder"):
        load_scene(tmp_path / "scene")


def test_a_scene_folder_may_itself_be_a_link(tmp_path: Path):
    scene = rich_scene()
    save_scene(scene, tmp_path / "there")
    (tmp_path / "here").symlink_to(tmp_path / "there")
    assert np.array_equal(load_scene(tmp_path / "here").dense.depth, scene.dense.depth)


def test_photos_outside_the_folder_are_told_links_followed(tmp_path: Path):
    inside = fake_room(2, images_folder=tmp_path / "scene" / "images").reconstruction
    assert files_outside(inside, tmp_path / "scene") == []
    link = tmp_path / "scene" / "images" / "link.png"
    link.symlink_to("/etc/hostname")
    view = replace(inside.views[0], path=str(link), mask_path="/etc/passwd")
    assert files_outside(replace(inside, views=(view, inside.views[1])), tmp_path / "scene") == [str(link), "/etc/passwd"]

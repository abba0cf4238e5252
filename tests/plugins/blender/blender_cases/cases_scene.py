"""A scene in real Blender: what is made, renewed, undone, saved."""

import json
import os
from pathlib import Path

import bpy
import kit
import numpy as np
import pytest
from mathutils import Matrix


def _do_import(folder: Path, **options: object) -> None:
    assert bpy.ops.import_scene.amb3r(filepath=str(folder), **options) == {"FINISHED"}


def _root() -> bpy.types.Object:
    [root] = [thing for thing in bpy.data.objects if thing.get("amb3r_kind") == "root"]
    return root


def _names() -> list[str]:
    return sorted(thing.name for thing in bpy.data.objects)


def test_one_collection_one_root_and_everything_below(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path / "café")
    _do_import(tmp_path / "café", relief=True)
    collection = bpy.data.collections["AMB3R café"]
    assert {child.name for child in collection.children} == {"Cameras", "Points", "Depth"}
    root = _root()
    assert {thing.parent for thing in collection.all_objects} == {None, root}
    assert np.array(root.matrix_world.to_3x3()) @ [0, -1, 0] == pytest.approx([0, 0, 1], abs=1e-6)
    assert {thing.type for thing in collection.all_objects} == {"EMPTY", "CAMERA", "POINTCLOUD", "MESH"}


def test_the_root_tells_scale_source_and_licence(tmp_path: Path) -> None:
    weights = {"name": "amb3r", "sha256": "00", "licence": "CC-BY-NC-4.0", "source": "imported"}
    path = kit.simple_scene(tmp_path)
    document = json.loads(path.read_text())
    document["engine"] |= {"weights": weights, "weights_licence": "CC-BY-NC-4.0"}
    document |= {"unit": "unit", "metric": False, "unregistered": [{"name": "lost.jpg", "reason": "blurred", "image": None}]}
    document["scale"] = {"kind": "relative", "source": "none", "relative_spread": 0.02}
    kit.write_scene(tmp_path, document)
    _do_import(tmp_path)
    root = _root()
    assert (root["amb3r_scale_kind"], root["amb3r_scale_source"]) == ("relative", "none, spread 2.0%")
    assert (root["amb3r_weights"], root["amb3r_weights_licence"]) == ("amb3r", "CC-BY-NC-4.0")
    assert list(root["amb3r_counts"]) == [3, 4, 500]
    assert root["amb3r_notes"].splitlines() == ["a note of the engine", "lost.jpg was not placed: blurred"]


def test_root_and_cameras_tell_how_far_the_poses_are_trusted(tmp_path: Path) -> None:
    path = kit.simple_scene(tmp_path)
    document = json.loads(path.read_text())
    document["pose_trust"] = 0.95
    document["views"][1]["pose_trust"] = 0.2
    kit.write_scene(tmp_path, document)
    _do_import(tmp_path)
    root = _root()
    assert root["amb3r_poses"] == "sure (95%); less than the others: photo_001.png (20%)"
    assert root["amb3r_pose_trust"] == pytest.approx(0.95)
    assert [bpy.data.objects[f"photo_{index:03d}"].get("amb3r_pose_trust") for index in range(3)] == [None, 0.2, None]
    kit.simple_scene(tmp_path)
    _do_import(tmp_path)
    assert root["amb3r_poses"] == "not judged"
    assert "amb3r_pose_trust" not in root
    assert "amb3r_pose_trust" not in bpy.data.objects["photo_001"]


def test_a_doubtful_scene_says_so_when_it_has_come_in(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    document = json.loads(kit.simple_scene(tmp_path).read_text())
    kit.write_scene(tmp_path, document | {"pose_trust": 0.31})
    _do_import(tmp_path)
    assert "in metres; poses doubtful (31%): check them before you build on them" in capfd.readouterr().out


def test_photos_stand_behind_their_cameras(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path)
    _do_import(tmp_path, background_alpha=0.5)
    for index in range(3):
        [background] = bpy.data.objects[f"photo_{index:03d}"].data.background_images
        assert Path(background.image.filepath) == tmp_path / "images" / f"photo_{index:03d}.png"
        assert (background.frame_method, background.alpha) == ("STRETCH", 0.5)
        pixel = np.array(background.image.pixels[:3])
        assert pixel == pytest.approx((40 * index + 20) / 255, abs=1e-3)
    _do_import(tmp_path, backgrounds="NONE")
    assert not any(len(camera.background_images) for camera in bpy.data.cameras)


def test_missing_photos_are_told_and_do_not_stop_the_import(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kit.simple_scene(tmp_path)
    (tmp_path / "images" / "photo_001.png").unlink()
    _do_import(tmp_path)
    assert "1 of 3 photos are not where the scene says" in capfd.readouterr().out


def test_a_second_import_renews_in_place_and_keeps_the_users_root(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path)
    _do_import(tmp_path)
    names, root = _names(), _root()
    moved = Matrix.Translation((1, 2, 3)) @ Matrix.Rotation(0.5, 4, "X") @ Matrix.Scale(2, 4)
    root.matrix_world = moved
    cloud = next(thing for thing in bpy.data.objects if thing.type == "POINTCLOUD")
    own_material = bpy.data.materials.new("Mine")
    cloud.material_slots[0].material = own_material
    cloud.modifiers[0].name = "Mine"
    cameras = {thing.name: thing.data for thing in bpy.data.objects if thing.type == "CAMERA"}
    kit.simple_scene(tmp_path, n_views=4, n_points=700)
    _do_import(tmp_path)
    assert _names() == sorted([*names, "photo_003"])
    bpy.context.view_layer.update()
    assert np.array(root.matrix_world) == pytest.approx(np.array(moved), abs=1e-6)
    assert len(cloud.data.points) == 700
    assert [slot.material for slot in cloud.material_slots] == [own_material]
    assert [modifier.name for modifier in cloud.modifiers] == ["Mine"]
    assert all(bpy.data.objects[name].data == data for name, data in cameras.items())
    assert len(bpy.data.pointclouds) == 1
    kit.simple_scene(tmp_path, n_views=2)
    _do_import(tmp_path)
    assert "photo_002" not in bpy.data.objects
    assert len(bpy.data.cameras) == 2


def test_without_replace_a_second_scene_stands_beside_the_first(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path)
    _do_import(tmp_path)
    _do_import(tmp_path, replace=False)
    assert len([thing for thing in bpy.data.objects if thing.get("amb3r_kind") == "root"]) == 2
    assert len(bpy.data.pointclouds) == 2


def test_one_undo_removes_an_import(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path)
    bpy.data.objects.new("Mine", None)
    bpy.ops.ed.undo_push(message="before")
    before, transform = _names(), bpy.context.scene.view_settings.view_transform
    assert bpy.ops.import_scene.amb3r("EXEC_DEFAULT", True, filepath=str(tmp_path)) == {"FINISHED"}
    assert len(_names()) == len(before) + 5
    assert bpy.ops.ed.undo() == {"FINISHED"}
    assert _names() == before
    assert not bpy.data.pointclouds
    assert bpy.context.scene.view_settings.view_transform == transform


def test_import_works_in_edit_mode(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path)
    thing = bpy.data.objects.new("Mine", bpy.data.meshes.new("Mine"))
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.mode_set(mode="EDIT")
    _do_import(tmp_path, relief=True)
    assert bpy.context.mode == "EDIT_MESH"
    assert next(cloud for cloud in bpy.data.pointclouds).points[499] is not None
    assert bpy.context.object == thing


def test_bad_scenes_are_refused_with_their_message(tmp_path: Path) -> None:
    path = kit.simple_scene(tmp_path)
    document = json.loads(path.read_text())
    document["views"][1]["K"][0][0] = -1
    kit.write_scene(tmp_path, document)
    with pytest.raises(RuntimeError, match=r"views\[1\]\.K: focal lengths must be positive"):
        bpy.ops.import_scene.amb3r(filepath=str(tmp_path))
    with pytest.raises(RuntimeError, match=r"there is no scene\.amb3r here"):
        bpy.ops.import_scene.amb3r(filepath=str(tmp_path / "nowhere"))
    assert not bpy.data.objects


def test_saved_files_reload_whole_with_relative_paths(tmp_path: Path) -> None:
    times = [0.0, 0.5, 1.0]
    kit.simple_scene(tmp_path / "shots" / "one", times=times)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work.blend"))
    _do_import(tmp_path / "shots" / "one", relief=True)
    before = {thing.name: np.array(thing.matrix_world) for thing in bpy.data.objects}
    bpy.ops.wm.save_mainfile()
    (tmp_path / "moved").mkdir()
    os.rename(tmp_path / "work.blend", tmp_path / "moved" / "work.blend")
    os.rename(tmp_path / "shots", tmp_path / "moved" / "shots")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "moved" / "work.blend"))
    paths = [image.filepath for image in bpy.data.images if image.source == "FILE"]
    assert len(paths) == 3
    assert all(path.startswith("//shots") for path in paths)
    assert all(Path(bpy.path.abspath(path)).is_file() for path in paths)
    cloud = next(iter(bpy.data.pointclouds))
    assert len(cloud.points) == 500
    assert {"position", "radius", "confidence", "Col", "view_index"} <= set(cloud.attributes.keys())
    bpy.context.scene.frame_set(1)
    bpy.context.view_layer.update()
    for name, matrix in before.items():
        assert np.array(bpy.data.objects[name].matrix_world) == pytest.approx(matrix, abs=1e-6)
    path = next(thing for thing in bpy.data.objects if thing.get("amb3r_kind") == "path")
    bpy.context.scene.frame_set(1 + 24)
    assert path.matrix_local.translation.x == pytest.approx(0.5, abs=1e-5)
    assert bpy.ops.amb3r.next_view() == {"FINISHED"}


def test_the_first_save_of_an_unsaved_file_makes_paths_relative(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path / "one")
    _do_import(tmp_path / "one")
    assert Path(bpy.data.images["photo_000.png"].filepath).is_absolute()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work.blend"))
    assert bpy.data.images["photo_000.png"].filepath.replace("\\", "/") == "//one/images/photo_000.png"


def test_a_video_plays_behind_the_moving_camera(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path, times=[0.0, 0.2, 0.4], video={"path": os.environ["AMB3R_TEST_CLIP"], "frames_per_second": 10.0})
    _do_import(tmp_path)
    [path] = [thing for thing in bpy.data.objects if thing.get("amb3r_kind") == "path"]
    [background] = path.data.background_images
    assert background.source == "MOVIE_CLIP"
    assert (background.clip.frame_duration, background.clip.frame_start) == (12, 1)
    assert bpy.context.scene.render.fps / bpy.context.scene.render.fps_base == 10.0
    assert (bpy.context.scene.frame_start, bpy.context.scene.frame_end) == (1, 5)


def test_numbered_frames_play_as_a_sequence(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path, times=[0.0, 0.2, 0.4])
    _do_import(tmp_path, timeline="VIEWS", backgrounds="SEQUENCE")
    [path] = [thing for thing in bpy.data.objects if thing.get("amb3r_kind") == "path"]
    [background] = path.data.background_images
    user = background.image_user
    assert background.image.source == "SEQUENCE"
    assert (user.frame_start, user.frame_duration, user.frame_offset) == (1, 3, -1)
    for index in range(3):
        bpy.context.scene.frame_set(1 + index)
        shown = Path(background.image.filepath_from_user(image_user=user)).name
        assert shown == f"photo_{index:03d}.png"


def test_footage_that_cannot_line_up_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kit.simple_scene(tmp_path, times=[0.0, 0.2, 0.4], video={"path": "gone.mp4", "frames_per_second": 10.0})
    _do_import(tmp_path)
    said = capfd.readouterr().out
    assert "no footage behind the moving camera: the video gone.mp4 is not where the scene says" in said


def test_scene_settings_stay_when_they_are_not_to_be_touched(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path, times=[0.0, 0.2, 0.4], video={"path": "gone.mp4", "frames_per_second": 10.0})
    scene = bpy.context.scene
    before = (scene.render.resolution_x, scene.render.fps, scene.frame_end, scene.view_settings.view_transform, scene.camera)
    _do_import(tmp_path, set_render=False, set_timeline=False, match_colors=False, material_preview=False)
    assert before == (
        scene.render.resolution_x,
        scene.render.fps,
        scene.frame_end,
        scene.view_settings.view_transform,
        scene.camera,
    )
    _do_import(tmp_path)
    assert scene.view_settings.view_transform == "Standard"
    assert scene.render.resolution_x == 640


@pytest.mark.parametrize(("option", "up"), [("FIRST", [0, -1, 0]), ("AUTO", [0.6, -0.8, 0])])
def test_up_comes_from_where_the_user_says(tmp_path: Path, option: str, up: list[float]) -> None:
    kit.simple_scene(tmp_path, up_world=[0.6, -0.8, 0.0])
    _do_import(tmp_path, up_axis=option)
    bpy.context.view_layer.update()
    assert np.array(_root().matrix_world.to_3x3()) @ up == pytest.approx([0, 0, 1], abs=1e-6)


def test_the_file_can_be_dropped_and_is_in_the_menu() -> None:
    handler = bpy.types.AMB3R_FH_scene
    assert (handler.bl_import_operator, handler.bl_file_extensions) == ("import_scene.amb3r", ".amb3r")
    assert "PRESET" in bpy.types.IMPORT_SCENE_OT_amb3r.bl_options

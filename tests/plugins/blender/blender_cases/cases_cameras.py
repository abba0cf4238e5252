"""Cameras in real Blender: exact to the pixel, and back out again."""

import json
import time
from pathlib import Path

import bpy
import kit
import numpy as np
import pytest
from blender_host import part, points_of_render
from mathutils import Matrix

N_CAMERAS, N_POINTS = 60, 300
FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def _import_cameras(folder: Path, size: tuple[int, int], **options: object) -> list[dict]:
    random = np.random.default_rng(size[0])
    views = [
        kit.view_document(f"v{index:02d}.jpg", size, kit.random_intrinsics(random, *size), kit.random_pose(random))
        for index in range(N_CAMERAS)
    ]
    kit.write_scene(folder, kit.scene_document(views))
    assert bpy.ops.import_scene.amb3r(filepath=str(folder), **options) == {"FINISHED"}
    return views


def _sampled(random: np.random.Generator, K: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Points in the camera's frame, 1 to 20 m away, and their true pixels."""
    pixels = random.uniform(0, 1, (N_POINTS, 2)) * size
    depth = random.uniform(1, 20, N_POINTS)
    rays = np.column_stack([(pixels - K[:2, 2]) / [K[0, 0], K[1, 1]], np.ones(N_POINTS)])
    return rays * depth[:, None], pixels


@pytest.mark.parametrize(
    ("size", "pose_bar"),
    [((640, 480), 1e-3), ((480, 640), 1e-3), ((1920, 1080), 2.5e-3), ((4032, 3024), 5e-3), ((3024, 4032), 5e-3)],
)
def test_points_fall_on_the_same_pixel(tmp_path: Path, size: tuple[int, int], pose_bar: float) -> None:
    views = _import_cameras(tmp_path, size)
    random = np.random.default_rng(5)
    root = bpy.data.objects[f"AMB3R {tmp_path.name}"]
    worst_k = worst_pose = 0.0
    for view in views:
        assert bpy.ops.amb3r.view_camera(name=view["name"]) == {"FINISHED"}
        camera = bpy.context.scene.camera
        assert (bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y) == size
        points, pixels = _sampled(random, np.array(view["K"]), size)
        found = points_of_render(bpy.context.scene, camera, FLIP, points)
        worst_k = max(worst_k, np.abs(found - pixels).max())
        pose = np.array(view["cam_to_world"])
        world = np.array(root.matrix_world, dtype=np.float64)
        points_world = (points @ pose[:3, :3].T + pose[:3, 3]) @ world[:3, :3].T + world[:3, 3]
        found = points_of_render(
            bpy.context.scene, camera, np.linalg.inv(np.array(camera.matrix_world, dtype=np.float64)), points_world
        )
        worst_pose = max(worst_pose, np.abs(found - pixels).max())
    print(f"MEASURED {size[0]}x{size[1]}: K only {worst_k:.2e} px, K and pose {worst_pose:.2e} px")
    assert worst_k < 1e-3
    assert worst_pose < pose_bar


@pytest.mark.parametrize("size", [(640, 480), (3024, 4032)])
def test_cameras_come_back_whatever_happened_to_the_root(tmp_path: Path, size: tuple[int, int]) -> None:
    views = _import_cameras(tmp_path / "in", size)
    root = bpy.data.objects["AMB3R in"]
    root.matrix_world = Matrix.Translation((10, -4, 2)) @ Matrix.Rotation(1.1, 4, (1, 2, 3)) @ Matrix.Scale(2.5, 4)
    bpy.context.view_layer.update()
    out = tmp_path / "out" / "cameras.amb3r"
    assert bpy.ops.export_scene.amb3r_cameras(filepath=str(out), format="AMB3R") == {"FINISHED"}
    document = json.loads(out.read_text())
    assert document["metric"]
    assert document["scale"]["source"] == "two views 0.52 m apart"
    worst = np.zeros(3)
    for given, back in zip(views, document["views"], strict=True):
        assert given["name"] == back["name"]
        error_k = np.abs(np.array(given["K"]) - back["K"]).max() / max(size)
        one, two = np.array(given["cam_to_world"]), np.array(back["cam_to_world"])
        error_t = np.abs(one - two)[:3, 3].max()
        sine = np.linalg.norm(one[:3, :3].T @ two[:3, :3] - np.eye(3)) / np.sqrt(2)
        worst = np.maximum(worst, [error_k, error_t, np.degrees(sine)])
    print(f"MEASURED round trip {size}: K {worst[0]:.1e} of size, t {worst[1]:.1e} m, R {worst[2]:.1e} degrees")
    assert worst[0] < 1e-6
    assert worst[1] < 1e-6
    assert worst[2] < 1e-4


def test_exported_cameras_were_not_judged_and_say_how_far_those_were_that_they_come_from(tmp_path: Path) -> None:
    document = json.loads(kit.simple_scene(tmp_path / "in").read_text())
    kit.write_scene(tmp_path / "in", document | {"pose_trust": 0.31})
    bpy.ops.import_scene.amb3r(filepath=str(tmp_path / "in"))
    out = tmp_path / "out" / "cameras.amb3r"
    assert bpy.ops.export_scene.amb3r_cameras(filepath=str(out), format="AMB3R") == {"FINISHED"}
    exported = json.loads(out.read_text())
    assert "pose_trust" not in exported
    told = "poses of the scene they come from: doubtful (31%): check them before you build on them"
    assert exported["engine"]["notes"] == ["cameras exported from Blender", told]


def test_a_camera_that_the_user_moved_is_exported_where_it_is(tmp_path: Path) -> None:
    _import_cameras(tmp_path / "in", (640, 480))
    camera = bpy.data.objects["v03"]
    empty = bpy.data.objects.new("Rig", None)
    bpy.context.scene.collection.objects.link(empty)
    empty.parent = bpy.data.objects["AMB3R in"]
    camera.parent = empty
    empty.location = (0, 0, 5)
    bpy.context.view_layer.update()
    before = np.array(part("ops_export").pose_of(camera))
    empty.location = (1, 0, 5)
    bpy.context.view_layer.update()
    assert np.array(part("ops_export").pose_of(camera))[:3, 3] - before[:3, 3] == pytest.approx([1, 0, 0], abs=1e-5)


def test_selected_cameras_of_any_kind_can_be_exported(tmp_path: Path) -> None:
    data = bpy.data.cameras.new("Mine")
    data.sensor_fit = "VERTICAL"
    thing = bpy.data.objects.new("Mine", data)
    bpy.context.scene.collection.objects.link(thing)
    thing.location = (1, 2, 3)
    bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y = 300, 200
    bpy.context.view_layer.update()
    thing.select_set(True)
    out = tmp_path / "t.json"
    assert bpy.ops.export_scene.amb3r_cameras(filepath=str(out), format="NERFSTUDIO", selected_only=True) == {"FINISHED"}
    [frame] = json.loads(out.read_text())["frames"]
    assert (frame["w"], frame["h"], frame["fl_y"]) == (300, 200, pytest.approx(50 / 24 * 200))
    assert np.array(frame["transform_matrix"])[:3, 3] == pytest.approx([1, 2, 3])
    thing.select_set(False)
    with pytest.raises(RuntimeError, match="No camera is selected"):
        bpy.ops.export_scene.amb3r_cameras(filepath=str(out), selected_only=True)


def test_colmap_text_holds_every_view(tmp_path: Path) -> None:
    views = _import_cameras(tmp_path / "in", (640, 480))
    assert bpy.ops.export_scene.amb3r_cameras(filepath=str(tmp_path / "sparse"), format="COLMAP") == {"FINISHED"}
    lines = (tmp_path / "sparse" / "images.txt").read_text().splitlines()
    assert [line.split()[-1] for line in lines if line.endswith(".jpg")] == [view["name"] for view in views]


def test_every_view_brings_its_own_size(tmp_path: Path) -> None:
    sizes = [(640, 480), (480, 640), (1000, 300)]
    random = np.random.default_rng(0)
    views = [
        kit.view_document(f"{index}.jpg", size, kit.random_intrinsics(random, *size), kit.random_pose(random))
        for index, size in enumerate(sizes)
    ]
    kit.write_scene(tmp_path, kit.scene_document(views))
    bpy.ops.import_scene.amb3r(filepath=str(tmp_path))
    render = bpy.context.scene.render
    assert bpy.context.scene.camera.name == "0"
    seen = [(render.resolution_x, render.resolution_y)]
    for _ in range(3):
        bpy.ops.amb3r.next_view()
        K = np.array(views[len(seen) % 3]["K"])
        assert render.pixel_aspect_y / render.pixel_aspect_x == pytest.approx(K[0, 0] / K[1, 1], rel=1e-6)
        seen.append((render.resolution_x, render.resolution_y))
    assert seen == [*sizes, sizes[0]]
    bpy.ops.amb3r.previous_view()
    assert (render.resolution_x, render.resolution_y) == sizes[2]
    with pytest.raises(RuntimeError, match="no view named 'nobody'"):
        bpy.ops.amb3r.view_camera(name="nobody")


def _timed_scene(folder: Path, n_views: int, **more: object) -> list[dict]:
    random = np.random.default_rng(1)
    pose = np.eye(4)
    views = []
    for index in range(n_views):
        step = np.eye(4)
        angle = 0.01
        step[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
        step[:3, 3] = random.normal(0, 0.01, 3)
        pose = pose @ step
        K = np.array([[500.0 + index, 0, 320], [0, 500.0 + index, 240], [0, 0, 1]])
        views.append(kit.view_document(f"f{index:05d}.jpg", (640, 480), K, pose, timestamp_s=0.5 * index))
    kit.write_scene(folder, kit.scene_document(views, **more))
    return views


def test_a_moving_camera_stands_at_every_view_in_time(tmp_path: Path) -> None:
    views = _timed_scene(tmp_path, 700, video={"path": "clip.mp4", "frames_per_second": 29.97})
    assert bpy.ops.import_scene.amb3r(filepath=str(tmp_path), cameras="ANIMATED", up_axis="AS_IS") == {"FINISHED"}
    scene = bpy.context.scene
    assert scene.render.fps / scene.render.fps_base == pytest.approx(29.97, rel=1e-5)
    [camera] = [thing for thing in bpy.data.objects if thing.type == "CAMERA"]
    assert scene.camera == camera
    assert (scene.frame_start, scene.frame_end) == (1, 10476)
    for index in (0, 1, 350, 699):
        frame = 1 + 0.5 * index * 29.97
        scene.frame_set(int(frame), subframe=frame - int(frame))
        assert np.array(camera.matrix_world) @ FLIP == pytest.approx(np.array(views[index]["cam_to_world"]), abs=2e-5)
        assert camera.data.lens == pytest.approx((500 + index) * 36 / 640, rel=1e-5)


def test_a_thousand_poses_take_less_than_fifty_milliseconds(tmp_path: Path) -> None:
    _timed_scene(tmp_path, 1000)
    bpy.ops.import_scene.amb3r(filepath=str(tmp_path), cameras="ANIMATED")
    scene = part("opened_scene").open_scene(tmp_path)
    [camera] = [thing for thing in bpy.data.objects if thing.type == "CAMERA"]
    line = part("timeline").timeline_of([view.timestamp_s for view in scene.views], "TIME", 24.0)
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        part("build_cameras").animate_path(camera, scene.views, line, 1.0)
        seconds.append(time.perf_counter() - started)
    print(f"MEASURED path of 1000 poses: {1000 * min(seconds):.1f} ms")
    assert min(seconds) < 0.05
    assert len([action for action in bpy.data.actions if action.users]) == 2
    assert len(bpy.data.actions) == 2


def test_views_know_their_frame(tmp_path: Path) -> None:
    _timed_scene(tmp_path, 5)
    bpy.ops.import_scene.amb3r(filepath=str(tmp_path), cameras="BOTH")
    bpy.ops.amb3r.view_camera(name="f00003.jpg")
    assert bpy.context.scene.frame_current_final == pytest.approx(1 + 1.5 * 24)

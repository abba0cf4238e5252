"""Cameras written for other programs and read back by them."""

import json
from pathlib import Path

import numpy as np
import pytest
from amb3r_blender.camera_files import ExportedCamera, ExportNotes, write_colmap_text, write_nerfstudio, write_scene_cameras
from amb3r_blender.camera_math import Intrinsics
from amb3r_blender.scene_file import read_scene

from amb3r_core.export.scene_dir import load_scene
from tests.plugins.blender import kit

WORLD_POINT = np.array([0.3, -0.2, 0.9])


def _cameras(n_cameras: int = 12) -> list[ExportedCamera]:
    random = np.random.default_rng(0)
    cameras: list[ExportedCamera] = []
    for index in range(n_cameras):
        K = kit.random_intrinsics(random, 640, 480)
        camera = Intrinsics(width=640, height=480, fx=K[0, 0], fy=K[1, 1], cx=K[0, 2], cy=K[1, 2])
        cameras.append(ExportedCamera(name=f"{index}.jpg", camera=camera, cam_to_world=kit.random_pose(random)))
    return cameras


def _pixel(camera: ExportedCamera) -> np.ndarray:
    """Where the world point falls, counted from the corner."""
    x, y, z = np.linalg.inv(camera.cam_to_world)[:3] @ [*WORLD_POINT, 1.0]
    k = camera.camera
    return np.array([k.fx * x / z + k.cx, k.fy * y / z + k.cy])


def test_our_own_file_is_read_by_both_readers(tmp_path: Path) -> None:
    notes = ExportNotes(
        is_metric=True, scale_source="a tape", weights_name="amb3r", weights_licence="CC-BY-NC-4.0", up=(0, -1, 0)
    )
    cameras = _cameras()
    [path] = write_scene_cameras(tmp_path / "out" / "cameras.amb3r", cameras, notes)
    core, own = load_scene(path), read_scene(path)
    assert core.scale.source == own.scale_source == "a tape"
    assert own.engine.weights_licence == "CC-BY-NC-4.0"
    for camera, theirs, ours in zip(cameras, core.views, own.views, strict=True):
        assert np.array_equal(theirs.cam_to_world, camera.cam_to_world)
        assert np.array_equal(ours.cam_to_world, camera.cam_to_world)
        assert ours.camera == camera.camera
        assert theirs.camera.cx == pytest.approx(camera.camera.cx - 0.5, abs=1e-12)


def test_colmap_reads_the_text_and_finds_the_same_pixel(tmp_path: Path) -> None:
    import pycolmap

    cameras = _cameras()
    write_colmap_text(tmp_path, cameras)
    model = pycolmap.Reconstruction(str(tmp_path))
    assert model.num_images() == len(cameras)
    by_name = {image.name: image for image in model.images.values()}
    for camera in cameras:
        image = by_name[camera.name]
        in_camera = image.cam_from_world() * WORLD_POINT
        colmap = model.cameras[image.camera_id]
        fx, fy, cx, cy = colmap.params
        found = np.array([fx * in_camera[0] / in_camera[2] + cx, fy * in_camera[1] / in_camera[2] + cy])
        assert found == pytest.approx(_pixel(camera), abs=1e-6)
        assert (colmap.width, colmap.height) == (640, 480)


def test_nerfstudio_json_has_opengl_axes_and_the_same_pixel(tmp_path: Path) -> None:
    cameras = _cameras()
    [path] = write_nerfstudio(tmp_path / "transforms.json", cameras)
    document = json.loads(path.read_text())
    for camera, frame in zip(cameras, document["frames"], strict=True):
        x, y, z = np.linalg.inv(np.array(frame["transform_matrix"]))[:3] @ [*WORLD_POINT, 1.0]
        found = np.array([frame["fl_x"] * x / -z + frame["cx"], frame["fl_y"] * -y / -z + frame["cy"]])
        assert found == pytest.approx(_pixel(camera), abs=1e-6)
        assert frame["file_path"] == camera.name


def test_image_paths_are_relative_inside_and_absolute_outside(tmp_path: Path) -> None:
    inside, outside = str(tmp_path / "images" / "a.jpg"), "/elsewhere/b.jpg"
    one, two = _cameras(2)
    cameras = [
        ExportedCamera(name=camera.name, camera=camera.camera, cam_to_world=camera.cam_to_world, image=image)
        for camera, image in ((one, inside), (two, outside))
    ]
    [path] = write_nerfstudio(tmp_path / "transforms.json", cameras)
    names = [frame["file_path"] for frame in json.loads(path.read_text())["frames"]]
    assert names == ["images/a.jpg", "/elsewhere/b.jpg"]

"""Cameras written for other programs and read back by them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from amb3r_blender.camera_files import write_colmap_text, write_nerfstudio, write_scene_cameras

from amb3r_core.export.scene_dir import load_scene
from amb3r_core.scene.camera import Letterbox, PinholeCamera
from amb3r_core.scene.reconstruction import Provenance, Reconstruction, Scale, View, WeightsInfo
from tests.plugins.blender import kit

WORLD_POINT = np.array([0.3, -0.2, 0.9])


def _views(n_views: int = 12) -> tuple[View, ...]:
    random = np.random.default_rng(0)
    views: list[View] = []
    for index in range(n_views):
        K = kit.random_intrinsics(random, 640, 480)
        camera = PinholeCamera(width=640, height=480, fx=K[0, 0], fy=K[1, 1], cx=K[0, 2] - 0.5, cy=K[1, 2] - 0.5)
        letterbox = Letterbox(x=0, y=0, width=640, height=480)
        views.append(View(name=f"{index}.jpg", camera=camera, cam_to_world=kit.random_pose(random), letterbox=letterbox))
    return tuple(views)


def _pixel(view: View) -> np.ndarray:
    """Where the world point falls, counted from the corner."""
    x, y, z = np.linalg.inv(view.cam_to_world)[:3] @ [*WORLD_POINT, 1.0]
    k = view.camera
    return np.array([k.fx * x / z + k.cx + 0.5, k.fy * y / z + k.cy + 0.5])


def test_our_own_file_is_read_by_amb3r(tmp_path: Path) -> None:
    weights = WeightsInfo(name="amb3r", sha256="", licence="CC-BY-NC-4.0", source="Blender")
    given = Reconstruction(
        views=_views(),
        scale=Scale(kind="metric", source="a tape"),
        provenance=Provenance(model="amb3r", version="1", pipeline="blender", weights=weights),
        up_world=(0.0, -1.0, 0.0),
    )
    [path] = write_scene_cameras(tmp_path / "out" / "cameras.amb3r", given)
    back = load_scene(path)
    assert (back.scale, back.provenance, back.up_world) == (given.scale, given.provenance, given.up_world)
    for view, wanted in zip(back.views, given.views, strict=True):
        assert np.array_equal(view.cam_to_world, wanted.cam_to_world)
        assert view.camera == wanted.camera


def test_colmap_reads_the_text_and_finds_the_same_pixel(tmp_path: Path) -> None:
    import pycolmap

    cameras = _views()
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
    cameras = _views()
    [path] = write_nerfstudio(tmp_path / "transforms.json", cameras)
    document = json.loads(path.read_text())
    for camera, frame in zip(cameras, document["frames"], strict=True):
        x, y, z = np.linalg.inv(np.array(frame["transform_matrix"]))[:3] @ [*WORLD_POINT, 1.0]
        found = np.array([frame["fl_x"] * x / -z + frame["cx"], frame["fl_y"] * -y / -z + frame["cy"]])
        assert found == pytest.approx(_pixel(camera), abs=1e-6)
        assert frame["file_path"] == camera.name


def test_image_paths_are_relative_inside_and_absolute_outside(tmp_path: Path) -> None:
    inside, outside = str(tmp_path / "images" / "a.jpg"), "/elsewhere/b.jpg"
    one, two = _views(2)
    cameras = [replace(one, path=inside), replace(two, path=outside)]
    [path] = write_nerfstudio(tmp_path / "transforms.json", cameras)
    names = [frame["file_path"] for frame in json.loads(path.read_text())["frames"]]
    assert names == ["images/a.jpg", "/elsewhere/b.jpg"]

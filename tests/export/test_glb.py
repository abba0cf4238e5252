"""GLB files of ours, read by trimesh."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.export.glb import export_glb, gltf_from_world, linear_colors
from amb3r_core.export.points import ScenePoints
from amb3r_core.scene.fusion import fuse
from amb3r_core.scene.thinning import empty_cloud
from tests.fakes import fake_room

trimesh = pytest.importorskip("trimesh")

SCENE = fake_room(3, mixed=True, principal_offset=(0.1, -0.05)).reconstruction
CLOUD = fuse(SCENE)


def load(path: Path) -> object:
    return trimesh.load(path, file_type="glb")


def json_of(path: Path) -> dict:
    data = path.read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    assert struct.unpack("<I", data[8:12])[0] == len(data)
    return json.loads(data[20 : 20 + length])


def test_an_independent_reader_finds_the_points_upright(tmp_path: Path):
    export_glb(SCENE, tmp_path / "a.glb", ScenePoints(SCENE, CLOUD))
    scene = load(tmp_path / "a.glb")
    transform, name = scene.graph["points"]
    assert np.array_equal(scene.geometry[name].vertices.astype(np.float32), CLOUD.points)
    assert np.allclose(transform, gltf_from_world(SCENE))
    assert np.allclose(transform[:3, :3] @ SCENE.up_world, [0, 1, 0])


def test_colours_are_linear_light_as_gltf_wants(tmp_path: Path):
    levels = np.array([[0, 128, 255]], np.uint8)
    assert np.allclose(linear_colors(levels), [[0, 0.21586, 1]], atol=1e-5)
    export_glb(SCENE, tmp_path / "a.glb", ScenePoints(SCENE, CLOUD))
    colors = load(tmp_path / "a.glb").geometry["points"].colors[:, :3]
    assert np.abs(colors - 255 * linear_colors(CLOUD.colors)).max() <= 1


def test_every_view_is_a_node_with_its_pose_and_its_pyramid(tmp_path: Path):
    export_glb(SCENE, tmp_path / "a.glb", ScenePoints(SCENE, CLOUD))
    scene = load(tmp_path / "a.glb")
    for view in SCENE.views:
        transform, name = scene.graph[view.name]
        assert np.allclose(transform, gltf_from_world(SCENE) @ view.cam_to_world, atol=1e-6)
        corners = scene.geometry[name].vertices
        pixels = view.camera.project(corners[np.linalg.norm(corners, axis=1) > 1e-6])
        assert np.isclose(pixels.min(axis=0), -0.5, atol=1e-3).all()
        assert np.allclose(pixels.max(axis=0), [view.camera.width - 0.5, view.camera.height - 0.5], atol=1e-3)


def test_scale_and_licence_are_in_the_assets_extras(tmp_path: Path):
    export_glb(SCENE, tmp_path / "a.glb", ScenePoints(SCENE, CLOUD))
    extras = json_of(tmp_path / "a.glb")["asset"]["extras"]
    assert extras["scale"] == "metric"
    assert extras["scale_source"] == "made to measure"
    assert extras["weights_licence"] == "CC-BY-4.0"


def test_without_a_known_up_the_camera_axes_are_turned(tmp_path: Path):
    assert np.array_equal(gltf_from_world(replace(SCENE, up_world=None)), np.diag([1.0, -1.0, -1.0, 1.0]))


@pytest.mark.parametrize("n_views", [0, 2])
def test_a_scene_without_points_has_its_cameras(tmp_path: Path, n_views: int):
    scene = replace(fake_room(n_views).reconstruction, dense=None)
    export_glb(scene, tmp_path / "a.glb", ScenePoints(scene, empty_cloud()))
    assert len(json_of(tmp_path / "a.glb")["nodes"]) == 1 + n_views
    if n_views:
        assert len(load(tmp_path / "a.glb").geometry) == n_views

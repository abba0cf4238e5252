"""Gaussians of ours: the INRIA layout, discs that lie on the surfaces."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import InputError
from amb3r_core.export import gaussians
from amb3r_core.export.gaussians import export_gaussians, normals_world, quaternions_of_normals
from amb3r_core.export.points import ScenePoints
from amb3r_core.scene.conventions import rotation_from_quaternion
from amb3r_core.scene.fusion import fuse
from tests.fakes import ROOM, fake_room

PlyData = pytest.importorskip("plyfile").PlyData

SCENE = fake_room(4, 96, 72, world="room").reconstruction
CLOUD = fuse(SCENE)


@pytest.fixture(scope="module")
def vertex(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("splat") / "a.ply"
    export_gaussians(SCENE, path, ScenePoints(SCENE, CLOUD))
    return PlyData.read(path)["vertex"]


def test_the_layout_is_the_one_every_viewer_reads(vertex):
    names = [prop.name for prop in vertex.properties]
    assert names[:9] == ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    assert names[9:54] == [f"f_rest_{index}" for index in range(45)]
    assert names[54:] == ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    assert {prop.val_dtype for prop in vertex.properties} == {"f4"}
    assert np.isfinite(vertex.data.view("<f4")).all()


def test_activated_values_are_the_points_colours_sizes_and_opacity(vertex):
    colour = np.stack([vertex[f"f_dc_{channel}"] for channel in range(3)], axis=1) * 0.28209479177387814 + 0.5
    assert np.abs(colour * 255 - CLOUD.colors).max() < 1e-3
    assert np.allclose(1 / (1 + np.exp(-vertex["opacity"])), 0.9)
    assert np.allclose(np.exp(vertex["scale_0"]), 0.55 * 2 * CLOUD.radius)
    assert np.allclose(np.exp(vertex["scale_2"]), 0.05 * 2 * CLOUD.radius)
    rotation = np.stack([vertex[f"rot_{part}"] for part in range(4)], axis=1)
    assert np.allclose(np.linalg.norm(rotation, axis=1), 1.0, atol=1e-6)


def test_discs_lie_flat_on_the_walls(vertex):
    on_back_wall = np.abs(vertex["z"] - ROOM[1, 2]) < 1e-3
    on_floor = np.abs(vertex["y"] - ROOM[1, 1]) < 1e-3
    for rows, axis in ((on_back_wall, 2), (on_floor, 1)):
        quaternions = np.stack([vertex[f"rot_{part}"][rows] for part in range(4)], axis=1).astype(np.float64)
        thin = np.array([rotation_from_quaternion(quaternion)[:, 2] for quaternion in quaternions])
        assert len(thin) > 100
        assert np.mean(np.abs(thin[:, axis]) > 0.99) > 0.95


def test_a_quaternion_turns_z_into_its_normal_or_the_opposite():
    normals = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    normals[0], normals[1], normals[2] = [0, 0, -1], [0, 0, 1], [1, 0, 0]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    turned = [rotation_from_quaternion(q.astype(float))[:, 2] for q in quaternions_of_normals(normals)]
    assert np.allclose(np.abs((np.array(turned) * normals).sum(axis=1)), 1.0, atol=1e-5)


def test_a_point_without_depth_faces_its_camera():
    scene = replace(SCENE, dense=None)
    normals = normals_world(scene, CLOUD)
    centres = scene.cam_to_world[CLOUD.view_index, :3, 3]
    assert ((centres - CLOUD.points) * normals).sum(axis=1).min() > 0


def test_too_many_points_are_thinned_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gaussians, "MAX_GAUSSIANS", 500)
    export_gaussians(SCENE, tmp_path / "a.ply", ScenePoints(SCENE, CLOUD))
    vertex = PlyData.read(tmp_path / "a.ply")["vertex"]
    assert 200 < vertex.count <= 500
    assert np.exp(vertex["scale_0"]).min() > 0.55 * 2 * np.median(CLOUD.radius)


def test_cameras_alone_make_no_gaussians(tmp_path: Path):
    with pytest.raises(InputError, match="cameras only"):
        export_gaussians(replace(SCENE, dense=None), tmp_path / "a.ply")


def test_the_comments_tell_the_axes_and_the_scale(tmp_path: Path):
    export_gaussians(SCENE, tmp_path / "a.ply", ScenePoints(SCENE, CLOUD))
    comments = PlyData.read(tmp_path / "a.ply").comments
    assert "scale metric, unit metre" in comments
    assert "axes OpenCV: x right, y down, z forward" in comments
    assert "up 0.0 -1.0 0.0" in comments

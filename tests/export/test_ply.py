"""PLY files of ours: read by plyfile, and by our own reader."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.export.ply import count_vertices, export_ply, read_cloud
from amb3r_core.export.points import ScenePoints
from amb3r_core.scene.fusion import fuse
from amb3r_core.scene.reconstruction import Scale
from tests.fakes import fake_room

PlyData = pytest.importorskip("plyfile").PlyData

SCENE = fake_room(3).reconstruction
CLOUD = fuse(SCENE)


def test_an_independent_reader_finds_every_field(tmp_path: Path):
    export_ply(SCENE, tmp_path / "a.ply", ScenePoints(SCENE, CLOUD))
    vertex = PlyData.read(tmp_path / "a.ply")["vertex"]
    assert np.array_equal(np.stack([vertex["x"], vertex["y"], vertex["z"]], axis=1), CLOUD.points)
    assert np.array_equal(np.stack([vertex["red"], vertex["green"], vertex["blue"]], axis=1), CLOUD.colors)
    assert np.array_equal(vertex["confidence"], CLOUD.confidence)
    assert np.array_equal(vertex["radius"], CLOUD.radius)
    assert np.array_equal(vertex["view_index"], CLOUD.view_index)


def test_our_reader_gives_the_same_cloud_back(tmp_path: Path):
    export_ply(SCENE, tmp_path / "a.ply", ScenePoints(SCENE, CLOUD))
    back = read_cloud(tmp_path / "a.ply")
    for field in fields(CLOUD):
        assert np.array_equal(getattr(back, field.name), getattr(CLOUD, field.name))
        assert getattr(back, field.name).dtype == getattr(CLOUD, field.name).dtype
    assert count_vertices(tmp_path / "a.ply") == len(CLOUD)


def test_the_scale_and_the_licence_of_the_weights_are_in_the_comments(tmp_path: Path):
    scene = replace(SCENE, scale=Scale(kind="relative", source="näive\nguess"))
    export_ply(scene, tmp_path / "a.ply", ScenePoints(scene, CLOUD))
    comments = "\n".join(PlyData.read(tmp_path / "a.ply").comments)
    assert "scale relative, unit unit" in comments
    assert r"scale source n\xe4ive guess" in comments
    assert "weights licence CC-BY-4.0" in comments
    assert "up 0.0" in comments


def test_the_cloud_is_fused_when_none_is_given(tmp_path: Path):
    export_ply(SCENE, tmp_path / "a.ply")
    assert len(read_cloud(tmp_path / "a.ply")) == len(CLOUD)

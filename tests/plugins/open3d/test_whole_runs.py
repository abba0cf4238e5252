"""The command line and the examples as whole scripts, in processes of their own, on photos."""

import os
import re
import subprocess
import sys
from pathlib import Path

import amb3r_open3d as a3
import numpy as np
import open3d as o3d
import pytest
from amb3r_open3d.scene import Scene

from amb3r_core import load_scene, save_scene
from tests.fakes import Room
from tests.paths import ROOT, SAMPLE

Image = pytest.importorskip("PIL.Image")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small photos of a real room."""
    folder = tmp_path_factory.mktemp("photos")
    for number in (3, 4, 5):
        name = f"IMG_{number:04d}.jpg"
        Image.open(SAMPLE / "images" / name).resize((320, 240)).save(folder / name, quality=95)
    return folder


def script(*words: str | Path, cwd: Path) -> str:
    """What a script prints; it has to end well."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins' / 'open3d'}"}
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_the_module_turns_photos_into_every_output(photos: Path, tmp_path: Path):
    words = ["--mesh", "m.glb", "--dataset", "set", "--points", "p.ply", "--splats", "s.ply", "--scene", "scene"]
    said = script("-m", "amb3r_open3d", photos, *words, "--model", "colmap", "--progress", "none", cwd=tmp_path)
    assert "3 placed, 0 not" in said
    assert len(o3d.io.read_triangle_mesh(tmp_path / "m.glb").triangles) > 10_000
    assert len(a3.read_dataset(tmp_path / "set")) == load_scene(tmp_path / "scene").n_views == 3
    assert len(o3d.io.read_point_cloud(tmp_path / "p.ply").points) > 10_000
    assert (tmp_path / "s.ply").stat().st_size > 100_000


def test_the_example_from_photos_to_a_mesh(photos: Path, tmp_path: Path):
    said = script(ROOT / "plugins" / "open3d" / "examples" / "photos_to_mesh.py", photos, "room.glb", cwd=tmp_path)
    assert said.startswith("3 views placed")
    assert len(o3d.io.read_triangle_mesh(tmp_path / "room.glb").triangles) > 10_000


def test_the_example_that_aligns_to_a_scan(room: Room, tmp_path: Path):
    scan = Scene(room.reconstruction).point_cloud_legacy()
    o3d.io.write_point_cloud(tmp_path / "scan.ply", scan)
    save_scene(room.reconstruction.scaled(0.4, room.reconstruction.scale), tmp_path / "scene")
    said = script(ROOT / "plugins" / "open3d" / "examples" / "align_to_scan.py", "scene", "scan.ply", "out.ply", cwd=tmp_path)
    scale = re.search(r"scale ([\d.]+),", said)
    assert scale is not None
    assert float(scale[1]) == pytest.approx(2.5, rel=0.02)
    points = np.asarray(o3d.io.read_point_cloud(tmp_path / "out.ply").points)
    assert np.median(room.distance_to_surface(points)) < 0.02

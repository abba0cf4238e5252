"""The command lines, and the README's script."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import amb3r_open3d as a3
import numpy as np
import open3d as o3d
import pytest
from amb3r_open3d.__main__ import run as run_module
from amb3r_open3d.scene import Scene

from amb3r_core import save_scene
from amb3r_core.cli.flags import CORE_FLAGS
from amb3r_core.options import ReconstructOptions
from tests.fakes import calibrated, fake_room
from tests.paths import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_scene(fake_room(4, 64, 48).reconstruction, tmp_path / "scene")
    return tmp_path / "scene"


def test_importing_the_package_imports_no_open3d():
    code = "import sys, amb3r_open3d; assert not {'open3d', 'numpy', 'torch'} & set(sys.modules)"
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins' / 'open3d'}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_module_writes_everything_that_is_asked_for(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = [str(folder), "--mesh", str(tmp_path / "m.glb"), "--dataset", str(tmp_path / "set")]
    assert run_module([*words, "--points", str(tmp_path / "p.ply"), "--progress", "none"]) == 0
    assert "4 placed, 0 not" in capsys.readouterr().out
    assert (tmp_path / "m.glb").is_file()
    assert len(a3.read_dataset(tmp_path / "set")) == 4
    assert len(o3d.io.read_point_cloud(tmp_path / "p.ply").points) > 1000
    assert run_module([str(folder), "--screenshot", str(tmp_path / "s.png")]) == 1
    assert "give --mesh too" in capsys.readouterr().err


def test_the_module_takes_every_option_of_the_core(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        run_module(["--help"])
    shown = capsys.readouterr().out
    assert [field.name for field in fields(ReconstructOptions) if CORE_FLAGS[field.name] not in shown] == []


def test_a_wrong_option_is_told_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = [str(ROOT / "amb3r_core" / "jobs" / "sample_scene" / "images"), "--mesh", str(tmp_path / "m.glb")]
    assert run_module([*words, "--scale-from", "gone.txt", "--progress", "none"]) == 1
    assert "--scale-from gone.txt: there is no such file" in capsys.readouterr().err


def test_the_readmes_script_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = (ROOT / "plugins" / "open3d" / "README.md").read_text()
    script = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    monkeypatch.setattr(a3.Reconstruct, "__call__", lambda self, images: Scene(fake_room(4, 64, 48).reconstruction))
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "README.md", "exec"), {})
    assert (tmp_path / "room.glb").is_file()
    assert (tmp_path / "dataset" / "config.yml").is_file()


def test_the_module_uses_the_depth_that_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save_scene(calibrated(fake_room(4, 60, 45).reconstruction), tmp_path / "scene")
    n_points: list[int] = []
    for flags, told in (((), "40% of the pixels trusted"), (("--keep", "most"), "80% of the pixels used with --keep most")):
        outputs = ("--points", str(tmp_path / "p.ply"), "--splats", str(tmp_path / "s.ply"), "--dataset", str(tmp_path / "set"))
        assert run_module([str(tmp_path / "scene"), *outputs, *flags, "--overwrite", "--progress", "none"]) == 0
        assert told in " ".join(capsys.readouterr().out.split())
        n_points.append(len(o3d.io.read_point_cloud(tmp_path / "p.ply").points))
        known = np.asarray(a3.read_dataset(tmp_path / "set").dense.depth) > 0
        assert known.mean() == pytest.approx(0.4 if not flags else 0.8)
    assert n_points[0] < n_points[1]

"""A dataset is whole or not there, even when the process is killed; and writing one needs no Nerfstudio."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.slow

WRITER = """
import os, signal, sys
from pathlib import Path

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("nerfstudio", "gsplat", "torch", "tyro", "cv2"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from amb3r_nerfstudio.dataset import DatasetConfig, write_dataset
from amb3r_nerfstudio.seed import SeedConfig
from tests.fakes import fake_room

folder, end_at = Path(sys.argv[1]), sys.argv[2]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
move = Path.replace

def replace(self, target):
    moved = move(self, target)
    if Path(target) == folder / end_at:
        die()
    return moved

Path.replace = replace
scene = fake_room(3, images_folder=folder.parent / "photos").reconstruction
config = DatasetConfig(seed=SeedConfig(points=500, splats=200), colmap="omit")
write_dataset(scene, folder, config, lambda progress: die() if progress.message == end_at else None)
"""


def write(folder: Path, end_at: str) -> int:
    """The exit code of a process that writes a dataset, and is killed at a step or after a file was moved in."""
    places = [str(ROOT), str(ROOT / "plugins" / "nerfstudio")]
    code = f"import sys; sys.path[:0] = {places!r}\n{WRITER}"
    return subprocess.run([sys.executable, "-c", code, str(folder), end_at], check=False, timeout=60).returncode


def test_a_killed_run_leaves_no_half_written_transforms(tmp_path: Path):
    folder = tmp_path / "data"
    assert write(folder, "points") == -signal.SIGKILL
    assert not (folder / "transforms.json").exists()
    assert write(folder, "never") == 0, "without Nerfstudio, torch and OpenCV"
    first = (folder / "transforms.json").read_bytes()
    assert len(json.loads(first)["frames"]) == 3
    assert write(folder, "points") == -signal.SIGKILL
    assert (folder / "transforms.json").read_bytes() == first, "the earlier dataset is whole until the new one is"
    assert write(folder, "sparse_pc.ply") == -signal.SIGKILL
    assert not (folder / "transforms.json").exists(), "killed between the moves there is no dataset, never a mixed one"
    assert write(folder, "never") == 0
    assert (folder / "transforms.json").read_bytes() == first
    assert not [path.name for path in folder.iterdir() if "partial" in path.name]

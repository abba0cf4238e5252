"""A dataset is whole or not there, even when the process is killed; and writing one needs no Nerfstudio."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from amb3r_nerfstudio.publish import check_target, published

from amb3r_core.errors import InputError
from amb3r_core.progress import Cancelled
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
    with pytest.raises(Cancelled), published(folder):
        raise Cancelled
    assert (folder / "transforms.json").read_bytes() == first, "the next run to this folder first moves the rest in"
    assert write(folder, "never") == 0
    assert (folder / "transforms.json").read_bytes() == first
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_folder_into_which_a_killed_run_was_moving_is_known_to_be_ours(tmp_path: Path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").touch()
    with pytest.raises(InputError, match="holds images that no earlier run of this command wrote"):
        check_target(tmp_path)
    (tmp_path / ".amb3r.finished").mkdir()
    check_target(tmp_path)


def test_a_link_to_a_folder_stays_and_the_folder_is_filled(tmp_path: Path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to("disk")
    assert write(tmp_path / "data", "never") == 0
    assert (tmp_path / "data").is_symlink()
    assert (tmp_path / "disk" / "transforms.json").is_file()


def test_a_place_that_cannot_be_written_is_named_before_any_work(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(InputError, match="file is not a folder"):
        check_target(tmp_path / "file" / "data")
    with pytest.raises(InputError, match="which does not exist"):
        check_target(tmp_path / "link")

"""A run killed at any step of putting its output in place leaves the old one or the new one, and the next run tidies."""

import os
import shutil
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from amb3r_core.storage.places import Place, folder_place, is_own, visible
from amb3r_core.storage.staging import claimed_folder, staged_folder
from tests.paths import ROOT
from tests.storage.mounts import bind_mount

MARK = "scene.amb3r"
STEPS = ("rename", "rmdir", "mkdir", "unlink")


def fill(folder: Path, text: str) -> None:
    (folder / "dense").mkdir(parents=True)
    (folder / "dense" / "depth.npy").write_text(text)
    (folder / "points.ply").write_text(text)
    (folder / MARK).write_text(text)


def whole_text(folder: Path) -> str:
    """What the one whole scene in this folder says."""
    texts = {(folder / name).read_text() for name in (MARK, "points.ply", "dense/depth.npy")}
    assert len(texts) == 1, "a mixture of two scenes"
    return texts.pop()


class Killed(BaseException):
    pass


def killed_at(step: int, patched: pytest.MonkeyPatch) -> list[str]:
    """Makes the step-th of the system's calls that change folders, and all after it, die; the calls so far are collected."""
    calls: list[str] = []

    def dying(name: str, real):
        def call(*arguments, **rest):
            if len(calls) >= step:
                raise Killed
            calls.append(name)
            return real(*arguments, **rest)

        return call

    for name in STEPS:
        patched.setattr(os, name, dying(name, getattr(os, name)))
    return calls


def prepared(target: Path, kind: str) -> None:
    target.parent.mkdir(parents=True)
    if kind != "absent":
        target.mkdir()
    if kind in ("old", "old inside"):
        fill(target, "old")
    if kind == "old inside":
        (target / ".amb3r.lock").touch()


@pytest.mark.parametrize("kind", ["absent", "empty", "old", "old inside"])
def test_a_kill_at_any_step_leaves_one_whole_output_after_the_next_run(tmp_path: Path, kind: str):
    for step in count():
        target = tmp_path / str(step) / "scene"
        prepared(target, kind)
        with pytest.MonkeyPatch.context() as patched:
            killed_at(step, patched)
            try:
                with staged_folder(target, overwrite=True) as partial:
                    fill(partial, "new")
                is_killed = False
            except Killed:
                is_killed = True
        with claimed_folder(target, overwrite=True):
            there = visible(target) if target.exists() else []
        if there or kind.startswith("old"):
            assert whole_text(target) in ("old", "new")
        with staged_folder(target, overwrite=True) as partial:
            fill(partial, "newest")
        assert whole_text(target) == "newest"
        assert [path.name for path in target.parent.iterdir()] == ["scene"]
        assert not list(target.glob(".amb3r*"))
        if not is_killed:
            return


KILLED = """
import os, signal, sys
from pathlib import Path
from amb3r_core.storage.staging import staged_folder
from tests.storage.test_swap import fill

with staged_folder(Path(sys.argv[1]), overwrite=True) as partial:
    fill(partial, "new")
    left = int(sys.argv[2])
    def dying(real):
        def call(*arguments, **rest):
            global left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **rest)
        return call
    os.rename, os.rmdir, os.unlink = dying(os.rename), dying(os.rmdir), dying(os.unlink)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("kind", ["old", "old inside"])
def test_a_real_kill_between_the_renames_loses_nothing(tmp_path: Path, kind: str):
    for step in range(40):
        target = tmp_path / str(step) / "scene"
        prepared(target, kind)
        ended = subprocess.run([sys.executable, "-c", KILLED, str(target), str(step)], cwd=ROOT, check=False)
        assert ended.returncode in (0, -signal.SIGKILL)
        with claimed_folder(target, overwrite=True):
            assert whole_text(target) in ("old", "new")
        assert [path.name for path in target.parent.iterdir()] == ["scene"]
        assert not list(target.glob(".amb3r*"))
        if ended.returncode == 0:
            return
    pytest.fail("the run never ended")


def test_a_finished_output_without_a_target_is_taken_and_never_deleted(tmp_path: Path):
    place = Place(target=tmp_path / "scene")
    fill(place.hidden("finished"), "new")
    fill(place.hidden("replaced"), "old")
    with claimed_folder(place.target, overwrite=True):
        assert whole_text(place.target) == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]


def test_what_was_moved_aside_comes_back_when_nothing_is_finished(tmp_path: Path):
    place = Place(target=tmp_path / "scene")
    fill(place.hidden("partial"), "half")
    fill(place.hidden("replaced"), "old")
    with claimed_folder(place.target, overwrite=True):
        assert whole_text(place.target) == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]


def test_an_old_output_that_is_removed_by_half_never_comes_back(tmp_path: Path):
    place = Place(target=tmp_path / "scene")
    fill(place.hidden("replaced"), "old")
    (place.hidden("replaced") / MARK).unlink()
    with claimed_folder(place.target):
        assert not place.target.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_put_at_the_target_since_is_not_touched(tmp_path: Path):
    place = Place(target=tmp_path / "scene")
    fill(place.hidden("finished"), "new")
    place.target.mkdir()
    (place.target / "wedding.jpg").write_text("precious")
    with pytest.raises(Exception, match="AMB3R did not write this folder"), claimed_folder(place.target, overwrite=True):
        pytest.fail("the block must not run")
    assert (place.target / "wedding.jpg").read_text() == "precious"
    assert whole_text(place.hidden("finished")) == "new"


def test_a_mounted_folder_is_filled_and_overwritten(tmp_path: Path):
    with bind_mount(tmp_path / "source", tmp_path / "out") as out:
        for text in ("old", "new"):
            with staged_folder(out, overwrite=True) as partial:
                fill(partial, text)
            assert whole_text(tmp_path / "source") == text
        assert not list(out.glob(".*"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]


def test_a_folder_that_turns_out_not_to_be_movable_is_filled_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As a folder of a container's image is: it can be filled, and moving it means crossing to another disk."""
    target = tmp_path / "scene"
    fill(target, "old")
    rename = os.rename

    def crossing(source, to):
        if Path(source) == target:
            raise OSError(18, "Invalid cross-device link")
        rename(source, to)

    monkeypatch.setattr(os, "rename", crossing)
    with staged_folder(target, overwrite=True) as partial:
        fill(partial, "new")
    assert whole_text(target) == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]
    assert not list(target.glob(".*"))


def test_a_link_stays_and_its_folder_is_filled(tmp_path: Path):
    (tmp_path / "disk" / "real").mkdir(parents=True)
    (tmp_path / "link").symlink_to("disk/real")
    for text in ("old", "new"):
        with staged_folder(tmp_path / "link", overwrite=True) as partial:
            fill(partial, text)
        assert (tmp_path / "link").is_symlink()
        assert whole_text(tmp_path / "disk" / "real") == text
    shutil.rmtree(tmp_path / "disk" / "real")
    assert not is_own(tmp_path / "link")
    assert folder_place(tmp_path / "new").target == tmp_path / "new"

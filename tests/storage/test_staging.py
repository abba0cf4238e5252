"""Outputs appear whole or not at all, and nobody's files are overwritten by mistake."""

import errno
import os
import sys
from pathlib import Path

import pytest

from amb3r_core.errors import InputError, ResourceError
from amb3r_core.progress import Cancelled
from amb3r_core.storage.staging import as_resource_errors, staged_file, staged_folder


def fill(folder: Path, text: str = "new", mark: str = "scene.amb3r") -> None:
    (folder / mark).write_text(text)


def write_and_fail(target: Path, failure: BaseException, *, overwrite: bool = False) -> None:
    with staged_folder(target, overwrite=overwrite) as partial:
        fill(partial)
        raise failure


def test_a_folder_appears_only_at_the_end(tmp_path: Path):
    target = tmp_path / "deep" / "scene"
    with staged_folder(target) as partial:
        fill(partial)
        assert not target.exists()
        assert partial.parent == target.parent
    assert (target / "scene.amb3r").read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["scene"]


def test_a_file_appears_only_at_the_end(tmp_path: Path):
    with staged_file(tmp_path / "a.ply") as partial:
        partial.write_text("points")
        assert not (tmp_path / "a.ply").exists()
    assert (tmp_path / "a.ply").read_text() == "points"
    assert [path.name for path in tmp_path.iterdir()] == ["a.ply"]


@pytest.mark.parametrize("failure", [ValueError("bug"), Cancelled(), KeyboardInterrupt()])
def test_a_failure_or_a_stop_leaves_nothing_behind(tmp_path: Path, failure: BaseException):
    with pytest.raises(type(failure)):
        write_and_fail(tmp_path / "scene", failure)
    with pytest.raises(type(failure)), staged_file(tmp_path / "a.ply"):
        raise failure
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_overwriting_leaves_the_old_output(tmp_path: Path):
    target = tmp_path / "scene"
    target.mkdir()
    fill(target, "old")
    with pytest.raises(Cancelled):
        write_and_fail(target, Cancelled(), overwrite=True)
    assert (target / "scene.amb3r").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]


def test_an_existing_output_is_refused_unless_overwriting(tmp_path: Path):
    target, file = tmp_path / "scene", tmp_path / "a.ply"
    target.mkdir()
    fill(target, "old")
    file.write_text("old")
    with pytest.raises(InputError, match=r"scene: exists already.*`overwrite=True`"), staged_folder(target):
        pytest.fail("the block must not run")
    with pytest.raises(InputError, match="exists already"), staged_file(file):
        pytest.fail("the block must not run")
    with staged_folder(target, overwrite=True) as partial:
        fill(partial)
    with staged_file(file, overwrite=True) as partial:
        partial.write_text("new")
    assert (target / "scene.amb3r").read_text() == file.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ply", "scene"]


def test_a_folder_of_somebody_elses_is_never_overwritten(tmp_path: Path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "wedding.jpg").write_text("precious")
    with pytest.raises(InputError, match="AMB3R did not write this folder"), staged_folder(photos, overwrite=True):
        pytest.fail("the block must not run")
    assert (photos / "wedding.jpg").read_text() == "precious"


def test_an_empty_folder_is_taken_over(tmp_path: Path):
    (tmp_path / "scene").mkdir()
    with staged_folder(tmp_path / "scene") as partial:
        fill(partial)
    assert (tmp_path / "scene" / "scene.amb3r").exists()


def test_files_and_folders_are_not_mistaken_for_one_another(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="a file is here already"), staged_folder(tmp_path / "file", overwrite=True):
        pytest.fail("the block must not run")
    with pytest.raises(InputError, match="a folder is here already"), staged_file(tmp_path / "folder", overwrite=True):
        pytest.fail("the block must not run")


def test_what_a_killed_run_left_is_cleaned_away(tmp_path: Path):
    leftover = tmp_path / ".scene.partial"
    leftover.mkdir()
    fill(leftover, "half")
    with staged_folder(tmp_path / "scene") as partial:
        assert list(partial.iterdir()) == []
        fill(partial)
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, code: int):
    with pytest.raises(ResourceError, match="scene: the disk is full"):
        write_and_fail(tmp_path / "scene", OSError(code, os.strerror(code)))
    assert list(tmp_path.iterdir()) == []


def test_other_trouble_of_the_system_goes_up_unchanged(tmp_path: Path):
    with pytest.raises(FileNotFoundError), as_resource_errors(tmp_path):
        (tmp_path / "nothing").read_text()


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a place where even root cannot write")
def test_a_place_where_nothing_can_be_written_is_named():
    with pytest.raises((ResourceError, FileNotFoundError)), staged_folder(Path("/proc/sys/scene")):
        pytest.fail("the block must not run")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_parent_is_named(tmp_path: Path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ResourceError, match="no permission to write"), staged_folder(tmp_path / "scene"):
            pytest.fail("the block must not run")
    finally:
        tmp_path.chmod(0o700)


def test_a_missing_permission_is_named(tmp_path: Path):
    with pytest.raises(ResourceError, match="no permission to write here"), as_resource_errors(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_a_whole_disk_is_no_output():
    with pytest.raises(InputError, match="a whole disk"), staged_folder(Path("/")):
        pytest.fail("the block must not run")

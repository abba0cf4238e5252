"""The work folder: what stays for the next run and what goes."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from amb3r_core.errors import AlignmentError, InputError, RegistrationError, ResourceError
from amb3r_core.progress import Cancelled
from amb3r_core.storage.work import KEY_FILE, job_key, work_folder


def leave(target: Path, key: str, error: BaseException | None) -> Path:
    with work_folder(target, key, resume=True) as folder:
        (folder / "half").write_text("done")
        if error is not None:
            raise error
    return folder


def test_success_leaves_nothing(tmp_path: Path) -> None:
    assert not leave(tmp_path / "scene", "k", None).exists()


@pytest.mark.parametrize("error", [Cancelled(), KeyboardInterrupt(), ResourceError("disk full")])
def test_an_interrupted_run_is_found_by_the_next(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        leave(tmp_path / "scene", "k", error)
    with work_folder(tmp_path / "scene", "k", resume=True) as folder:
        assert (folder / "half").read_text() == "done"


@pytest.mark.parametrize(("key", "resume"), [("other", True), ("k", False)])
def test_another_job_or_no_resume_starts_empty(tmp_path: Path, key: str, resume: bool) -> None:
    with pytest.raises(Cancelled):
        leave(tmp_path / "scene", "k", Cancelled())
    with work_folder(tmp_path / "scene", key, resume=resume) as folder:
        assert not (folder / "half").exists()


def test_photos_that_cannot_be_placed_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(RegistrationError):
        leave(tmp_path / "scene", "k", RegistrationError("no overlap"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [InputError("--scale-from names x.jpg"), AlignmentError("one place"), ValueError("a bug")])
def test_after_a_late_error_the_corrected_command_goes_on(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)):
        leave(tmp_path / "scene", "k", error)
    with work_folder(tmp_path / "scene", "k", resume=True) as folder:
        assert (folder / "half").read_text() == "done"


def test_an_error_before_any_work_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with work_folder(tmp_path / "scene", "k", resume=True) as folder:
            (folder / "model").mkdir()
            raise InputError("no such photo")

    with pytest.raises(InputError):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"{}", b"\xff\xfe"])
def test_a_key_that_cannot_be_read_starts_anew_and_says_so(tmp_path: Path, content: bytes, caplog) -> None:
    with pytest.raises(Cancelled):
        leave(tmp_path / "scene", "k", Cancelled())
    (tmp_path / ".scene.work" / KEY_FILE).write_bytes(content)
    with work_folder(tmp_path / "scene", "k", resume=True) as folder:
        assert not (folder / "half").exists()
        assert json.loads((folder / KEY_FILE).read_text()) == {"key": "k"}
    assert "cannot be read" in caplog.text


def test_a_folder_removed_by_half_is_not_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Cancelled):
        leave(tmp_path / "scene", "k", Cancelled())
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", die)
        with pytest.raises(KeyboardInterrupt), work_folder(tmp_path / "scene", "other", resume=True):
            pytest.fail("the block must not run")
    with work_folder(tmp_path / "scene", "k", resume=True) as folder:
        assert not (folder / "half").exists()


def die(*_: object, **_options: object) -> None:
    raise KeyboardInterrupt


def test_it_lives_inside_an_output_folder_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "scene").mkdir()
    with work_folder(tmp_path / "scene", "k", resume=True) as folder:
        assert folder.parent == tmp_path / "scene"
    assert list((tmp_path / "scene").iterdir()) == []


def test_it_is_found_beside_an_output_folder_that_came_later(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        leave(tmp_path / "scene", "k", Cancelled())
    (tmp_path / "scene").mkdir()
    with work_folder(tmp_path / "scene", "k", resume=True) as folder:
        assert (folder / "half").read_text() == "done"


@dataclass(frozen=True)
class Options:
    masks: Path | None = None
    lenses: tuple[dict[str, Path], ...] = ()
    seed: int = 0


def test_key_follows_options_and_version(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"1")
    key = job_key([photo], Options(), "1")
    assert key == job_key([photo], Options(), "1")
    assert len({key, job_key([photo], Options(seed=1), "1"), job_key([photo], Options(), "2")}) == 3


@pytest.mark.parametrize("where", ["input", "masks", "lenses"])
def test_key_follows_the_content_of_every_file_and_not_its_time(tmp_path: Path, where: str) -> None:
    photo, masks, lens = tmp_path / "a.jpg", tmp_path / "masks" / "left", tmp_path / "lens.json"
    masks.mkdir(parents=True)
    files = {"input": photo, "masks": masks / "a.png", "lenses": lens}
    for file in files.values():
        file.write_bytes(b"1")
    options = Options(masks=tmp_path / "masks", lenses=({"a": lens},))
    key, times = job_key([photo], options, "1"), files[where].stat()
    os.utime(files[where], ns=(1, 1))
    assert job_key([photo], options, "1") == key
    files[where].write_bytes(b"2")
    os.utime(files[where], ns=(times.st_atime_ns, times.st_mtime_ns))
    assert job_key([photo], options, "1") != key, "same size and time, another content"


def test_key_follows_files_that_come_and_go(tmp_path: Path) -> None:
    options = Options(masks=tmp_path / "masks")
    before = job_key([], options, "1")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a.png").write_bytes(b"1")
    assert job_key([], options, "1") != before

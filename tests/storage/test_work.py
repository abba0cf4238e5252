"""The work folder: what stays for the next run and what goes."""

from pathlib import Path

import pytest

from amb3r_core.errors import InputError, ResourceError
from amb3r_core.progress import Cancelled
from amb3r_core.storage.work import job_key, work_folder


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


def test_bad_input_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        leave(tmp_path / "scene", "k", InputError("no overlap"))
    assert list(tmp_path.iterdir()) == []


def test_key_follows_files_options_and_version(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"1")
    key = job_key([photo], "options", "1")
    assert key == job_key([photo], "options", "1")
    assert len({key, job_key([photo], "other", "1"), job_key([photo], "options", "2")}) == 3
    photo.write_bytes(b"22")
    assert key != job_key([photo], "options", "1")

"""The database stops before pycolmap would, when the disk is full, and waits for processes that share it."""

from pathlib import Path

import pycolmap
import pytest

from amb3r_core.models.colmap.sfm import database


def test_too_little_space_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    import resource
    import signal

    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            database.write_database(tmp_path / "database.db", [], [], [], [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert not (tmp_path / "database.db").exists()


def test_a_database_that_another_process_holds_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opens = tmp_path / "d.db", pycolmap.Database.open
    tries: list[Path] = []

    def held_twice(place: Path) -> pycolmap.Database:
        tries.append(place)
        if len(tries) < 3:
            raise RuntimeError("No registered database factory succeeded.")
        return opens(place)

    monkeypatch.setattr(pycolmap.Database, "open", staticmethod(held_twice))
    with database.opened_database(path) as opened:
        assert opened.read_all_images() == []
    assert tries == [path] * 3
    monkeypatch.setattr("amb3r_core.models.colmap.sfm.database.OPEN_TRIES", 2)
    tries.clear()
    with pytest.raises(RuntimeError, match="factory"), database.opened_database(path):
        pass

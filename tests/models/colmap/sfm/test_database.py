"""The database stops before pycolmap would, when the disk is full."""

from pathlib import Path

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

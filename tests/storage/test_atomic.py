from pathlib import Path

import pytest

from amb3r_core.storage.atomic import write_text_whole, written_whole


def test_a_file_appears_when_its_block_ends_and_replaces_the_older_one(tmp_path: Path):
    target = tmp_path / "scores.json"
    write_text_whole(target, "old")
    with written_whole(target) as partial:
        partial.write_text("new")
        assert partial.suffix == ".json"
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path):
    target = tmp_path / "scores.json"
    write_text_whole(target, "old")

    def fail() -> None:
        with written_whole(target) as partial:
            partial.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_run_left_is_not_taken_up(tmp_path: Path):
    """A library that opens an existing file and adds to it must not find half of an older one."""
    target = tmp_path / "database.db"
    (tmp_path / "database.partial.db").write_text("half")
    with written_whole(target) as partial:
        assert not partial.exists()
        with partial.open("a") as file:
            file.write("whole")
    assert target.read_text() == "whole"

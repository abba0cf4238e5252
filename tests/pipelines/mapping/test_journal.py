"""The journal: the last state of this key, or none."""

import numpy as np
import pytest

from amb3r_core.pipelines.mapping.journal import Journal


def test_the_last_record_comes_back(tmp_path):
    journal = Journal(tmp_path, {"a": 1})
    assert journal.load() is None
    journal.save({"x": np.arange(3)})
    journal.save({"x": np.arange(4)})
    record = Journal(tmp_path, {"a": 1}).load()
    assert record is not None
    assert {name: array.tolist() for name, array in record.items()} == {"x": [0, 1, 2, 3]}


def test_the_record_of_other_settings_is_not_taken_up(tmp_path):
    Journal(tmp_path, {"a": 1}).save({"x": np.arange(3)})
    assert Journal(tmp_path, {"a": 2}).load() is None


def test_a_file_of_another_format_is_not_taken_up(tmp_path):
    np.savez(tmp_path / "journal.npz", _key=np.array('{"a": 1}'), x=np.arange(3))
    assert Journal(tmp_path, {"a": 1}).load() is None


@pytest.mark.parametrize("spoiled", [b"", b"not a journal", b"PK\x03\x04 cut off"])
def test_a_file_that_cannot_be_read_is_not_taken_up(spoiled, tmp_path):
    (tmp_path / "journal.npz").write_bytes(spoiled)
    journal = Journal(tmp_path, {})
    assert journal.load() is None
    journal.save({"x": np.arange(3)})
    assert journal.load() is not None

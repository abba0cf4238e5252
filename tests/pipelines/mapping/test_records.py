"""Files of records."""

import errno
import gc

import numpy as np
import pytest

from amb3r_core.errors import ResourceError
from amb3r_core.pipelines.mapping.records import RecordFile, RecordFolder

SHAPE = (3, 5)


def numbers(seed):
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)


class SlowDisk:
    """A file that moves a few bytes at a time, as the system may, until it is full."""

    def __init__(self, file, room=10**6):
        self.file, self.room = file, room

    def seek(self, place):
        return self.file.seek(place)

    def readinto(self, buffer):
        return self.file.readinto(buffer[:7])

    def write(self, data):
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "no space left on device")
        self.room -= 7
        return self.file.write(data[:7])

    def close(self):
        self.file.close()


def test_records_come_back_in_any_order_and_what_was_never_written_is_zero(tmp_path):
    file = RecordFile(tmp_path / "a.f32", SHAPE, np.float32)
    for index in (4, 0, 2):
        file.write(index, numbers(index))
    for index in (0, 2, 4):
        np.testing.assert_array_equal(file.read(index), numbers(index))
    assert not file.read(1).any()
    assert not file.read(9).any()


def test_a_later_run_reads_what_an_earlier_one_wrote(tmp_path):
    RecordFile(tmp_path / "a.f32", SHAPE, np.float32).write(1, numbers(1))
    np.testing.assert_array_equal(RecordFile(tmp_path / "a.f32", SHAPE, np.float32).read(1), numbers(1))


def test_a_disk_that_takes_a_few_bytes_at_a_time_loses_none(tmp_path):
    file = RecordFile(tmp_path / "a.f32", SHAPE, np.float32)
    file._file = SlowDisk(file._file)
    file.write(2, numbers(2))
    np.testing.assert_array_equal(file.read(2), numbers(2))


def test_a_full_disk_is_told(tmp_path):
    file = RecordFile(tmp_path / "a.f32", SHAPE, np.float32)
    file._file = SlowDisk(file._file, room=20)
    with pytest.raises(ResourceError, match=r"cannot be written: .*no space left"):
        file.write(0, numbers(0))


def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    (tmp_path / "a.f32").mkdir()
    with pytest.raises(ResourceError, match="the work folder cannot be written"):
        RecordFolder(tmp_path).open("a.f32", SHAPE, np.float32)


def test_a_map_outlives_its_file_and_cannot_be_written(tmp_path):
    folder = RecordFolder(tmp_path)
    file = folder.open("a.f32", SHAPE, np.float32)
    file.write(0, numbers(0))
    file.write(1, numbers(1))
    folder.close()
    mapped = file.mapped(2)
    np.testing.assert_array_equal(mapped[1], numbers(1))
    with pytest.raises(ValueError, match="closed"):
        file.read(0)
    with pytest.raises(ValueError, match="read-only"):
        mapped[0] = 0
    assert file.mapped(0).shape == (0, *SHAPE)


def test_a_temporary_folder_goes_with_the_last_that_needs_it():
    folder = RecordFolder(None)
    path = folder.path
    file = folder.open("a.f32", SHAPE, np.float32)
    file.write(0, numbers(0))
    mapped = np.asarray(file.mapped(1), dtype=np.float32)
    del folder, file
    gc.collect()
    assert path.is_dir()
    np.testing.assert_array_equal(mapped[0], numbers(0))
    del mapped
    gc.collect()
    assert not path.exists()

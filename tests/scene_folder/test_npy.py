"""Array files are mapped when they hold what their header says."""

import struct
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.scene_folder.npy import map_array


@pytest.mark.parametrize("dtype", ["<f4", "|u1", ">i8", "<c16", "|b1"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (0, 5)])
def test_what_numpy_writes_comes_back(tmp_path: Path, dtype: str, shape: tuple[int, ...]):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    found = map_array(tmp_path / "a.npy")
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(found, array)
    assert array.size == 0 or isinstance(found, np.memmap)


def test_columns_first_and_later_versions_are_read(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.asfortranarray(np.eye(3)[:, :2]))
    assert np.array_equal(map_array(tmp_path / "a.npy"), np.eye(3)[:, :2])
    with (tmp_path / "b.npy").open("wb") as file:
        np.lib.format.write_array(file, np.eye(3), version=(2, 0))
    assert np.array_equal(map_array(tmp_path / "b.npy"), np.eye(3))


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (GOOD.replace("(2,)", "(3,)"), r"cut short: float32 \(3,\) needs 12 bytes, 8 are there"),
        (GOOD.replace("(2,)", "(999999999999999, 999999999999999)"), "cut short"),
        (GOOD.replace("(2,)", "(-2,)"), "is not of an array of numbers"),
        (GOOD.replace("(2,)", f"({'9' * 5000},)"), "is not of an array of numbers"),
        (GOOD.replace("(2,)", "((((((2,"), "is not of an array of numbers"),
        (GOOD.replace("<f4", "|O"), "is not of an array of numbers"),
        (GOOD.replace("<f4", "<f3"), "the type <f3 is none"),
        (GOOD.replace("'<f4'", "[('a', '<f4')]"), "is not of an array of numbers"),
        ("__import__('os').system('true')", "is not of an array of numbers"),
        ("", "is not of an array of numbers"),
        (GOOD + " " * 20_000, "a header of 20057 bytes"),
    ],
)
def test_a_header_that_lies_is_told(tmp_path: Path, header: str, message: str):
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + b"\0" * 8)
    with pytest.raises(ValueError, match=message):
        map_array(tmp_path / "a.npy")


@pytest.mark.parametrize("content", [b"", b"\x93NUM", b"\x93NUMPY\x07\x00\x04\x00{  }", b"P5 5"])
def test_other_files_are_none(tmp_path: Path, content: bytes):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match="does not begin as one"):
        map_array(tmp_path / "a.npy")

"""NumPy's array files, mapped without trust: the header is matched, not evaluated, and checked against the file's size."""

import math
import re
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000
_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}
"""Bytes of the header's length, by the major version of the format."""
_HEADER = re.compile(
    r"\{\s*'descr':\s*'(?P<dtype>[<>|=][biufc]\d{1,2})',\s*'fortran_order':\s*(?P<fortran>True|False),"
    r"\s*'shape':\s*\((?P<shape>(\s*\d{1,15},)*(\s*\d{1,15})?)\s*\),?\s*\}\s*"
)


def map_array(path: Path) -> NDArray[np.generic]:
    """The array of numbers in a file, memory-mapped for reading. Raises `ValueError` that says what is wrong with the file."""
    with path.open("rb") as file:
        start = file.read(len(MAGIC) + 2)
        if len(start) < len(MAGIC) + 2 or start[: len(MAGIC)] != MAGIC or start[len(MAGIC)] not in _LENGTH_BYTES:
            raise ValueError("it does not begin as one")
        n_length = _LENGTH_BYTES[start[len(MAGIC)]]
        length = int.from_bytes(file.read(n_length), "little")
        if length > LONGEST_HEADER:
            raise ValueError(f"a header of {length} bytes")
        shape, dtype, order = _parsed(file.read(length).decode("latin-1"))
        offset = file.tell()
    wanted, there = math.prod(shape) * dtype.itemsize, path.stat().st_size - offset
    if there < wanted:
        raise ValueError(f"cut short: {dtype} {shape} needs {wanted} bytes, {there} are there")
    if not wanted:
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", offset, shape, order)


def _parsed(header: str) -> tuple[tuple[int, ...], np.dtype[np.generic], Literal["C", "F"]]:
    found = _HEADER.fullmatch(header)
    if found is None:
        raise ValueError(f"the header {header.strip()[:80]!r} is not of an array of numbers")
    try:
        dtype: np.dtype[np.generic] = np.dtype(found["dtype"])
    except TypeError as error:
        raise ValueError(f"the type {found['dtype']} is none") from error
    shape = tuple(int(size) for size in found["shape"].split(",") if size.strip())
    return shape, dtype, "F" if found["fortran"] == "True" else "C"

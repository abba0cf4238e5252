# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the coloured points of a scene: a binary PLY, mapped into memory and taken column by column."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .scene_text import SceneFileError

LONGEST_HEADER = 1 << 16
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip


class PointsTable:
    """Points (M) of a PLY file, at most `max_points` of them, evenly taken. Columns are read when they are asked for."""

    def __init__(self, path: Path, max_points: int | None = None) -> None:
        count, dtype, start = _read_header(path)
        size = path.stat().st_size - start
        if size < count * dtype.itemsize:
            raise SceneFileError(f"{path}: cut short: {count} points need {count * dtype.itemsize} bytes, {size} are there")
        missing = [name for name in ("x", "y", "z") if name not in (dtype.names or ())]
        if missing:
            raise SceneFileError(f"{path}: the points have no {', '.join(missing)}")
        rows = np.memmap(path, dtype=dtype, mode="r", offset=start, shape=(count,)) if count else np.zeros(0, dtype)
        stride = 1 if max_points is None or count <= max_points else -(-count // max(1, max_points))
        self.n_in_file = count
        self._rows = rows[::stride]
        self._count = len(self._rows)

    def __len__(self) -> int:
        return self._count

    def close(self) -> None:
        """Lets go of the file and the memory it is mapped to; the columns are gone, the length stays."""
        self._rows = np.zeros(0, np.dtype([]))

    def positions(self) -> NDArray[np.float32]:
        """World points (M, 3), OpenCV axes."""
        return self._columns(("x", "y", "z"))

    def colors(self) -> NDArray[np.float32] | None:
        """sRGB colours with alpha (M, 4) in [0, 1], or None when the points have none."""
        if not all(name in self._names for name in ("red", "green", "blue")):
            return None
        colors = np.empty((len(self), 4), np.float32)
        colors[:, 3] = 1.0
        for column, name in enumerate(("red", "green", "blue")):
            values = self._rows[name]
            largest = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1.0
            np.multiply(values, np.float32(1.0 / largest), out=colors[:, column], casting="unsafe")
        return colors

    def column(self, name: str) -> NDArray[np.float32] | None:
        """One number per point (M,), or None when the points have no such column."""
        return np.ascontiguousarray(self._rows[name], dtype=np.float32) if name in self._names else None

    def integers(self, name: str) -> NDArray[np.int32] | None:
        """One whole number per point (M,), or None when the points have no such column."""
        return np.ascontiguousarray(self._rows[name], dtype=np.int32) if name in self._names else None

    @property
    def _names(self) -> tuple[str, ...]:
        return self._rows.dtype.names or ()

    def _columns(self, names: tuple[str, ...]) -> NDArray[np.float32]:
        table = np.empty((len(self), len(names)), np.float32)
        for column, name in enumerate(names):
            table[:, column] = self._rows[name]
        return table


def _read_header(path: Path) -> tuple[int, np.dtype[np.void], int]:
    """Number of points, the layout of one, and where the first one starts."""
    with path.open("rb") as file:
        head = file.read(LONGEST_HEADER)
    end = head.find(b"end_header\n")
    if not head.startswith(b"ply\n"):
        raise SceneFileError(f"{path}: not a PLY file")
    if end < 0:
        raise SceneFileError(f"{path}: the header has no end")
    lines = [line.split() for line in head[:end].decode("ascii", "replace").splitlines()]
    formats = [line[1] for line in lines if line[:1] == ["format"] and len(line) > 1]
    if formats != ["binary_little_endian"]:
        raise SceneFileError(f"{path}: format is {' '.join(formats) or 'missing'}, wanted binary_little_endian")
    count, dtype = _vertex_layout(path, lines)
    return count, dtype, end + len(b"end_header\n")


def _vertex_layout(path: Path, lines: list[list[str]]) -> tuple[int, np.dtype[np.void]]:
    elements = [index for index, line in enumerate(lines) if line[:1] == ["element"]]
    first = lines[elements[0]] if elements else []
    if len(first) != 3 or first[1] != "vertex" or not first[2].isdecimal():
        raise SceneFileError(f"{path}: the first element must be vertex with a count")
    stop = elements[1] if len(elements) > 1 else len(lines)
    fields = [line[1:] for line in lines[elements[0] + 1 : stop] if line[:1] == ["property"]]
    for field in fields:
        if len(field) != 2 or field[0] not in _TYPES:
            raise SceneFileError(f"{path}: property {' '.join(field)} is not understood")
    try:
        return int(first[2]), np.dtype([(name, f"<{_TYPES[kind]}") for kind, name in fields])
    except ValueError as error:
        raise SceneFileError(f"{path}: properties are named twice: {error}") from error

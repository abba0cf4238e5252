# SPDX-License-Identifier: GPL-3.0-or-later
"""The coloured points of a scene, taken column by column as Blender wants them. Numpy only."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .core import FormatError, map_vertices


class PointsTable:
    """Points (M) of a PLY file, at most `max_points` of them, evenly taken. Columns are read when they are asked for."""

    def __init__(self, path: Path, max_points: int | None = None) -> None:
        rows = map_vertices(path)
        missing = [name for name in ("x", "y", "z") if name not in (rows.dtype.names or ())]
        if missing:
            raise FormatError(f"{path}: the points have no {', '.join(missing)}")
        count = len(rows)
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

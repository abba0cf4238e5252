"""Which texel belongs to which face: triangles drawn into an image by rows, all at a time."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float64

Ints = NDArray[np.intp]

ROWS_AT_A_TIME = 1 << 20


def texels_of_faces(corners: Float64, size: int) -> Iterator[tuple[Ints, Ints]]:
    """Blocks of (texel, face), for every texel centre that lies in a face; texels count row by row from the top left.

    corners: (F, 3, 2) x to the right and y down, in texels, whose centres are whole numbers. A centre on an edge that two faces
    share belongs to one of them, so that a texel that is named twice lies in two faces that overlap.
    """
    for face, row in _rows(corners, size):
        left, right = _spans(corners[face], row)
        first = np.clip(np.ceil(left), 0, size).astype(np.intp)
        count = np.clip(np.ceil(right), 0, size).astype(np.intp) - first
        count = np.maximum(count, 0)
        ends = np.cumsum(count)
        within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - count, count)
        yield np.repeat(row * size + first, count) + within, np.repeat(face, count)


def _rows(corners: Float64, size: int) -> Iterator[tuple[Ints, Ints]]:
    """Blocks of (face, row), for every row of texel centres that crosses a face."""
    y = corners[..., 1]
    first = np.clip(np.ceil(y.min(axis=1)), 0, size).astype(np.intp)
    count = np.maximum(np.clip(np.ceil(y.max(axis=1)), 0, size).astype(np.intp) - first, 0)
    ends = np.cumsum(count)
    start = 0
    while start < len(count):
        done = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, done + ROWS_AT_A_TIME, side="right")), start + 1)
        some = count[start:stop]
        within = np.arange(int(some.sum())) - np.repeat(np.cumsum(some) - some, some)
        face: Ints = np.repeat(np.arange(start, stop, dtype=np.intp), some)
        yield face, np.add(np.repeat(first[start:stop], some), within, dtype=np.intp)
        start = stop


def _spans(corners: Float64, row: Ints) -> tuple[Float64, Float64]:
    """Where rows (R,) enter and leave the triangles (R, 3, 2) they cross."""
    at: list[Float64] = []
    for one, other in ((0, 1), (1, 2), (2, 0)):
        a, b = corners[:, one], corners[:, other]
        turned = (a[:, 1] > b[:, 1]) | ((a[:, 1] == b[:, 1]) & (a[:, 0] > b[:, 0]))
        low, high = np.where(turned[:, None], b, a), np.where(turned[:, None], a, b)  # one order for both faces of an edge
        crosses = (low[:, 1] <= row) & (row < high[:, 1])
        rise = np.where(crosses, high[:, 1] - low[:, 1], 1.0)
        x = low[:, 0] + (row - low[:, 1]) * (high[:, 0] - low[:, 0]) / rise
        at.append(np.where(crosses, x, np.nan))
    values = np.stack(at)
    return np.fmin.reduce(values), np.fmax.reduce(values)

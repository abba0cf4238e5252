"""Point clouds made even: at most one point per voxel, in bounded memory, with the same result every time."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.confidence import weight_of_confidence

Index = NDArray[np.intp]
Cells = tuple[NDArray[np.int32], ...]

PENDING_POINTS = 1_000_000
"""How many points wait before they are merged into the voxels, at least."""
PENDING_SHARE = 0.5
"""How many points wait, as a share of the voxels there are already, so that many small merges do not take most of the time."""
LEAST_WEIGHT = 1e-3
"""What a point without any confidence still counts in a mean."""
LEAST_COARSENING = 1.05
"""Voxels grow by at least this factor while there are too many."""
LEAST_VOXEL_SIZE = 1e-30
"""Stands in for a spacing of zero."""
_BITS = 21
"""Bits per axis of a voxel's number. Voxels 2^21 sizes apart (10 km at 5 mm) are one."""
_LARGEST_KEY_BITS = 63


@dataclass(frozen=True, slots=True)
class _Rows:
    """Weighted sums of merged points, each column by itself (M,), and the values of the most confident of each."""

    cell: Cells
    """The voxel along x, y and z."""
    weight: Float64
    position: tuple[Float64, ...]
    color: tuple[Float64, ...]
    confidence: Float32
    view_index: NDArray[np.int32]
    radius: Float32

    def __len__(self) -> int:
        return len(self.weight)

    def in_voxels(self, size: float) -> "_Rows":
        """The same rows, put into other voxels by their means."""
        return replace(self, cell=tuple(_cells(column / self.weight, size) for column in self.position))


class VoxelThinner:
    """Merges points that fall into one voxel: confidence-weighted mean position and colour, the best one's other values.

    voxel_size: in the points' unit. max_points: when more voxels than this are filled, voxels grow until they are not;
    None: no limit.
    """

    def __init__(self, voxel_size: float, max_points: int | None = None) -> None:
        if not np.isfinite(voxel_size) or voxel_size <= 0:
            raise ValueError(f"voxel_size must be positive and finite: {voxel_size}")
        self.voxel_size = voxel_size
        self._max_points = max_points
        self._merged = _rows_of(empty_cloud(), voxel_size)
        self._pending: list[PointCloud] = []

    def add(self, cloud: PointCloud) -> None:
        """Takes in more points."""
        self._pending.append(cloud)
        if sum(len(waiting) for waiting in self._pending) >= max(PENDING_POINTS, PENDING_SHARE * len(self._merged)):
            self._merge()

    def limited(self, max_points: int) -> "VoxelThinner":
        """A thinner of all points so far, whose voxels grow from this one's until there are no more than `max_points`."""
        self._merge()
        other = VoxelThinner(self.voxel_size, max_points)
        other._merged = self._merged
        return other

    def cloud(self) -> PointCloud:
        """One point per filled voxel, in the order of the voxels.

        No radius is less than half a voxel, so that a thinned surface stays closed.
        """
        self._merge()
        rows = self._merged
        return PointCloud(
            points=np.stack([column / rows.weight for column in rows.position], axis=1, dtype=np.float32, casting="same_kind"),
            colors=np.stack([np.rint(column / rows.weight).astype(np.uint8) for column in rows.color], axis=1),
            confidence=rows.confidence,
            view_index=rows.view_index,
            radius=np.maximum(rows.radius, np.float32(self.voxel_size / 2)),
        )

    def _merge(self) -> None:
        if self._pending:
            rows = [self._merged, *(_rows_of(cloud, self.voxel_size) for cloud in self._pending)]
            self._pending = []
            self._merged = _merged(rows)
        while self._max_points is not None and len(self._merged) > self._max_points:
            self.voxel_size *= max(LEAST_COARSENING, float(np.sqrt(len(self._merged) / self._max_points)))
            self._merged = _merged([self._merged.in_voxels(self.voxel_size)])


def thinned(cloud: PointCloud, max_points: int) -> PointCloud:
    """The cloud with at most `max_points` points, evenly spread; the same cloud when it has no more."""
    return cloud if len(cloud) <= max_points else spaced(cloud).limited(max_points).cloud()


def spaced(cloud: PointCloud) -> VoxelThinner:
    """A thinner of a cloud's points, at the spacing they have."""
    thinner = VoxelThinner(max(2.0 * float(np.median(cloud.radius)), LEAST_VOXEL_SIZE) if len(cloud) else 1.0)
    thinner.add(cloud)
    return thinner


def empty_cloud() -> PointCloud:
    """A cloud of no points."""
    return PointCloud(
        points=np.zeros((0, 3), np.float32),
        colors=np.zeros((0, 3), np.uint8),
        confidence=np.zeros(0, np.float32),
        view_index=np.zeros(0, np.int32),
        radius=np.zeros(0, np.float32),
    )


def _rows_of(cloud: PointCloud, voxel_size: float) -> _Rows:
    points = [cloud.points[:, axis].astype(np.float64) for axis in range(3)]
    weight = weight_of_confidence(cloud.confidence.astype(np.float64)) + LEAST_WEIGHT
    return _Rows(
        cell=tuple(_cells(column, voxel_size) for column in points),
        weight=weight,
        position=tuple(column * weight for column in points),
        color=tuple(cloud.colors[:, channel] * weight for channel in range(3)),
        confidence=cloud.confidence,
        view_index=cloud.view_index,
        radius=cloud.radius,
    )


def _merged(parts: list[_Rows]) -> _Rows:
    """Rows summed per voxel, in the order of the voxels."""
    cell = tuple(np.concatenate(columns) for columns in zip(*(rows.cell for rows in parts), strict=True))
    if len(cell[0]) == 0:
        return parts[0]
    order, is_first = _by_voxel(cell)
    first, voxel = np.flatnonzero(is_first), np.cumsum(is_first) - 1
    joined, ordered = np.empty(len(order)), np.empty(len(order))

    def summed(columns: Iterable[Float64]) -> Float64:
        np.concatenate(list(columns), out=joined)
        joined.take(order, out=ordered, mode="clip")  # any other mode makes a copy first
        return np.bincount(voxel, ordered).astype(np.float64, copy=False)

    confidence = np.concatenate([rows.confidence for rows in parts])
    best = order.take(_most_confident(confidence.take(order), voxel, first))
    first = order.take(first)
    return _Rows(
        cell=tuple(column.take(first) for column in cell),
        weight=summed(rows.weight for rows in parts),
        position=tuple(summed(rows.position[axis] for rows in parts) for axis in range(3)),
        color=tuple(summed(rows.color[channel] for rows in parts) for channel in range(3)),
        confidence=confidence.take(best),
        view_index=np.concatenate([rows.view_index for rows in parts]).take(best),
        radius=np.concatenate([rows.radius for rows in parts]).take(best),
    )


def _cells(column: Float64, voxel_size: float) -> NDArray[np.int32]:
    """The voxels' numbers (M,) along one axis, from -2^20 up to 2^20."""
    half, mask = 1 << (_BITS - 1), (1 << _BITS) - 1
    cell = np.floor(column / voxel_size).astype(np.int64)
    return (((cell + half) & mask) - half).astype(np.int32)


def _by_voxel(cell: Cells) -> tuple[Index, NDArray[np.bool_]]:
    """Rows by voxel, and within a voxel as they came; and which of them begin a voxel.

    Where key and row fit into one number, that number is sorted: several times as fast as to sort rows by their keys.
    """
    key, key_bits = _voxel_keys(cell)
    row_bits = len(key).bit_length()
    if key_bits + row_bits <= _LARGEST_KEY_BITS:
        key <<= row_bits
        key |= np.arange(len(key))
        key.sort()
        order = (key & ((1 << row_bits) - 1)).astype(np.intp, copy=False)
        key >>= row_bits
    else:
        order = np.argsort(key, kind="stable")
        key = key.take(order)
    is_first = np.ones(len(key), dtype=np.bool_)
    np.not_equal(key[1:], key[:-1], out=is_first[1:])
    return order, is_first


def _voxel_keys(cell: Cells) -> tuple[NDArray[np.int64], int]:
    """One number (M,) per voxel, x before y before z and 0 before -1; and how many bits it takes."""
    key, key_bits = np.zeros(len(cell[0]), dtype=np.int64), 0
    for column in cell:
        low, high = int(column.min()), int(column.max())
        # Bits that say nothing are left out; cutting negative numbers to their last bits puts them behind the others.
        start, bits = (0 if low < 0 <= high else low), (high - low).bit_length()
        key <<= bits
        key |= (column - start) & ((1 << bits) - 1)
        key_bits += bits
    return key, key_bits


def _most_confident(confidence: Float32, voxel: Index, first: Index) -> Index:
    """The first of the most confident rows of each voxel, of rows (M,) in the order of their voxels."""
    candidates = np.flatnonzero(confidence == np.maximum.reduceat(confidence, first).take(voxel))
    of_voxel = voxel.take(candidates)
    return candidates[np.concatenate([[True], of_voxel[1:] != of_voxel[:-1]])]

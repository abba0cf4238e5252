"""Point clouds made even: at most one point per voxel, in bounded memory, with the same result every time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.confidence import weight_of_confidence

PENDING_POINTS = 1_000_000
"""How many points wait before they are merged into the voxels."""
LEAST_WEIGHT = 1e-3
"""What a point without any confidence still counts in a mean."""
LEAST_COARSENING = 1.05
"""Voxels grow by at least this factor while there are too many."""
LEAST_VOXEL_SIZE = 1e-30
"""Stands in for a spacing of zero."""
_BITS = 21
"""Bits per axis of a voxel's key. Voxels 2^21 sizes apart (10 km at 5 mm) share a key."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """Weighted sums of merged points (M,), and the confidence, view and radius of the most confident of each."""

    weight: Float64
    position: Float64
    color: Float64
    confidence: Float32
    view_index: NDArray[np.int32]
    radius: Float32

    def __len__(self) -> int:
        return len(self.weight)

    def taken(self, index: NDArray[np.intp]) -> "_Rows":
        return _Rows(
            self.weight[index],
            self.position[index],
            self.color[index],
            self.confidence[index],
            self.view_index[index],
            self.radius[index],
        )


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
        self._merged = _rows_of(empty_cloud())
        self._pending: list[_Rows] = []

    def add(self, cloud: PointCloud) -> None:
        """Takes in more points."""
        self._pending.append(_rows_of(cloud))
        if sum(len(rows) for rows in self._pending) >= PENDING_POINTS:
            self._merge()

    def cloud(self) -> PointCloud:
        """One point per filled voxel, in the order of the voxels.

        No radius is less than half a voxel, so that a thinned surface stays closed.
        """
        self._merge()
        rows = self._merged
        total = rows.weight[:, None]
        return PointCloud(
            points=(rows.position / total).astype(np.float32),
            colors=np.rint(rows.color / total).astype(np.uint8),
            confidence=rows.confidence,
            view_index=rows.view_index,
            radius=np.maximum(rows.radius, np.float32(self.voxel_size / 2)),
        )

    def _merge(self) -> None:
        rows = _joined([self._merged, *self._pending])
        self._pending = []
        self._merged = _merged(rows, self.voxel_size)
        while self._max_points is not None and len(self._merged) > self._max_points:
            self.voxel_size *= max(LEAST_COARSENING, float(np.sqrt(len(self._merged) / self._max_points)))
            self._merged = _merged(self._merged, self.voxel_size)


def thinned(cloud: PointCloud, max_points: int) -> PointCloud:
    """The cloud with at most `max_points` points, evenly spread; the same cloud when it has no more."""
    if len(cloud) <= max_points:
        return cloud
    thinner = VoxelThinner(max(2.0 * float(np.median(cloud.radius)), LEAST_VOXEL_SIZE), max_points)
    thinner.add(cloud)
    return thinner.cloud()


def empty_cloud() -> PointCloud:
    """A cloud of no points."""
    return PointCloud(
        points=np.zeros((0, 3), np.float32),
        colors=np.zeros((0, 3), np.uint8),
        confidence=np.zeros(0, np.float32),
        view_index=np.zeros(0, np.int32),
        radius=np.zeros(0, np.float32),
    )


def _rows_of(cloud: PointCloud) -> _Rows:
    confidence = cloud.confidence.astype(np.float64)
    weight = weight_of_confidence(confidence) + LEAST_WEIGHT
    position, color = cloud.points * weight[:, None], cloud.colors * weight[:, None]
    return _Rows(weight, position, color, cloud.confidence, cloud.view_index, cloud.radius)


def _joined(parts: list[_Rows]) -> _Rows:
    return _Rows(
        np.concatenate([rows.weight for rows in parts]),
        np.concatenate([rows.position for rows in parts]),
        np.concatenate([rows.color for rows in parts]),
        np.concatenate([rows.confidence for rows in parts]),
        np.concatenate([rows.view_index for rows in parts]),
        np.concatenate([rows.radius for rows in parts]),
    )


def _merged(rows: _Rows, voxel_size: float) -> _Rows:
    """Rows summed per voxel, in the order of the voxels' keys."""
    if len(rows) == 0:
        return rows
    key = _voxel_keys(rows.position / rows.weight[:, None], voxel_size)
    order = np.lexsort((-rows.confidence, key))
    key = key[order]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    best = rows.taken(order[first])
    return _Rows(
        np.add.reduceat(rows.weight[order], first),
        np.add.reduceat(rows.position[order], first, axis=0),
        np.add.reduceat(rows.color[order], first, axis=0),
        best.confidence,
        best.view_index,
        best.radius,
    )


def _voxel_keys(points: Float64, voxel_size: float) -> NDArray[np.int64]:
    cell = np.floor(points / voxel_size).astype(np.int64) & ((1 << _BITS) - 1)
    return (cell[:, 0] << (2 * _BITS)) | (cell[:, 1] << _BITS) | cell[:, 2]

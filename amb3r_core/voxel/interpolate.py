"""Voxel features at points: the nearest voxels, weighted by the inverse of their squared distance."""

import torch
from torch import Tensor
from torch.nn import functional

from amb3r_core.voxel.grid import is_usable
from amb3r_core.voxel.keys import rows_per_scene
from amb3r_core.voxel.nearest import squared_distances
from amb3r_core.voxel.ops import SparseOps

DISTANCE_FLOOR = 1e-8
"""Added to squared distances, so that a point on a voxel's corner does not divide by zero."""
ROWS_AT_ONCE = 4096
"""Points worked on at a time: memory only, the same numbers."""


def interpolate_voxels(
    points: Tensor, voxel_positions: Tensor, voxel_features: Tensor, *, n_neighbours: int, ops: SparseOps
) -> Tensor:
    """Features (B, N, C) at points (B, N, 3) from voxels of the same scene.

    voxel_positions (V, 4) float = scene, x, y, z, ordered by scene; voxel_features (V, C). A scene with fewer
    voxels than n_neighbours uses those it has. Points that are not finite, and all points of a scene
    without voxels, get zeros.
    """
    points = points.to(voxel_positions.dtype)
    usable = is_usable(points)
    counts = rows_per_scene(voxel_positions[:, 0], len(points))
    out = voxel_features.new_zeros(*usable.shape, voxel_features.shape[1])
    scenes = zip(torch.split(voxel_positions[:, 1:], counts), torch.split(voxel_features, counts), strict=True)
    for scene, (positions, features) in enumerate(scenes):
        rows = usable[scene].nonzero()[:, 0]
        if len(positions) and len(rows):
            index = ops.nearest(points[scene, rows], positions, n_neighbours)
            for part, neighbours in zip(torch.split(rows, ROWS_AT_ONCE), torch.split(index, ROWS_AT_ONCE), strict=True):
                out[scene, part] = _weighted(points[scene, part], positions, features, neighbours)
    return out


def _weighted(queries: Tensor, positions: Tensor, features: Tensor, neighbours: Tensor) -> Tensor:
    """(N, C) at queries (N, 3) from their neighbours' rows (N, K), without a copy of all neighbours' features."""
    distance = squared_distances(queries[:, None], positions[neighbours])
    weight = 1 / (distance + DISTANCE_FLOOR)
    weight = (weight / weight.sum(dim=1, keepdim=True)).to(features.dtype)
    return functional.embedding_bag(neighbours, features, per_sample_weights=weight, mode="sum")

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
    scenes = zip(points, usable, torch.split(voxel_positions[:, 1:], counts), torch.split(voxel_features, counts), strict=True)
    return torch.stack([_interpolate_scene(*scene, n_neighbours, ops) for scene in scenes])


def _interpolate_scene(
    points: Tensor, usable: Tensor, positions: Tensor, features: Tensor, n_neighbours: int, ops: SparseOps
) -> Tensor:
    out = features.new_zeros(len(points), features.shape[1])
    queries = points[usable]
    if not len(positions) or not len(queries):
        return out
    index = ops.nearest(queries, positions, n_neighbours)
    distance = squared_distances(queries[:, None], positions[index])
    weight = 1 / (distance + DISTANCE_FLOOR)
    weight = (weight / weight.sum(dim=1, keepdim=True)).to(features.dtype)
    # One weighted sum per point, without a copy of all its neighbours' features.
    values = functional.embedding_bag(index, features, per_sample_weights=weight, mode="sum")
    return out.index_put((usable,), values)

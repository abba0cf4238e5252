"""Points to voxels: which cells are occupied, and the mean feature of the points in each."""

from dataclasses import dataclass

import torch
from torch import Tensor

from amb3r_core.voxel.keys import INDEX_BITS, distinct, index_of_keys, voxel_keys
from amb3r_core.voxel.ops import SparseOps

LARGEST_COORDINATE = 1e15
"""Beyond this the square of a distance overflows float32, so such a point counts as not finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxelGrid:
    """The occupied voxels of B scenes, ordered by (scene, x, y, z).

    index (V, 4) int64: scene, x, y, z, from 0 at the scene's lowest corner; features (V, C);
    corner (B, 3): the scene's lowest corner, zeros where a scene has no point; voxel_size in units of the points.
    """

    index: Tensor
    features: Tensor
    corner: Tensor
    voxel_size: float

    def query_positions(self, *, absolute: bool) -> Tensor:
        """(V, 4) float: scene, x, y, z of the voxels' lower corners, where interpolation looks them up.

        The lower corner stands for the voxel, not its centre, because the weights were trained so.
        `absolute` adds the scene's corner. The first published weights (interp_v2 False) leave it out
        although they look up absolute points: their neighbours are displaced by that corner, and the
        weights have learned to live with it.
        """
        positions = self.index[:, 1:].to(self.corner.dtype) * self.voxel_size
        if absolute:
            positions = positions + self.corner[self.index[:, 0]]
        return torch.cat([self.index[:, :1].to(positions.dtype), positions], dim=1)


def voxelize(points: Tensor, features: Tensor, voxel_size: float, *, ops: SparseOps, valid: Tensor | None = None) -> VoxelGrid:
    """The voxels that points (B, N, 3) with features (B, N, C) fall into.

    Left out are points that are not finite or not valid ((B, N) bool) and, where a scene is wider than the
    65536 voxels an axis can count, points more than half of that from the scene's median.
    """
    points = points.detach().to(torch.promote_types(points.dtype, torch.float32))
    kept = is_usable(points) if valid is None else is_usable(points) & valid
    kept = torch.stack([_addressable(p, k, voxel_size) for p, k in zip(points, kept, strict=True)])
    corner = torch.stack([_lowest_corner(p[k]) for p, k in zip(points, kept, strict=True)])
    cell = torch.floor((points - corner[:, None]) / voxel_size)
    scene = torch.arange(len(points), device=points.device)[:, None].expand_as(kept)
    index = torch.cat([scene[kept][:, None], cell[kept].long()], dim=1)
    keys, voxel_of_point = distinct(voxel_keys(index))
    means = ops.reduce(features[kept], voxel_of_point, len(keys), "mean")
    return VoxelGrid(index=index_of_keys(keys), features=means, corner=corner, voxel_size=voxel_size)


def is_usable(points: Tensor) -> Tensor:
    """(...,) bool: whether a point (..., 3) is finite, and small enough to measure distances from."""
    return (points.abs() < LARGEST_COORDINATE).all(dim=-1)


def _addressable(points: Tensor, kept: Tensor, voxel_size: float) -> Tensor:
    """`kept` (N,) without the outliers that would push indices past 16 bits.

    The published code stops with an assertion there, for a single stray pixel. The window is centred on the
    median and not on the lowest corner, so a stray pixel on either side leaves the scene itself in place.
    """
    if not bool(kept.any()):
        return kept
    # One voxel short of the full range: rounding in the division may add one.
    reach = ((1 << INDEX_BITS) - 2) * voxel_size
    inside = points[kept]
    extent = inside.amax(dim=0) - inside.amin(dim=0)
    if bool((extent <= reach).all()):
        return kept
    centre = inside.median(dim=0).values
    return kept & ((points - centre).abs() <= reach / 2).all(dim=-1)


def _lowest_corner(points: Tensor) -> Tensor:
    return points.amin(dim=0) if len(points) else points.new_zeros(3)

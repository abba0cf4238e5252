"""The three sparse operations everything else is made of, and their plain torch form.

`TorchOps` runs on any device, is differentiable, and is the oracle that faster kernels are compared with.
"""

from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from amb3r_core.voxel.nearest import nearest_points
from amb3r_core.voxel.sites import SparseSites
from amb3r_core.voxel.sparse_conv import submanifold_conv

Reduction = Literal["mean", "max"]


class SparseOps(Protocol):
    """Operations on rows that belong to voxels or points, in no grid."""

    def reduce(self, values: Tensor, group: Tensor, n_groups: int, how: Reduction) -> Tensor:
        """(G, C) from values (N, C): the mean or maximum of the rows of each group (N,) int64.

        No group may be empty.
        """
        ...

    def submanifold_conv(self, features: Tensor, weight: Tensor, bias: Tensor | None, sites: SparseSites) -> Tensor:
        """(V, C_out) from features (V, C_in): a convolution that reads and writes occupied voxels only.

        weight (C_out, k, k, k, C_in), k odd, its axes those of the voxel index x, y, z; a cross-correlation.
        """
        ...

    def nearest(self, queries: Tensor, points: Tensor, k: int) -> Tensor:
        """Rows (N, min(k, V)) of the points (V, 3) nearest to each of queries (N, 3): nearest first, in a tie the lower row."""
        ...


class TorchOps:
    """The operations in plain torch."""

    def reduce(self, values: Tensor, group: Tensor, n_groups: int, how: Reduction) -> Tensor:
        """See `SparseOps.reduce`. No atomic additions, so the same input gives the same bytes on every device."""
        if not n_groups:
            return values.new_zeros(0, values.shape[1])
        members = torch.argsort(group, stable=True)
        counts = torch.bincount(group, minlength=n_groups)
        return functional.embedding_bag(members, values, offsets=counts.cumsum(0) - counts, mode=how)

    def submanifold_conv(self, features: Tensor, weight: Tensor, bias: Tensor | None, sites: SparseSites) -> Tensor:
        """See `SparseOps.submanifold_conv`."""
        return submanifold_conv(features, weight, bias, sites.neighbours(weight.shape[1]))

    def nearest(self, queries: Tensor, points: Tensor, k: int) -> Tensor:
        """See `SparseOps.nearest`."""
        return nearest_points(queries, points, k)

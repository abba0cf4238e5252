"""Voxel indices as single integers, so that sorting and searching them is sorting and searching numbers."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

INDEX_BITS = 16
"""Bits of a voxel index per axis: the scene and three indices share one 64-bit key."""


def voxel_keys(index: Tensor) -> Tensor:
    """One int64 per voxel index (V, 4) = scene, x, y, z whose order is the rows' own."""
    scene, x, y, z = index.unbind(dim=1)
    return (scene << 3 * INDEX_BITS) | (x << 2 * INDEX_BITS) | (y << INDEX_BITS) | z


def index_of_keys(keys: Tensor) -> Tensor:
    """The voxel index (V, 4) of each key: the inverse of `voxel_keys`."""
    mask = (1 << INDEX_BITS) - 1
    shifts = (3 * INDEX_BITS, 2 * INDEX_BITS, INDEX_BITS, 0)
    return torch.stack([(keys >> shift) & mask for shift in shifts], dim=1)


def distinct(keys: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct keys (G,) in ascending order, and for each of keys (N,) its place among them."""
    # torch leaves the type of `unique` open
    unique = cast(Callable[..., tuple[Tensor, Tensor]], torch.unique)  # pyright: ignore[reportUnknownMemberType]
    return unique(keys, return_inverse=True)


def rows_per_scene(scene: Tensor, n_scenes: int = 0) -> list[int]:
    """How many rows each scene has; scene (V,) holds their numbers."""
    return [int(count) for count in torch.bincount(scene.long(), minlength=n_scenes)]

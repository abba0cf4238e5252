"""Occupied voxels and the tables of their neighbours, built once and shared by all layers of a stage."""

from dataclasses import dataclass

import torch
from torch import Tensor

from amb3r_core.voxel.keys import INDEX_BITS, voxel_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetPairs:
    """The voxel pairs of one kernel offset: `inputs[i]` lies at that offset from `outputs[i]`.

    offset counts the kernel's k * k * k cells in the order x, y, z; outputs and inputs are (M,) int64 rows,
    no row twice in either.
    """

    offset: int
    outputs: Tensor
    inputs: Tensor


class SparseSites:
    """Voxels index (V, 4) int64 = scene, x, y, z with no row twice, and what is derived from them."""

    def __init__(self, index: Tensor) -> None:
        self.index = index
        self._tables: dict[int, tuple[OffsetPairs, ...]] = {}

    def neighbours(self, kernel_size: int) -> tuple[OffsetPairs, ...]:
        """The pairs of every offset of a kernel that has any, made at the first call for its size."""
        if kernel_size not in self._tables:
            self._tables[kernel_size] = _neighbour_table(self.index, kernel_size)
        return self._tables[kernel_size]


def _neighbour_table(index: Tensor, kernel_size: int) -> tuple[OffsetPairs, ...]:
    """Pairs per offset by looking shifted keys up among the sorted keys.

    Half of the offsets are searched: the pairs of an opposite offset are the same pairs, exchanged.
    """
    if kernel_size % 2 == 0:
        raise ValueError(f"kernel size {kernel_size} has no centre: an odd size is needed")
    n_offsets, half = kernel_size**3, kernel_size // 2
    keys, rows = torch.sort(voxel_keys(index))
    sorted_index = index[rows]
    table: dict[int, OffsetPairs] = {}
    for offset in range(n_offsets // 2 + 1):
        shift = _shift_of(offset, kernel_size, half)
        at, found = _find_shifted(keys, sorted_index, shift)
        outputs, inputs = rows[found], rows[at[found]]
        opposite = n_offsets - 1 - offset
        table[offset] = OffsetPairs(offset=offset, outputs=outputs, inputs=inputs)
        table[opposite] = OffsetPairs(offset=opposite, outputs=inputs, inputs=outputs)
    return tuple(table[offset] for offset in range(n_offsets) if len(table[offset].outputs))


def _shift_of(offset: int, kernel_size: int, half: int) -> tuple[int, int, int]:
    x, rest = divmod(offset, kernel_size**2)
    y, z = divmod(rest, kernel_size)
    return x - half, y - half, z - half


def _find_shifted(keys: Tensor, sorted_index: Tensor, shift: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """For each sorted voxel the place of the voxel at `shift` from it, and whether there is one."""
    x, y, z = shift
    wanted = keys + ((x << 2 * INDEX_BITS) + (y << INDEX_BITS) + z)
    at = torch.searchsorted(keys, wanted).clamp_(max=max(len(keys) - 1, 0))
    # A shift past either end of an axis would borrow from the next one and find a stranger.
    found = keys[at] == wanted
    for axis, step in enumerate(shift, start=1):
        moved = sorted_index[:, axis] + step
        found &= (moved >= 0) & (moved < 1 << INDEX_BITS)
    return at, found

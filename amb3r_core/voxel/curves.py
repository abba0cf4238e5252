"""Space-filling curves: one integer per voxel, near in number when near in space.

The Hilbert curve is J. Skilling's, "Programming the Hilbert curve", AIP Conf. Proc. 707, 381 (2004).
"""

import torch
from torch import Tensor

CURVES = ("z", "z-trans", "hilbert", "hilbert-trans")
"""The order of the curves in every stack of codes; -trans swaps x and y first."""


def curve_depth(cells: Tensor) -> int:
    """Bits per axis that the largest index of cells (V, 3) needs: 0 for a single voxel at the origin."""
    return int(cells.max()).bit_length() if len(cells) else 0


def serialize(index: Tensor, depth: int) -> Tensor:
    """Codes (4, V) int64 of voxels index (V, 4) = scene, x, y, z, one row per entry of CURVES.

    `depth` bits per axis, shared by all scenes: the Hilbert code depends on it. The scene is above them.
    """
    cells = index[:, 1:]
    swapped = cells[:, [1, 0, 2]]
    codes = torch.stack([f(c, depth) for f in (z_code, hilbert_code) for c in (cells, swapped)])
    return codes | (index[:, 0] << 3 * depth)


def z_code(cells: Tensor, depth: int) -> Tensor:
    """Morton codes (V,) of cells (V, 3); at every level x is the most significant bit, then y, then z."""
    code = torch.zeros_like(cells[:, 0])
    for bit in range(depth):
        for position, axis in enumerate((2, 1, 0)):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + position)
    return code


def hilbert_code(cells: Tensor, depth: int) -> Tensor:
    """Hilbert codes (V,) of cells (V, 3) on the curve that fills a cube of 2 ** depth cells a side."""
    axes = list(cells.unbind(dim=1))
    for bit in range(depth - 1, 0, -1):
        low = (1 << bit) - 1
        for i in range(3):
            is_set = ((axes[i] >> bit) & 1).bool()
            # Set: invert the low bits of axis 0. Not set: exchange the low bits of axes 0 and i.
            exchange = torch.where(is_set, 0, (axes[0] ^ axes[i]) & low)
            axes[0] = torch.where(is_set, axes[0] ^ low, axes[0] ^ exchange)
            axes[i] = axes[i] ^ exchange
    return _from_gray(z_code(torch.stack(axes, dim=1), depth), 3 * depth)


def _from_gray(code: Tensor, n_bits: int) -> Tensor:
    """The number whose Gray code, most significant bit first, is `code`."""
    shift = 1
    while shift < n_bits:
        code = code ^ (code >> shift)
        shift *= 2
    return code

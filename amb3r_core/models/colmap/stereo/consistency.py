"""Whether the depth maps of neighbouring views say the same."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from amb3r_core.models.colmap.stereo.cost import PlaneWarp


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the neighbours say of each depth of a view."""

    support: Tensor
    """(h, w): how many neighbours confirm it."""
    conflict: Tensor
    """(h, w): how many look through its point at something farther."""
    asked: Tensor
    """(h, w): how many have its point in their frame."""


def agreement(
    inverse_depth: Tensor, tolerance: Tensor, conflict_tolerance: Tensor, warps: list[PlaneWarp], neighbours: list[Tensor]
) -> Agreement:
    """Compares a view's inverse depth (h, w) with its neighbours' (h, w each; 0 is unknown).

    A neighbour adds to the support `exp(-(e / tolerance)^2 / 2)`, with `e` the relative difference between the inverse depth it
    should see and the one it has, and 1 to the conflict where it sees something farther by more than the conflict's tolerance.
    Something nearer is an occluder and says nothing.
    """
    support, conflict, asked = (torch.zeros_like(inverse_depth) for _ in range(3))
    for warp, other in zip(warps, neighbours, strict=True):
        grid = warp.grid(inverse_depth[None])
        seen = F.grid_sample(other[None, None], grid, mode="nearest", align_corners=True)[0, 0]
        expected = inverse_depth / warp.depth_ratio(inverse_depth)
        visible = (seen > 0) & (inverse_depth > 0) & (expected > 0)
        error = torch.where(visible, seen / expected.clamp(min=1e-12) - 1, 0.0)
        support += torch.exp(-0.5 * (error / tolerance).square()) * visible
        conflict += (error < -conflict_tolerance) & visible
        asked += (grid.abs() <= 1).all(-1)[0]
    return Agreement(support, conflict, asked)


def near_jump(inverse_depth: Tensor, radius: int, ratio: float) -> Tensor:
    """Where the window of (2 r + 1)^2 holds a depth that differs from the pixel's by more than the factor `ratio`, (h, w)."""
    if radius == 0:
        return torch.zeros_like(inverse_depth, dtype=torch.bool)
    both = torch.stack([inverse_depth, -inverse_depth])
    for size in ((2 * radius + 1, 1), (1, 2 * radius + 1)):
        both = F.max_pool2d(both, size, 1, (size[0] // 2, size[1] // 2))
    return (both[0] > ratio * inverse_depth) | (-both[1] * ratio < inverse_depth)

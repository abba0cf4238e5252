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


def agreement(
    inverse_depth: Tensor,
    tolerance: Tensor,
    warps: list[PlaneWarp],
    neighbours: list[Tensor],
    *,
    conflict_tolerances: float = 3.0,
) -> Agreement:
    """Compares a view's inverse depth (h, w) with its neighbours' (h, w each; 0 is unknown).

    A neighbour adds to the support `exp(-(e / tolerance)^2 / 2)`, with `e` the relative difference between the inverse depth it
    should see and the one it has, and 1 to the conflict where it sees something farther by more than `conflict_tolerances`
    tolerances. Something nearer is an occluder and says nothing.
    """
    support, conflict = torch.zeros_like(inverse_depth), torch.zeros_like(inverse_depth)
    for warp, other in zip(warps, neighbours, strict=True):
        grid = warp.grid(inverse_depth[None])
        seen = F.grid_sample(other[None, None], grid, mode="nearest", align_corners=True)[0, 0]
        expected = inverse_depth / warp.depth_ratio(inverse_depth)
        visible = (seen > 0) & (inverse_depth > 0) & (expected > 0)
        error = torch.where(visible, seen / expected.clamp(min=1e-12) - 1, 0.0)
        support += torch.exp(-0.5 * (error / tolerance).square()) * visible
        conflict += (error < -conflict_tolerances * tolerance) & visible
    return Agreement(support, conflict)


def near_jump(inverse_depth: Tensor, radius: int, ratio: float) -> Tensor:
    """Where the window of (2 r + 1)^2 holds a depth that differs from the pixel's by more than the factor `ratio`, (h, w)."""
    if radius == 0:
        return torch.zeros_like(inverse_depth, dtype=torch.bool)
    width = 2 * radius + 1
    nearest = F.max_pool2d(inverse_depth[None, None], width, 1, radius)[0, 0]
    farthest = -F.max_pool2d(-inverse_depth[None, None], width, 1, radius)[0, 0]
    return (nearest > ratio * inverse_depth) | (farthest * ratio < inverse_depth)

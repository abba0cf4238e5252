"""Semi-global aggregation (Hirschmueller 2008) of a matching volume, with the paths of all lines taken together."""

import torch
import torch.nn.functional as F
from torch import Tensor


def aggregate(cost: Tensor, small_jump: float, large_jump: Tensor) -> Tensor:
    """The mean over eight paths of the cheapest way to each pixel and hypothesis (h, w, D); equations 13 and 14 of the paper.

    cost (h, w, D); `small_jump` is the price of a change by one hypothesis, `large_jump` (h, w) that of a larger one,
    which may be lower where the image has an edge.
    """
    total = torch.zeros_like(cost)
    _along_rows(cost, small_jump, large_jump, total)
    _along_columns(cost, small_jump, large_jump, total)
    return total.div_(8)


def _along_columns(cost: Tensor, small_jump: float, large_jump: Tensor, total: Tensor) -> None:
    """Adds the six paths that come from the row above or below: straight and both diagonals."""
    height, width, depths = cost.shape
    state = cost.new_zeros((2, 3, width, depths))
    for top in range(height):
        rows = (top, height - 1 - top)
        here = torch.stack([cost[row] for row in rows])[:, None]
        price = torch.stack([large_jump[row] for row in rows])[:, None, :, None]
        state = _advance(_shift_diagonals(state), here, small_jump, price)
        paths = state.sum(1)
        for side, row in enumerate(rows):
            total[row] += paths[side]


def _shift_diagonals(state: Tensor) -> Tensor:
    """The states that reach each column from its left, its own and its right column; zeros start a path."""
    left = F.pad(state[:, 0, :-1], (0, 0, 1, 0))
    right = F.pad(state[:, 2, 1:], (0, 0, 0, 1))
    return torch.stack([left, state[:, 1], right], dim=1)


def _along_rows(cost: Tensor, small_jump: float, large_jump: Tensor, total: Tensor) -> None:
    """Adds the two paths from the left and from the right."""
    height, width, depths = cost.shape
    state = cost.new_zeros((2, height, depths))
    for left in range(width):
        columns = (left, width - 1 - left)
        here = torch.stack([cost[:, column] for column in columns])
        price = torch.stack([large_jump[:, column] for column in columns])[..., None]
        state = _advance(state, here, small_jump, price)
        for side, column in enumerate(columns):
            total[:, column] += state[side]


def _advance(previous: Tensor, cost: Tensor, small_jump: float, large_jump: Tensor) -> Tensor:
    """One step along a path: previous (..., D) of the pixel before, cost (..., D) and large_jump (..., 1) of this one."""
    floor = previous.amin(-1, keepdim=True)
    best = torch.minimum(previous, floor + large_jump)
    stepped = previous + small_jump
    torch.minimum(best[..., 1:], stepped[..., :-1], out=best[..., 1:])
    torch.minimum(best[..., :-1], stepped[..., 1:], out=best[..., :-1])
    return best.add_(cost).sub_(floor)

"""What the neighbours' depth says about a view's, as a volume over the view's own pixels and hypotheses.

Where a view sees a surface badly a neighbour often sees it well: the first sweeps' depths, each weighed by its own score, are
carried into the view and lower the cost of the hypotheses they meet, before the view decides a second time.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from amb3r_core.models.colmap.stereo.cost import PlaneWarp

SECOND_VOTE = 0.5
"""What the second most convinced neighbour counts at a pixel and hypothesis, the first counting 1."""
_REACH = (-1, 0, 1, 2)


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """The swept planes, evenly spaced in inverse depth."""

    low: float
    """The least inverse depth."""
    step: float
    """From one plane to the next."""
    count: int

    def planes(self, device: torch.device) -> Tensor:
        """Inverse depths (D,)."""
        high = self.low + self.step * (self.count - 1)
        return torch.linspace(self.low, high, self.count, dtype=torch.float64).float().to(device)


def carried_depth(inverse_depth: Tensor, weight: Tensor, warp: PlaneWarp, hypotheses: Hypotheses, tolerance: float) -> Tensor:
    """One neighbour's votes (h, w, D) for a view's hypotheses: the greatest weight that falls on each, 0 where none does.

    inverse_depth, weight (h, w): the neighbour's; unknown depth (0) does not vote. `warp` leads from the neighbour to the view.
    A depth votes in the pixel it falls into, for hypotheses within about the relative error `tolerance` or half a step.
    """
    height, width = inverse_depth.shape
    grid, ratio = warp.grid(inverse_depth[None])[0], warp.depth_ratio(inverse_depth)
    columns = ((grid[..., 0] + 1) / 2 * (width - 1) + 0.5).floor().long()
    rows = ((grid[..., 1] + 1) / 2 * (height - 1) + 0.5).floor().long()
    carried = inverse_depth / ratio.clamp(min=1e-6)
    place = (carried - hypotheses.low) / hypotheses.step
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width) & (place > -1) & (place < hypotheses.count)
    known = inside & (inverse_depth > 0) & (ratio > 1e-6)
    pixel, place, weight = (rows * width + columns)[known] * hypotheses.count, place[known], weight[known]
    spread = ((tolerance * carried[known] / hypotheses.step).square() + 0.25).sqrt()
    votes = inverse_depth.new_zeros(height * width * hypotheses.count)
    for reach in _REACH:
        index = place.floor() + reach
        vote = weight * torch.exp(-0.5 * ((index - place) / spread).square())
        vote = torch.where((index >= 0) & (index < hypotheses.count), vote, 0.0)
        votes.scatter_reduce_(0, pixel + index.long().clamp(0, hypotheses.count - 1), vote, "amax")
    return votes.view(height, width, hypotheses.count)


def joined(votes: list[Tensor]) -> Tensor:
    """The two greatest of the neighbours' votes at each pixel and hypothesis, the second by `SECOND_VOTE`; shapes (h, w, D)."""
    first, second, less = votes[0].clone(), torch.zeros_like(votes[0]), torch.empty_like(votes[0])
    for vote in votes[1:]:
        torch.maximum(second, torch.minimum(first, vote, out=less), out=second)
        torch.maximum(first, vote, out=first)
    return first.add_(second, alpha=SECOND_VOTE)

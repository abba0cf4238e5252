"""Which view becomes the reference, the frame in which the network sees the world (Depth Anything 3, appendix)."""

from typing import Literal

import torch
from torch import Tensor

ReferenceRule = Literal["first", "middle", "balanced", "widest"]
"""balanced: the view that is nearest to the middle of the range in three measures of its class token: mean likeness to the
others, length, variance. widest: the view whose likeness to the others has the widest range. In the published package these two
are called saddle_balanced and saddle_sim_range; it uses balanced unless told otherwise."""

FEWEST_VIEWS = 3
"""With fewer views the first is the reference."""
TINY = 1e-8


def choose_reference(class_tokens: Tensor, rule: ReferenceRule) -> Tensor:
    """The index (B,) of the reference view, of class tokens (B, T, C)."""
    n_scenes, n_views = class_tokens.shape[:2]
    if n_views < FEWEST_VIEWS or rule == "first":
        return torch.zeros(n_scenes, dtype=torch.long, device=class_tokens.device)
    if rule == "middle":
        return torch.full((n_scenes,), n_views // 2, dtype=torch.long, device=class_tokens.device)
    length = class_tokens.square().sum(-1).sqrt()
    direction = class_tokens / length[..., None]
    # The likeness of a view to itself counts as 0, here and among the extremes below, as published.
    likeness = direction @ direction.transpose(1, 2) - torch.eye(n_views, device=direction.device)
    if rule == "widest":
        return (likeness.amax(-1) - likeness.amin(-1)).argmax(1)
    measures = (likeness.sum(-1) / (n_views - 1), length, direction.var(dim=-1))
    distance = torch.stack([(_in_range(measure) - 0.5).abs() for measure in measures]).sum(0)
    return distance.argmin(1)


def _in_range(measure: Tensor) -> Tensor:
    """Values (B, T) as shares of the range between the least and the greatest of their scene."""
    least, greatest = measure.amin(1, keepdim=True), measure.amax(1, keepdim=True)
    return (measure - least) / (greatest - least + TINY)

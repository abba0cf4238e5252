"""How probable it is that a depth is right, from what the stereo knows of it.

A logistic regression over six signs. Its coefficients were fitted to the pixels of real scenes with a depth camera's depth and of
a rendered one with exact depth, few of them in any one photo; `benchmarks/trust.py` holds them against other scenes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

LARGEST = 0.995
"""Nothing is surer."""
_CONSTANT, _MARGIN, _CONFIRMED, _CONTRADICTED = -5.373, 1.451, 0.868, -0.488
_PRECISION, _PLANE, _LIKENESS = -0.981, 2.221, 0.989


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What speaks for and against each depth of a view; all (h, w)."""

    margin: Tensor
    """How much dearer any other depth would be."""
    precision: Tensor
    """A quarter of the step between hypotheses, as a share of the inverse depth."""
    confirmed: Tensor
    """The share of the neighbours that have the point in their frame and see it there, to within about a hundredth."""
    contradicted: Tensor
    """How many neighbours see through the point."""
    plane: Tensor
    """The strength of the plane through the pixels around, where the depth lies on it, in [0, 1]."""
    likeness: Tensor
    """How alike the windows in the views are that match best, in [0, 1]."""


def probability(signs: Signs) -> Tensor:
    """The probability (h, w) that a depth is within 3 % of the truth, at most `LARGEST`."""
    logit = _CONSTANT + _MARGIN * (signs.margin.sqrt() + 0.03).log()
    logit += _CONFIRMED * signs.confirmed + _CONTRADICTED * signs.contradicted.clamp(max=2)
    logit += _PRECISION * (signs.precision + 1e-4).log() + _PLANE * signs.plane + _LIKENESS * signs.likeness
    return torch.sigmoid(logit).clamp(max=LARGEST)

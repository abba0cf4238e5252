"""Somebody's depth of a view, a network's or a sensor's, as one more voter.

Such depth is good at shape and bad at scale: it is brought to the scene view by view, by a scale and a shift of inverse depth
that fit the sparse points best, whatever a minority of them says (iteratively reweighted least squares with Cauchy weights).
"""

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from amb3r_core.models.colmap.stereo.neighbours import SparseScene, points_in_frame, project
from amb3r_core.models.colmap.stereo.planes import PlanePrior

LEAST_POINTS = 8
"""With fewer sparse points a view's prior is left out."""
ROUNDS = 20
TOLERANCE = 0.03
"""Relative distance of a point from the aligned prior at which its weight is halved."""
LEAST_AGREEMENT = 0.3
"""A prior that so few points lie on, by weight, is left out."""


class DepthPrior(Protocol):
    """Depth of views that comes from elsewhere."""

    def depth(self, view: int) -> Tensor | None:
        """Depth (h, w) of a view at any size over the whole image, 0 where unknown, in any unit; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Alignment:
    """From a prior's inverse depth to the scene's: `scale * q + shift`."""

    scale: float
    shift: float
    agreement: float
    """The mean weight of the points, in [0, 1]."""


def aligned_prior(prior: DepthPrior, scene: SparseScene, view: int, size: tuple[int, int]) -> PlanePrior | None:
    """A view's prior in the scene's unit at a size (h, w); its strength is how many of the view's points lie on it.

    None where there is no prior, or too few points lie on it.
    """
    depth = prior.depth(view)
    if depth is None:
        return None
    known = depth > 0
    inverse = torch.where(known, 1 / depth.clamp(min=1e-9), 0.0)
    resized = F.interpolate(inverse[None, None], size=size, mode="nearest")[0, 0]
    alignment = _align(resized, scene, view)
    if alignment is None:
        return None
    values = torch.where(resized > 0, alignment.scale * resized + alignment.shift, 0.0)
    return PlanePrior(values.clamp(min=0), (values > 0) * alignment.agreement)


def _align(inverse: Tensor, scene: SparseScene, view: int) -> Alignment | None:
    points = scene.points[scene.observed[view]]
    inside, depth = points_in_frame(scene, view, points)
    pixels, _ = project(points[inside], scene.intrinsics[view], scene.cam_to_world[view])
    height, width = inverse.shape
    step = torch.tensor([width / scene.size[1], height / scene.size[0]], dtype=pixels.dtype)
    columns, rows = ((pixels + 0.5) * step).long().T
    given = inverse.cpu()[rows.clamp(0, height - 1), columns.clamp(0, width - 1)].double()
    wanted = 1 / depth[inside]
    given, wanted = given[given > 0], wanted[given > 0]
    return fit_alignment(given, wanted) if len(given) >= LEAST_POINTS else None


def fit_alignment(given: Tensor, wanted: Tensor) -> Alignment | None:
    """From given to wanted inverse depths (M,) float64; None where too few agree or the scale is not positive."""
    scale, shift = given.new_zeros(()), given.new_zeros(())
    ratio = (wanted / given).median()
    weight = 1 / (1 + ((ratio * given - wanted) / (0.2 * wanted)).square())
    for _ in range(ROUNDS):
        total = weight.sum()
        mean_given, mean_wanted = (weight * given).sum() / total, (weight * wanted).sum() / total
        variance = (weight * (given - mean_given).square()).sum()
        covariance = (weight * (given - mean_given) * (wanted - mean_wanted)).sum()
        # Points all at one depth leave the shift open.
        is_flat = variance <= 1e-6 * total * mean_given.square()
        scale = mean_wanted / mean_given if bool(is_flat) else covariance / variance
        shift = mean_wanted - scale * mean_given
        weight = 1 / (1 + ((scale * given + shift - wanted) / (TOLERANCE * wanted)).square())
    agreement = float(weight.mean())
    if agreement < LEAST_AGREEMENT or float(scale) <= 0:
        return None
    return Alignment(float(scale), float(shift), agreement)

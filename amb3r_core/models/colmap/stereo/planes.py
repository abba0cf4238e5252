"""Planes through what is trusted around a pixel, for surfaces too plain to be matched.

On a plane inverse depth is affine in the pixel. Around every pixel, in windows of growing size, a plane is fitted robustly to the
trusted inverse depths of pixels of the same colour; where enough of them lie on it, it votes for its depth when the view decides
again. Planar priors on weak texture are the idea of Xu and Tao (AAAI 2020); here colour stands for the surface and windows for
triangles, so that all fits are sums over boxes.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from amb3r_core.models.colmap.stereo.cost import box_sum
from amb3r_core.models.colmap.stereo.evidence import Hypotheses

N_COLOURS = 10
CHROMA = 2.0
"""How much a difference in colour counts beside one in brightness."""
COLOUR_ROUNDS = 8
SAMPLE_STEP = 7
"""Colours are found on every seventh pixel."""
CELL = 4
"""Sums are taken over cells of so many pixels a side."""
RADII = (6, 12, 24)
"""Of the windows, in cells; a larger one is used where its plane is clearly stronger, see `GAIN`."""
FIT_ROUNDS = 3
INLIER = 0.02
"""Relative distance from a plane at which a pixel's weight is halved."""
FULL_MASS = 0.1
"""The share of trusted weight among a window's pixels of one colour at which a plane has its full strength."""
OWN_TRUST = 0.7
"""By what share a plane's strength falls at a pixel whose own depth is fully trusted."""
GAIN = 0.1
"""By how much a larger window's plane must be stronger."""
LEAST_VOTE = 0.01
"""A weaker plane does not vote."""
_RIDGE = 1e-4


@dataclass(frozen=True, slots=True)
class PlanePrior:
    """What the planes say of a view's pixels."""

    inverse_depth: Tensor
    """(h, w); 0 where there is no plane."""
    strength: Tensor
    """(h, w) in [0, 1]: how well the pixels around agree on it."""

    def met_by(self, inverse_depth: Tensor, tolerance: float) -> Tensor:
        """The strength (h, w) of the planes that an inverse depth (h, w) lies on, within about the relative error."""
        apart = inverse_depth / self.inverse_depth.clamp(min=1e-12) - 1
        return torch.where(self.inverse_depth > 0, self.strength * torch.exp(-0.5 * (apart / tolerance).square()), 0.0)


def plane_prior(rgb: Tensor, inverse_depth: Tensor, trust: Tensor, step: float) -> PlanePrior:
    """The planes of a view: rgb (3, h, w), inverse depth (h, w) found so far, its trust (h, w) in [0, 1].

    step: between the hypotheses that inverse depth was chosen from, half of which it may be wrong by.
    """
    height, width = inverse_depth.shape
    unit = inverse_depth.median().clamp(min=1e-12)
    values = inverse_depth / unit
    tolerance = INLIER * values + 0.5 * step / unit
    windows = _Windows(colours(rgb), _coordinates(height, width, rgb))
    planes, strength = torch.zeros_like(values), torch.zeros_like(values)
    for radius in RADII:
        fit = windows.fit(values, trust, radius)
        for _ in range(FIT_ROUNDS - 1):
            inlier = 1 / (1 + ((values - fit.values) / tolerance).square())
            fit = windows.fit(values, trust * inlier, radius)
        inlier = 1 / (1 + ((values - fit.values) / tolerance).square())
        here = windows.strength(fit, trust, inlier, radius)
        stronger = here > strength + GAIN
        planes, strength = torch.where(stronger, fit.values * unit, planes), torch.where(stronger, here, strength)
    return PlanePrior(planes, strength * (1 - OWN_TRUST * trust))


def add_plane_votes(cost: Tensor, prior: PlanePrior, hypotheses: Hypotheses, tolerance: float, price: float) -> None:
    """Lowers costs (h, w, D), in place, by the planes' strength times `price` within about the relative error `tolerance`."""
    strength = prior.strength.flatten()
    pixels = (strength > LEAST_VOTE).nonzero()[:, 0]
    planes = prior.inverse_depth.flatten()[pixels, None]
    place = (planes - hypotheses.low) / hypotheses.step
    spread = ((tolerance * planes / hypotheses.step).square() + 0.5).sqrt()
    index = torch.arange(hypotheses.count, device=cost.device)
    votes = (index - place).div_(spread).square_().mul_(-0.5).exp_().mul_(strength[pixels, None])
    cost.view(-1, hypotheses.count).index_add_(0, pixels, votes, alpha=-price)


def colours(rgb: Tensor) -> Tensor:
    """Which of `N_COLOURS` colours each pixel of (3, h, w) has, as (h, w) long: k-means from the most different ones."""
    blurred = F.avg_pool2d(rgb[None], 3, 1, 1, count_include_pad=False)[0]
    brightness = blurred.mean(0, keepdim=True)
    pixels = torch.cat([brightness, CHROMA * (blurred - brightness)]).flatten(1).T
    some = pixels[::SAMPLE_STEP]
    centres = [some.mean(0)]
    for _ in range(N_COLOURS - 1):
        centres.append(some[_distances(some, torch.stack(centres)).amin(1).argmax()])
    found = torch.stack(centres)
    for _ in range(COLOUR_ROUNDS):
        nearest = F.one_hot(_distances(some, found).argmin(1), N_COLOURS).to(some.dtype)
        count = nearest.sum(0)[:, None]
        found = torch.where(count > 0, nearest.T @ some / count.clamp(min=1), found)
    return _distances(pixels, found).argmin(1).view(rgb.shape[1:])


def _distances(pixels: Tensor, centres: Tensor) -> Tensor:
    """Squared distances (M, K)."""
    return torch.stack([(pixels - centre).square().sum(1) for centre in centres], dim=1)


def _coordinates(height: int, width: int, like: Tensor) -> Tensor:
    """(3, h, w): across and down from the middle in half heights, and 1."""
    down = (torch.arange(height, device=like.device) * 2 / height - 1)[:, None].expand(height, width)
    across = ((torch.arange(width, device=like.device) * 2 - width) / height)[None].expand(height, width)
    return torch.stack([across, down, torch.ones_like(down)])


@dataclass(frozen=True, slots=True)
class _Fit:
    """Planes through windows."""

    values: Tensor
    """(h, w): each pixel's own plane, at the pixel."""
    mass: Tensor
    """(K, gh, gw): the weight each plane stands on."""
    spread: Tensor
    """(6, K, gh, gw): upper triangles of the inverse of where that weight lies, per unit of it."""


class _Windows:
    """Sums over windows of cells, one for each colour. colour (h, w): which of `N_COLOURS`; coordinates (3, h, w)."""

    def __init__(self, colour: Tensor, coordinates: Tensor) -> None:
        height, width = colour.shape
        self.coordinates = coordinates
        self.grid = (N_COLOURS, -(-height // CELL), -(-width // CELL))
        rows = (torch.arange(height, device=colour.device) // CELL)[:, None]
        columns = (torch.arange(width, device=colour.device) // CELL)[None]
        self.place = ((colour * self.grid[1] + rows) * self.grid[2] + columns).flatten()
        self.count = self.cells(torch.ones((1, height, width), device=colour.device))

    def cells(self, values: Tensor) -> Tensor:
        """Sums of (C, h, w) over the pixels of each colour and cell, (C, K, gh, gw)."""
        totals = values.new_zeros((len(values), math.prod(self.grid)))
        return totals.index_add_(1, self.place, values.flatten(1)).view(len(values), *self.grid)

    def own(self, grid: Tensor) -> Tensor:
        """What grids (C, K, gh, gw) say of each pixel's colour and cell, (C, h, w)."""
        return grid.flatten(1)[:, self.place].view(len(grid), *self.coordinates.shape[1:])

    def fit(self, values: Tensor, weight: Tensor, radius: int) -> _Fit:
        """Weighted least squares of values (h, w) over the coordinates."""
        x, y, one = self.coordinates
        products = torch.stack([x * x, x * y, x, y * y, y, one, x * values, y * values, values])
        sums = box_sum(self.cells(products.mul_(weight)), radius)
        mass = sums[5]
        ridge = _RIDGE * mass.clamp(min=1e-6)
        adjugate, determinant = _adjugate(sums[0] + ridge, sums[1], sums[2], sums[3] + ridge, sums[4], mass + ridge)
        (xx, xy, x1, yy, y1, oo), (rx, ry, r1) = adjugate, sums[6:]
        planes = torch.stack([xx * rx + xy * ry + x1 * r1, xy * rx + yy * ry + y1 * r1, x1 * rx + y1 * ry + oo * r1])
        planes /= determinant
        spread = torch.stack(adjugate) * (mass / determinant)
        return _Fit((self.own(planes) * self.coordinates).sum(0), mass, spread)

    def strength(self, fit: _Fit, trust: Tensor, inlier: Tensor, radius: int) -> Tensor:
        """How far a fit's planes are to be believed (h, w), in [0, 1]."""
        agreeing, trusted = box_sum(self.cells(torch.stack([trust * inlier, trust])), radius)
        share = fit.mass / box_sum(self.count, radius)[0].clamp(min=1e-6)
        x, y, _ = self.coordinates
        xx, xy, x1, yy, y1, oo, agreement, mass = self.own(
            torch.cat([fit.spread, torch.stack([agreeing / trusted.clamp(min=1e-6), share])])
        )
        leverage = xx * x * x + yy * y * y + oo + 2 * (xy * x * y + x1 * x + y1 * y)
        far = torch.exp(-0.25 * (leverage - 1).clamp(min=0))
        strength = agreement.square() * (mass / FULL_MASS).clamp(max=1) * far
        return torch.where(fit.values > 0, strength, 0.0).nan_to_num()


def _adjugate(xx: Tensor, xy: Tensor, x1: Tensor, yy: Tensor, y1: Tensor, oo: Tensor) -> tuple[list[Tensor], Tensor]:
    """Of symmetric 3 x 3 matrices given by their upper triangles: the adjugates' upper triangles, and the determinants."""
    adjugate = [yy * oo - y1 * y1, x1 * y1 - xy * oo, xy * y1 - x1 * yy, xx * oo - x1 * x1, xy * x1 - xx * y1, xx * yy - xy * xy]
    determinant = xx * adjugate[0] + xy * adjugate[1] + x1 * adjugate[2]
    return adjugate, determinant.clamp(min=torch.finfo(xx.dtype).tiny)

"""Clear sky in upright photos: it has no depth, and plain as it is it would take that of the roofs beside it.

Sky is bright, plain, bluish and reaches the top of the photo. A white wall is not blue enough. Where most photos of a scene show
clear sky, one that is paler or overexposed is taken for sky too. An overcast sky alone is not told from a wall.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from amb3r_core.compute.arrays import uint8_array

LEAST_BRIGHT = 0.6
"""Of the blue channel."""
SLACK = 0.01
"""By how much blue may be darker than green, and green than red."""
WINDOW, FLAT = 5, 0.06
"""Pixels, and the largest difference of brightness within so many."""
CLEAR, PALE = 0.08, 0.015
"""How much brighter blue is than red on average, in clear sky, and in sky where most other photos show clear sky."""
LEAST_AREA = 0.01
"""Of the photo."""
ROUNDS = 8
"""Of spreading along rows and columns."""


def sky(pixels: Tensor, valid: Tensor) -> Tensor:
    """Where photos (N, 3, H, W) in [0, 1] show sky, (N, H, W) bool; valid (N, H, W) bool: what is photo."""
    regions = [_bright_from_top(rgb, within) for rgb, within in zip(pixels, valid, strict=True)]
    tints = [_tint(rgb, region) for rgb, region in zip(pixels, regions, strict=True)]
    most_clear = 2 * sum(tint >= CLEAR for tint in tints) > len(tints)
    least = PALE if most_clear else CLEAR
    nothing = torch.zeros(pixels.shape[-2:], dtype=torch.bool, device=pixels.device)
    return torch.stack([region if tint >= least else nothing for region, tint in zip(regions, tints, strict=True)])


def _bright_from_top(rgb: Tensor, valid: Tensor) -> Tensor:
    """The bright, plain, bluish pixels (H, W) that hang together with the photo's first rows."""
    rows = valid.any(dim=1).nonzero()
    top = int(rows[0]) + 2 * WINDOW if len(rows) else 0
    if not top or not bool(_fits(rgb[:, :top], valid[:top]).any()):  # most photos indoors, at little cost
        return torch.zeros_like(valid)
    fits = _fits(rgb, valid)
    start = fits & (valid.cumsum(dim=0) <= WINDOW)
    reached = _reached(uint8_array(fits) > 0, uint8_array(start) > 0)
    return torch.as_tensor(reached, device=rgb.device)


def _fits(rgb: Tensor, valid: Tensor) -> Tensor:
    """The pixels (H, W) that are as bright, plain and bluish as sky."""
    red, green, blue = rgb
    grey = rgb.mean(dim=0)[None, None]
    span = (F.max_pool2d(grey, WINDOW, 1, WINDOW // 2) + F.max_pool2d(-grey, WINDOW, 1, WINDOW // 2))[0, 0]
    return valid & (blue >= LEAST_BRIGHT) & (blue >= green - SLACK) & (green >= red - SLACK) & (span < FLAT)


def _tint(rgb: Tensor, region: Tensor) -> float:
    """How much brighter blue is than red in a region, 0 for a small one."""
    share = region.float().mean()
    return float(((rgb[2] - rgb[0]) * region).mean() / share) if share >= LEAST_AREA else 0.0


def _reached(fits: NDArray[np.bool_], reached: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels that are reached from some by way of pixels that fit, in a few turns."""
    for _ in range(ROUNDS):
        reached = _along_rows(fits, _along_rows(fits.T, reached.T).T)
    return reached


def _along_rows(fits: NDArray[np.bool_], reached: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Every run of fitting pixels in a row that is reached somewhere, whole."""
    starts = fits.copy()
    starts[:, 1:] &= ~fits[:, :-1]
    run = np.cumsum(starts.ravel()).reshape(fits.shape) * fits
    found = np.bincount(run.ravel(), weights=reached.ravel(), minlength=1) > 0
    found[0] = False
    return found[run]

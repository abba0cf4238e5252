"""Depth without its pixel noise: each pixel on the plane that fits its neighbourhood, and edges as sharp as they were.

On a plane inverse depth is affine in the pixel, so that a local straight line through it flattens walls seen at any angle.
Neighbours count by their trust, and the less the more their inverse depth differs (a bilateral filter of first order).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32
from amb3r_core.surface.agree import TrustedView

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneConfig:
    """How far and how boldly."""

    half_width: int = 2
    """Samples to either side of a pixel."""
    spacing: int = 3
    """Pixels between two samples: noise is alike over a few pixels."""
    sigma: float = 0.015
    """Neighbours whose depth differs by this share count 0.6 of what equal ones do."""
    stiffness: float = 0.05
    """What keeps a slope from following few neighbours, in samples squared."""


def on_planes(view: TrustedView, config: PlaneConfig | None = None) -> TrustedView:
    """The same view with its depth smoothed; what is unknown stays unknown."""
    config = config or PlaneConfig()
    known = view.depth > 0
    inverse = np.zeros_like(view.depth)
    np.divide(1.0, view.depth, out=inverse, where=known)
    fitted = _fitted(inverse, view.trust, known, config)
    depth = np.where(known & (fitted > 0), 1 / np.where(fitted > 0, fitted, np.float32(1)), view.depth)
    return replace(view, sight=replace(view.sight, depth=depth.astype(np.float32)))


def _fitted(inverse: Float32, trust: Float32, known: Mask, config: PlaneConfig) -> Float32:
    """The value (H, W) at each pixel of the weighted straight line z = m + g . (x, y) through its neighbours."""
    w, x, y, xx, xy, yy, z, xz, yz = np.zeros((9, *inverse.shape), dtype=np.float32)
    for dx, dy, change, weight in _neighbours(inverse, trust, known, config):
        w += weight
        x += weight * dx
        y += weight * dy
        xx += weight * dx * dx
        xy += weight * dx * dy
        yy += weight * dy * dy
        z += weight * change
        xz += weight * change * dx
        yz += weight * change * dy
    total = np.maximum(w, np.float32(1e-12))
    mean_x, mean_y, mean_z = x / total, y / total, z / total
    var_x = xx / total - mean_x * mean_x + np.float32(config.stiffness)
    var_y = yy / total - mean_y * mean_y + np.float32(config.stiffness)
    both = xy / total - mean_x * mean_y
    along_x, along_y = xz / total - mean_x * mean_z, yz / total - mean_y * mean_z
    determinant = var_x * var_y - both * both
    slope_x = (var_y * along_x - both * along_y) / determinant
    slope_y = (var_x * along_y - both * along_x) / determinant
    return inverse + mean_z - slope_x * mean_x - slope_y * mean_y


def _neighbours(
    inverse: Float32, trust: Float32, known: Mask, config: PlaneConfig
) -> Iterator[tuple[np.float32, np.float32, Float32, Float32]]:
    """Of every neighbour its place (x, y) in samples, the change of inverse depth (H, W) towards it, and its weight (H, W)."""
    half, pad = config.half_width, config.half_width * config.spacing
    height, width = inverse.shape
    padded, padded_trust = np.pad(inverse, pad), np.pad(trust, pad)
    scale = np.where(known, np.float32(config.sigma) * inverse, np.float32(1))
    for dy in range(-half, half + 1):
        for dx in range(-half, half + 1):
            top, left = pad + dy * config.spacing, pad + dx * config.spacing
            there = padded[top : top + height, left : left + width]
            change = there - inverse
            off = np.minimum(np.square(change / scale), np.float32(30))
            near = np.float32(np.exp(-(dx * dx + dy * dy) / (half * half)))
            weight = padded_trust[top : top + height, left : left + width] * np.exp(-off / 2) * near
            yield np.float32(dx), np.float32(dy), change, np.where(known & (there > 0), weight, np.float32(0))

"""Which photos colour which part of a surface: quality, sharpness, and what most photos of a place agree on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32, UInt8
from amb3r_core.surface.texture_exposure import Exposure

AGREE, DISAGREE = 0.10, 0.22
"""Colour distance (of 1) from the median of a place up to which a photo counts fully, and from which it does not."""
SPREAD_ALLOWED = 2.5
"""Both grow to this many times the photos' median distance, where a place is too detailed to be compared exactly."""
ENOUGH_TO_VOTE = 3
CELLS_AT_A_TIME = 1 << 15
LEAST_SHARPNESS, MOST_SHARPNESS = 0.2, 2.0


@dataclass(frozen=True, slots=True)
class Observations:
    """What photos show of cells of a surface."""

    colors: UInt8
    """(N, C, 3) without fine detail."""
    quality: Float32
    """(N, C), 0 where a photo does not see a cell."""
    detail: NDArray[np.float16]
    """(N, C) strength of the edges the photo shows there."""

    @staticmethod
    def empty(n_views: int, n_cells: int) -> "Observations":
        return Observations(
            np.zeros((n_views, n_cells, 3), np.uint8),
            np.zeros((n_views, n_cells), np.float32),
            np.zeros((n_views, n_cells), np.float16),
        )


def sharpness(seen: Observations) -> Float32:
    """How sharp each photo is (N,), beside the others that show the same places; 1 is usual."""
    n = len(seen.quality)
    step = max(seen.quality.shape[1] // 20_000, 1)
    detail = np.where(seen.quality[:, ::step] > 0, seen.detail[:, ::step].astype(np.float32), np.nan)
    several = np.isfinite(detail).sum(axis=0) >= 2
    if not several.any():
        return np.ones(n, np.float32)
    detail = detail[:, several]
    usual = np.nanmedian(detail, axis=0)
    ratio = detail[:, usual > 1.0] / usual[usual > 1.0]
    found = np.ones(n, np.float32)
    for index, row in enumerate(ratio):
        if np.isfinite(row).any():
            found[index] = np.nanmedian(row)
    return np.clip(found, LEAST_SHARPNESS, MOST_SHARPNESS)


def agreement(seen: Observations, exposure: Exposure) -> Float32:
    """How far each photo agrees with what the others show of a cell (N, C), in [0, 1].

    Who is far from the median of three or more loses its say: a passer-by, an occluder that the surface lacks, a reflection.
    """
    agrees = np.ones(seen.quality.shape, np.float32)
    for start in range(0, agrees.shape[1], CELLS_AT_A_TIME):
        some = slice(start, start + CELLS_AT_A_TIME)
        is_seen = seen.quality[:, some] > 0
        enough = is_seen.sum(axis=0) >= ENOUGH_TO_VOTE
        if not enough.any():
            continue
        is_seen = is_seen[:, enough]
        colors = np.stack([exposure.correct(index, row[some][enough]) for index, row in enumerate(seen.colors)]) / 255.0
        colors = np.where(is_seen[..., None], colors, np.nan)
        distance = np.abs(colors - np.nanmedian(colors, axis=0)).max(axis=2)
        usual = SPREAD_ALLOWED * np.nanmedian(distance, axis=0)
        low, high = np.maximum(AGREE, usual), np.maximum(DISAGREE, 2.0 * usual)
        part = np.clip((high - distance) / (high - low), 0.0, 1.0)
        agrees[:, np.arange(agrees.shape[1])[some][enough]] = np.where(is_seen, part, 1.0)
    return agrees

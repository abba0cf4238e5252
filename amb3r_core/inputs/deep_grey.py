"""Grey photos of more than 8 bits (12-bit sensors, thermal cameras): one mapping to 8 bits for all of a kind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import UInt8

PERCENTILES = (0.1, 99.9)
"""The band of a photo's values; what lies outside are dead and hot pixels."""
SAMPLES_PER_SIDE = 512
NARROW = 0.25
"""A band that fills no more of its type's range was meant for another range: 14 bits in 16, and less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The values that a deep grey photo uses, and what its type has room for."""

    low: float
    high: float
    full: float
    """The type's range starts at 0 and ends here: 65535 for integers, 1 or 255 for floats."""

    @property
    def fills_its_type(self) -> bool:
        return self.high - self.low > NARROW * self.full and self.low >= 0.0 and self.high <= self.full


def is_deep(mode: str) -> bool:
    """Whether a Pillow mode holds grey of more than 8 bits."""
    return mode.startswith("I") or mode == "F"


def band_of(values: NDArray[np.generic]) -> Band:
    """The band of a photo (H, W), from every so many pixels."""
    step = max(1, min(values.shape) // SAMPLES_PER_SIDE)
    sample = values[::step, ::step].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    low, high = (float(value) for value in np.percentile(sample, PERCENTILES)) if sample.size else (0.0, 0.0)
    if np.issubdtype(values.dtype, np.integer):
        return Band(low=low, high=high, full=65535.0)
    return Band(low=low, high=high, full=1.0 if float(sample.max(initial=0.0)) <= 1.0 else 255.0)


def common_bands(bands: Sequence[Band | None]) -> list[Band | None]:
    """For each photo the band that becomes black to white, None for those that stay as they are.

    Photos whose bands overlap share one, so that a thing looks the same in all of them; bands that have nothing in common are
    of different kinds of cameras. A shared band that fills its type, like one photo that does, stays as it is.
    """
    known = sorted((band.full, band.low, band.high, index) for index, band in enumerate(bands) if band is not None)
    groups: list[list[int]] = []
    wholes: list[Band] = []
    for full, low, high, index in known:
        if wholes and wholes[-1].full == full and low <= wholes[-1].high:
            groups[-1].append(index)
            wholes[-1] = replace(wholes[-1], high=max(wholes[-1].high, high))
        else:
            groups.append([index])
            wholes.append(Band(low=low, high=high, full=full))
    shared: list[Band | None] = [None] * len(bands)
    for whole, group in zip(wholes, groups, strict=True):
        for index in group:
            shared[index] = None if whole.fills_its_type or whole.low == whole.high else whole
    return shared


def to_8_bits(values: NDArray[np.generic], band: Band | None = None) -> UInt8:
    """8-bit grey (H, W): the band from black to white, or all of the type's range: 16 bits, or floats in [0, 1] or [0, 255]."""
    grey = np.nan_to_num(values.astype(np.float32), nan=0.0)
    if band is not None:
        grey = (grey - np.float32(band.low)) * np.float32(255.0 / (band.high - band.low))
    elif np.issubdtype(values.dtype, np.integer):
        grey /= 257.0
    elif grey.max(initial=0.0) <= 1.0:
        grey *= 255.0
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)

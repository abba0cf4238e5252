"""Metres for an any-view depth from a single-view network that knows them, and what to do about sky."""

import numpy as np
from torch import Tensor

from amb3r_core.compute.arrays import float32_array

REFERENCE_FOCAL_PX = 300.0
"""METRIC-LARGE gives the depth of a camera with this focal length; any other camera's is in proportion."""
SKY_ABOVE = 0.3
"""A sky value from here on is sky."""
SMALLEST_DEPTH = 1e-3
SMALLEST_METRIC_DEPTH_M = 1e-2


def metric_depth(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Depth (..., H, W) in metres of METRIC-LARGE's output for cameras (..., 3, 3) in the pixels it saw."""
    focal = (intrinsics[..., 0, 0] + intrinsics[..., 1, 1]) / 2
    return depth * (focal / REFERENCE_FOCAL_PX)[..., None, None]


def metres_per_unit(depth: Tensor, confidence: Tensor, depth_m: Tensor, usable: Tensor) -> float | None:
    """The factor that brings depth (..., H, W) nearest to depth_m in least squares; None where there is nothing to compare.

    Over usable pixels (bool: known and no sky) whose confidence is at least the median, as the published pair does it.
    """
    if not bool(usable.any()):
        return None
    chosen = usable & (confidence >= median(confidence[usable])) & (depth > SMALLEST_DEPTH) & (depth_m > SMALLEST_METRIC_DEPTH_M)
    ours, metric = depth[chosen].double(), depth_m[chosen].double()
    squares = float(ours @ ours)
    return float(ours @ metric) / squares if squares > 0 else None


def is_sky(sky: Tensor) -> Tensor:
    """Where a sky map says sky."""
    return sky >= SKY_ABOVE


def median(values: Tensor) -> float:
    """The middle of the values, or of the middle two."""
    return float(np.median(float32_array(values)))  # torch's quantile refuses more than 16 million

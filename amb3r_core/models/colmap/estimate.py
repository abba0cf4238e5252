"""How long the model `colmap` will take, and how much memory, before it begins."""

import os
from collections.abc import Sequence

from amb3r_core.models.registry import Estimate

PIXELS_OF_A_UNIT = 640 * 480
FEATURES_S = 0.5
"""Processor seconds for the features of 640 x 480 pixels; photos count up to the working size."""
FEATURES_UNITS = 4.0
"""Features are looked for on photos shrunk to about so many units."""
PAIR_S = 0.1
MAPPING_S = 1.8
"""Per photo, over all attempts at a model."""
DENSE_S = 1.4
"""Per photo and unit of the depth map."""
NEIGHBOURS_IN_ORDER = 10.0
"""Pairs per photo in ordered sets; unordered ones are matched each with each up to `ALL_PAIRS`."""
ALL_PAIRS = 60
ALL_FRAMES = 20
"""Ordered ones are matched each with each up to here."""
BASE_BYTES = 0.9e9
BYTES_PER_VIEW_UNIT = 20e6


def estimate_colmap(sizes: Sequence[tuple[int, int]], long_side_px: int, is_ordered: bool) -> Estimate:
    """Seconds and bytes for photos of these (width, height), from figures measured on two cores with 3 to 125 photos."""
    n_photos = len(sizes)
    each_with_each = n_photos * (n_photos - 1) / 2.0
    n_pairs = min(each_with_each, NEIGHBOURS_IN_ORDER * n_photos) if is_ordered and n_photos > ALL_FRAMES else each_with_each
    n_pairs = min(n_pairs, ALL_PAIRS / 2.0 * n_photos)
    seconds = PAIR_S * n_pairs + MAPPING_S * n_photos
    memory = BASE_BYTES
    for width, height in sizes:
        units = width * height / PIXELS_OF_A_UNIT
        depth_units = units * min(long_side_px / max(width, height), 1.0) ** 2
        seconds += FEATURES_S * min(units, FEATURES_UNITS) + DENSE_S * depth_units
        memory += BYTES_PER_VIEW_UNIT * depth_units
    return Estimate(seconds=seconds / max(os.cpu_count() or 1, 1), memory_bytes=memory)

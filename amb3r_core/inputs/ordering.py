"""Whether a set of photos is a walk: names that count up and neighbours that look alike."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from PIL import Image

from amb3r_core.inputs.images import Frame
from amb3r_core.scene.arrays import Float64

MIN_SEQUENCE = 12
"""Fewer photos are never taken for a walk: seeing all pairs costs little."""
THUMBNAIL_SIDE_PX = 32
MIN_NEIGHBOUR_SIMILARITY = 0.6
MIN_SIMILARITY_GAIN = 0.15
"""How similar neighbours must be (correlation of thumbnails), and by how much more than photos half a set apart."""


def looks_like_walk(frames: Sequence[Frame]) -> bool:
    """True when names count up from one prefix, sizes agree, and neighbours look clearly more alike than distant photos."""
    if len(frames) < MIN_SEQUENCE or not _names_count_up([frame.name for frame in frames]):
        return False
    if len({(frame.width, frame.height) for frame in frames}) != 1:
        return False
    thumbnails = np.array([_thumbnail(frame) for frame in frames])
    near = float((thumbnails[:-1] * thumbnails[1:]).sum(axis=1).mean())
    half = len(frames) // 2
    far = float((thumbnails[:-half] * thumbnails[half:]).sum(axis=1).mean())
    return near > MIN_NEIGHBOUR_SIMILARITY and near - far > MIN_SIMILARITY_GAIN


def _names_count_up(names: Sequence[str]) -> bool:
    parts = [re.fullmatch(r"(.*?)(\d+)\D*", name) for name in names]
    if not all(parts):
        return False
    prefixes = {part.group(1) for part in parts if part}
    numbers = [int(part.group(2)) for part in parts if part]
    return len(prefixes) == 1 and all(a < b for a, b in pairwise(numbers))


def _thumbnail(frame: Frame) -> Float64:
    """A small grey image (side * side,) with zero mean and unit length."""
    grey = Image.fromarray(frame.decode()).convert("L").resize((THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX), Image.Resampling.BOX)
    values = np.asarray(grey, dtype=np.float64).ravel()
    values = values - values.mean()
    return values / max(float(np.linalg.norm(values)), 1e-9)

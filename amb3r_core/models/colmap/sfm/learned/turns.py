"""Pixels of a photo that is turned by quarters, counter-clockwise, as `numpy.rot90` turns it."""

import numpy as np
from numpy.typing import NDArray


def turned(pixels: NDArray[np.float32], size: tuple[int, int], quarter_turns: int) -> NDArray[np.float32]:
    """Where pixels (K, 2) of a photo of this (width, height) come to lie; the centre of the first pixel is 0."""
    x, y, (width, height) = pixels[:, 0], pixels[:, 1], size
    match quarter_turns % 4:
        case 1:
            return np.column_stack([y, width - 1 - x])
        case 2:
            return np.column_stack([width - 1 - x, height - 1 - y])
        case 3:
            return np.column_stack([height - 1 - y, x])
        case _:
            return pixels


def turned_size(size: tuple[int, int], quarter_turns: int) -> tuple[int, int]:
    """Width and height of the turned photo."""
    return size if quarter_turns % 2 == 0 else (size[1], size[0])

"""A large picture in overlapping tiles, so that a network's memory is bounded; what it finds is as on the whole."""

from dataclasses import dataclass
from itertools import pairwise

GRID_PX = 32
"""Both networks halve the photo five times, so that its sides are padded to multiples of this, and tiles begin at them."""

TILE_PX = 1024
MARGIN_PX = 128
"""Tiles overlap by at least twice so much: a keypoint is taken from the tile in whose middle it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One tile along one axis, in pixels of the padded picture."""

    start: int
    end: int
    core_start: float
    """Keypoints from here on..."""
    core_end: float
    """...up to here are this tile's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A part of a picture, and the places for which it answers."""

    x: Span
    y: Span


def tiles_of(width: int, height: int) -> list[Tile]:
    """Tiles of one size, which cover a picture whose sides are multiples of `GRID_PX`; a single one where it is small."""
    return [Tile(x=x, y=y) for y in spans_of(height) for x in spans_of(width)]


def spans_of(length: int) -> list[Span]:
    """Overlapping parts of one side, each of them `TILE_PX` long or the whole."""
    size = min(TILE_PX, length)
    n_more = -(-(length - size) // (TILE_PX - 2 * MARGIN_PX))
    starts = [round(number * (length - size) / n_more / GRID_PX) * GRID_PX for number in range(n_more)] if n_more else []
    starts.append(length - size)
    borders = [(right + left + size) / 2.0 for left, right in pairwise(starts)]
    cores = [-1.0, *borders, length + 1.0]
    return [
        Span(start=start, end=start + size, core_start=cores[number], core_end=cores[number + 1])
        for number, start in enumerate(starts)
    ]


def padded(length: int) -> int:
    """The next multiple of `GRID_PX`."""
    return -(-length // GRID_PX) * GRID_PX

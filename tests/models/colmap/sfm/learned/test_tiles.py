"""Tiles cover a picture, and every place is answered for by exactly one."""

import numpy as np
import pytest

from amb3r_core.models.colmap.sfm.learned.tiles import GRID_PX, MARGIN_PX, TILE_PX, padded, spans_of, tiles_of


@pytest.mark.parametrize("length", [32, 640, TILE_PX, TILE_PX + 32, 1600, 4096])
def test_every_place_lies_well_inside_its_tile(length: int) -> None:
    spans = spans_of(length)
    assert {span.end - span.start for span in spans} == {min(TILE_PX, length)}
    assert all(span.start % GRID_PX == 0 for span in spans)
    for place in np.linspace(0.0, length - 1.0, 501):
        (own,) = [span for span in spans if span.core_start <= place < span.core_end]
        assert own.start == 0 or place >= own.start + MARGIN_PX - GRID_PX
        assert own.end == length or place <= own.end - MARGIN_PX + GRID_PX


def test_a_small_picture_is_one_tile() -> None:
    (tile,) = tiles_of(640, 480)
    assert (tile.x.start, tile.x.end, tile.y.start, tile.y.end) == (0, 640, 0, 480)
    assert len(tiles_of(1600, 1216)) == 4


def test_sides_are_padded_to_whole_cells() -> None:
    assert [padded(length) for length in (1, 32, 33, 481)] == [32, 32, 64, 512]

"""Pixels turn as the picture does."""

import numpy as np
import pytest

from amb3r_core.models.colmap.sfm.learned.turns import turned, turned_size


@pytest.mark.parametrize("quarter_turns", range(4))
def test_a_pixel_is_found_again_in_the_turned_picture(quarter_turns: int) -> None:
    picture = np.arange(5 * 7).reshape(5, 7)
    turned_picture = np.rot90(picture, quarter_turns)
    rows, columns = np.indices(picture.shape).reshape(2, -1)
    pixels = turned(np.column_stack([columns, rows]).astype(np.float32), (7, 5), quarter_turns).astype(int)
    assert turned_size((7, 5), quarter_turns) == turned_picture.shape[::-1]
    np.testing.assert_array_equal(turned_picture[pixels[:, 1], pixels[:, 0]], picture[rows, columns])

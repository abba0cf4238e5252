"""Array types as hints."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32, Float64, UInt8, number_type


@pytest.mark.parametrize(
    ("hint", "wanted"),
    [
        (Float64, np.float64),
        (Float32, np.float32),
        (UInt8, np.uint8),
        (NDArray[np.bool_], np.bool_),
        (np.ndarray[Any, np.dtype[np.int32]], np.int32),
        (float, None),
        (list[int], None),
        (Float64 | None, None),
    ],
)
def test_the_numbers_of_an_arrays_hint_are_known(hint: object, wanted: object) -> None:
    """With every numpy: since 2.5 `NDArray` is an alias that nothing looks through by itself."""
    assert number_type(hint) is wanted

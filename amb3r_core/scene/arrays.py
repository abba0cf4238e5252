"""The array types the scene is made of, and how to read them as type hints."""

from typing import Any, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
Floats = Float32 | Float64


def number_type(hint: object) -> Any:
    """The type of the numbers in an array's type hint (`np.float64` for `Float64`); None for the hint of anything else.

    Since numpy 2.5 `NDArray` is a type alias of its own, which is not looked through by itself.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is np.ndarray:
        return get_args(arguments[1])[0]
    return arguments[0] if origin is not None and origin is NDArray else None

"""Masks as true and false."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amb3r_core.errors import InputError
from amb3r_core.inputs.image_files import opened
from amb3r_core.inputs.pixels import upright


def load_mask(path: Path, width: int, height: int) -> NDArray[np.bool_]:
    """True = use (H, W) from a mask image where 0 = ignore; a mask of another size with the same shape is scaled."""
    try:
        with opened(path) as found:
            grey = upright(found).convert("L")
    except InputError as error:
        raise InputError(f"mask {error} cannot be read") from error
    if abs(grey.width * height - grey.height * width) > max(width, height) * 2:
        raise InputError(f"mask {path} is {grey.width}x{grey.height} but its photo is {width}x{height}: the shapes differ")
    if grey.size != (width, height):
        grey = grey.resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(grey) > 0

"""Photos for the networks: of the bundled sample, turned, warped and masked."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amb3r_core.inputs.images import Frame
from tests.paths import SAMPLE

UInt8 = NDArray[np.uint8]
SIZE = (480, 360)

HOMOGRAPHY = np.array([[0.92, 0.10, 18.0], [-0.12, 0.95, 30.0], [1.5e-4, -1.0e-4, 1.0]])
"""From the photo's pixels to those of the warped one."""


@cache
def picture(index: int = 0, size: tuple[int, int] = SIZE) -> UInt8:
    files = sorted((SAMPLE / "images").iterdir())
    return np.array(Image.open(files[index]).convert("RGB").resize(size, Image.Resampling.LANCZOS))


def warped(image: UInt8) -> UInt8:
    """The photo as `HOMOGRAPHY` moves it; pixel centres are whole numbers."""
    to_source = np.linalg.inv(HOMOGRAPHY)
    shift = np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5], [0.0, 0.0, 1.0]])  # PIL's pixel centres are at halves
    matrix = np.linalg.inv(shift) @ to_source @ shift
    size = (image.shape[1], image.shape[0])
    coefficients = (matrix / matrix[2, 2]).ravel()[:8].tolist()
    return np.array(Image.fromarray(image).transform(size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC))


def photo(image: UInt8, name: str, mask: NDArray[np.bool_] | None = None) -> Frame:
    height, width = image.shape[:2]
    decode_mask = None if mask is None else lambda: mask
    return Frame(name=name, decode=lambda: image, decode_mask=decode_mask, width=width, height=height)

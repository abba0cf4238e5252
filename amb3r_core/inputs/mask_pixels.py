"""Masks as true and false: whatever people draw them with."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amb3r_core.errors import InputError
from amb3r_core.inputs.deep_grey import is_deep
from amb3r_core.inputs.image_files import SUSPECT_PIXELS, opened
from amb3r_core.inputs.pixels import has_transparency, upright

SAME_SHAPE = 0.01
"""Relative difference of aspect ratios up to which a mask of another size is scaled; one pixel of the mask always is."""
MAX_RATIO = 4
"""A mask may have so many times its photo's pixels, or `SUSPECT_PIXELS`."""
LOSSY_FORMATS = frozenset({"JPEG", "MPO", "WEBP", "AVIF", "HEIF", "JPEG2000"})
"""Formats whose edges ring: a value next to 0 may have been 0."""
MAX_LABELS = 32
"""A lossless mask of no more values, all in the darker half, numbers what it shows: all but 0 is to be used."""

Bools = NDArray[np.bool_]


def load_mask(path: Path, width: int, height: int) -> Bools:
    """True = use (H, W) from a mask image: white, opaque or labelled is used, black, transparent or 0 is not.

    Values from half of the range on are white; 0 and 1, or a few dark values in a lossless file, are labels. Where the alpha
    varies, it is the mask; if the opaque part is black and white itself, its black is left out too. A mask of another size with
    the same shape is scaled. Raises `InputError`.
    """
    try:
        with opened(path, max_pixels=max(SUSPECT_PIXELS, MAX_RATIO * width * height)) as found:
            mask = _used(upright(found), found.image.format in LOSSY_FORMATS)
    except InputError as error:
        raise InputError(f"mask {error} cannot be read") from error
    mask_height, mask_width = mask.shape
    if (mask_width, mask_height) == (width, height):
        return mask
    off = abs(mask_width * height - mask_height * width)
    if off > max(SAME_SHAPE * mask_width * height, width, height):
        told = f"{mask_width}x{mask_height} but its photo is {width}x{height}"
        raise InputError(f"mask {path} is {told}: the shapes differ")
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))


def _used(image: Image.Image, is_lossy: bool) -> Bools:
    if not has_transparency(image):
        return _bright(_grey(image), is_lossy)
    rgba = np.asarray(image.convert("RGBA"))
    opaque = _bright(rgba[..., 3], is_lossy)
    if opaque.all() or not rgba[..., 3].any():
        return _bright(np.asarray(Image.fromarray(rgba[..., :3]).convert("L")), is_lossy)
    seen = rgba[opaque][:, :3]
    is_black_and_white = bool((seen.max(axis=1) == seen.min(axis=1)).all()) and set(np.unique(seen)) == {0, 255}
    return opaque & (rgba[..., 0] == 255) if is_black_and_white else opaque


def _grey(image: Image.Image) -> NDArray[np.generic]:
    return np.asarray(image) if is_deep(image.mode) else np.asarray(image.convert("L"))


def _bright(grey: NDArray[np.generic], is_lossy: bool) -> Bools:
    """True in the brighter half of the type's range, or where a few dark values are labels, but 0."""
    values = grey.astype(np.float64)
    highest = float(values.max(initial=0.0))
    if np.issubdtype(grey.dtype, np.floating):
        half = 0.5 if highest <= 1.0 else 128.0
    else:
        half = 128.0 if grey.dtype == np.uint8 else 32768.0
    if highest < half and not is_lossy and len(np.unique(values)) <= MAX_LABELS:
        return values > 0
    return values >= half

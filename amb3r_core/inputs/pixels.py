"""The pixels of image files: probed, decoded upright to 8-bit RGB, and masks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from amb3r_core.errors import InputError
from amb3r_core.inputs.exif import PhotoFacts, read_facts
from amb3r_core.optional import require
from amb3r_core.scene.arrays import UInt8

HEIC_SUFFIXES = frozenset({".heic", ".heif"})
EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFile:
    """What a photo file holds, seen once before any work."""

    width: int
    """Of the upright image, in pixels."""
    height: int
    is_upright: bool
    """The stored pixels need no turning."""
    has_alpha: bool
    facts: PhotoFacts


def probe(path: Path) -> PhotoFile | str:
    """What a file holds, or one phrase that says why it cannot be read."""
    try:
        if path.suffix.lower() in HEIC_SUFFIXES:
            enable_heic()
        with Image.open(path) as image:
            facts, orientation = read_facts(image), image.getexif().get(EXIF_ORIENTATION, 1)
            width, height = image.size
            has_alpha = "A" in image.getbands() or "transparency" in image.info
            n_frames, image_format = getattr(image, "n_frames", 1), image.format
            image.draft("RGB", (max(width // 8, 1), max(height // 8, 1)))
            image.load()
    except UnidentifiedImageError:
        return f"{path} (not an image)"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"{path} ({str(error) or 'damaged'})"
    if n_frames > 1 and image_format not in ("MPO", "TIFF", "HEIF"):
        return f"{path} (an animation of {n_frames} frames; extract the frames first)"
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return PhotoFile(width=width, height=height, is_upright=orientation == 1, has_alpha=has_alpha, facts=facts)


def enable_heic() -> None:
    require("pillow_heif", extra="heic", purpose="to read HEIC photos").register_heif_opener()


def load_rgb(path: Path) -> UInt8:
    """Upright RGB (H, W, 3) uint8 of an image file of any bit depth; transparency is laid on black."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
        return np.asarray(_to_rgb(upright)).copy()


def load_alpha(path: Path) -> NDArray[np.bool_]:
    """True where an image file (H, W) is not fully transparent, upright."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
        return np.asarray(upright.convert("RGBA"))[..., 3] > 0


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _grey_to_rgb(np.asarray(image))
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, rgba).convert("RGB")
    return image.convert("RGB")


def _grey_to_rgb(values: NDArray[np.generic]) -> Image.Image:
    """8-bit RGB of a deep grey image: 16-bit integers keep their full range, floats are taken as [0, 1] or [0, 255]."""
    grey = values.astype(np.float32)
    if np.issubdtype(values.dtype, np.integer):
        grey /= 257.0
    elif grey.max(initial=0.0) <= 1.0:
        grey *= 255.0
    grey8 = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return Image.fromarray(grey8).convert("RGB")


def load_mask(path: Path, width: int, height: int) -> NDArray[np.bool_]:
    """True = use (H, W) from a mask image where 0 = ignore; a mask of another size with the same shape is scaled."""
    try:
        with Image.open(path) as image:
            grey = ImageOps.exif_transpose(image).convert("L")
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"mask {path} cannot be read: {error}") from error
    if abs(grey.width * height - grey.height * width) > max(width, height) * 2:
        raise InputError(f"mask {path} is {grey.width}x{grey.height} but its photo is {width}x{height}: the shapes differ")
    if grey.size != (width, height):
        grey = grey.resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(grey) > 0

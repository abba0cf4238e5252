"""The pixels of photo files: probed, and decoded upright to 8-bit RGB."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amb3r_core.errors import InputError
from amb3r_core.inputs.deep_grey import Band, band_of, is_deep, to_8_bits
from amb3r_core.inputs.exif import PhotoFacts
from amb3r_core.inputs.image_files import RAW_SUFFIXES, OpenImage, opened
from amb3r_core.inputs.names import shown
from amb3r_core.scene.arrays import UInt8

UPRIGHT_FORMATS = {"JPEG": (".jpg", ".jpeg"), "MPO": (".jpg", ".jpeg"), "PNG": (".png",)}
"""Files that every host reads, by what is in them; others are re-encoded when a scene keeps its images."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation: what makes the stored pixels upright."""
MANY_PICTURES = frozenset({"MPO", "TIFF", "HEIF", "AVIF"})
"""Formats that hold other pictures besides the photo, which comes first; more frames of another format are an animation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFile:
    """What a photo file holds, seen once before any work."""

    width: int
    """Of the upright image, in pixels."""
    height: int
    is_upright_file: bool
    """Hosts can use the file as it is."""
    has_alpha: bool
    facts: PhotoFacts
    band: Band | None = None
    """Of the values of a grey photo of more than 8 bits."""


def probe(path: Path) -> PhotoFile | str:
    """What a file holds, or one phrase that says why it cannot be read. Raises `DependencyError`."""
    try:
        if path.suffix.lower() in RAW_SUFFIXES:
            return _probe_raw(path)
        with opened(path, reduced=True) as found:
            return _looked_at(path, found)
    except InputError as error:
        return str(error)


def _looked_at(path: Path, found: OpenImage) -> PhotoFile | str:
    image = found.image
    if found.n_frames > 1 and image.format not in MANY_PICTURES:
        return f"{shown(path)} (an animation of {found.n_frames} frames; extract the frames first)"
    has_alpha = has_transparency(image)
    is_upright = found.orientation == 1 and path.suffix.lower() in UPRIGHT_FORMATS.get(image.format or "", ())
    width, height = (found.height, found.width) if found.orientation >= 5 else (found.width, found.height)
    return PhotoFile(
        width=width,
        height=height,
        is_upright_file=is_upright and not has_alpha,
        has_alpha=has_alpha,
        facts=found.facts,
        band=band_of(np.asarray(image)) if is_deep(image.mode) else None,
    )


def _probe_raw(path: Path) -> PhotoFile:
    from amb3r_core.inputs.raw import probe_raw

    width, height, facts = probe_raw(path)
    return PhotoFile(width=width, height=height, is_upright_file=False, has_alpha=False, facts=facts)


def has_transparency(image: Image.Image) -> bool:
    """Whether an image has an alpha channel or a colour that stands for transparent."""
    return image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info


def load_rgb(path: Path, band: Band | None = None) -> UInt8:
    """Upright RGB (H, W, 3) uint8 of an image file of any bit depth; transparency is laid on black.

    band: the values of a deep grey photo that become black to white, where not all of its type's range does.
    """
    if path.suffix.lower() in RAW_SUFFIXES:
        from amb3r_core.inputs.raw import load_raw

        return load_raw(path)
    with opened(path) as found:
        return np.asarray(_to_rgb(upright(found), band)).copy()


def load_alpha(path: Path) -> NDArray[np.bool_]:
    """True where an image file (H, W) is not fully transparent, upright."""
    with opened(path) as found:
        return np.asarray(upright(found).convert("RGBA"))[..., 3] > 0


def upright(found: OpenImage) -> Image.Image:
    """The image turned as its EXIF says."""
    turn = TURNS.get(found.orientation)
    return found.image if turn is None else found.image.transpose(turn)


def _to_rgb(image: Image.Image, band: Band | None) -> Image.Image:
    if is_deep(image.mode):
        return Image.fromarray(to_8_bits(np.asarray(image), band)).convert("RGB")
    if has_transparency(image):
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, rgba).convert("RGB")
    return image.convert("RGB")

"""Camera RAW files, developed by LibRaw through rawpy: the camera's white balance, sRGB, 8 bits, upright."""

from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from amb3r_core.errors import InputError
from amb3r_core.inputs.exif import PhotoFacts, facts_of
from amb3r_core.inputs.image_files import READ_ERRORS, check_pixels, file_size
from amb3r_core.inputs.names import shown
from amb3r_core.inputs.pillow_warnings import heard_warnings
from amb3r_core.optional import require
from amb3r_core.scene.arrays import UInt8

QUARTER_TURNS = frozenset({5, 6})
"""LibRaw's flips that swap width and height: a quarter turn to the left, to the right."""


def probe_raw(path: Path) -> tuple[int, int, PhotoFacts]:
    """Upright width and height of a RAW file, and its facts; developed once in half its size to see that it can be.

    Raises `InputError` "PATH (reason)", `DependencyError`.
    """
    n_bytes = file_size(path)
    with _opened_raw(path) as raw:
        sizes = raw.sizes
        check_pixels(path, sizes.width, sizes.height, n_bytes)
        raw.postprocess(half_size=True)
        width, height = (sizes.height, sizes.width) if sizes.flip in QUARTER_TURNS else (sizes.width, sizes.height)
        return width, height, _facts(path, raw, width, height)


def load_raw(path: Path) -> UInt8:
    """Upright RGB (H, W, 3) uint8 of a RAW file, as bright as it was exposed: no photo is brightened by itself."""
    with _opened_raw(path) as raw:
        return np.asarray(raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=8), dtype=np.uint8)


@contextmanager
def _opened_raw(path: Path) -> Generator[Any]:
    rawpy: Any = require("rawpy", extra="raw", purpose="to read camera RAW photos")
    try:
        with rawpy.imread(str(path)) as raw:
            yield raw
    except (rawpy.LibRawError, OSError) as error:
        reason = error.args[0] if error.args else "damaged"
        raise InputError(f"{shown(path)} ({reason.decode() if isinstance(reason, bytes) else reason})") from error


def _facts(path: Path, raw: Any, width: int, height: int) -> PhotoFacts:
    """From the file itself where it is a TIFF, as most RAW files are, else from the JPEG in it."""
    with heard_warnings():
        for read in (lambda: _exif_of_tiff(path), lambda: _exif_of_preview(raw)):
            try:
                exif = read()
            except READ_ERRORS:
                continue
            if exif:
                return facts_of(exif, width, height)
    return PhotoFacts()


def _exif_of_tiff(path: Path) -> Image.Exif:
    exif = Image.Exif()
    with path.open("rb") as stream:
        exif.load_from_fp(stream)  # pyright: ignore[reportUnknownMemberType] - Pillow leaves the stream's type open
        exif.get_ifd(0x8769)
        exif.get_ifd(0x8825)
    return exif


def _exif_of_preview(raw: Any) -> Image.Exif | None:
    rawpy: Any = require("rawpy", extra="raw")
    preview = raw.extract_thumb()
    if preview.format != rawpy.ThumbFormat.JPEG:
        return None
    with Image.open(BytesIO(preview.data), formats=["JPEG"]) as image:
        return image.getexif()

"""Image files opened with distrust: only regular files, only formats we mean, only so many pixels, all errors one phrase."""

import os
import stat
import struct
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from amb3r_core.errors import InputError
from amb3r_core.inputs.exif import PhotoFacts, read_facts
from amb3r_core.inputs.names import shown
from amb3r_core.inputs.pillow_warnings import heard_warnings
from amb3r_core.optional import require

HEIC_SUFFIXES = frozenset({".heic", ".heif"})
RAW_SUFFIXES = frozenset({".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"})
PLAIN_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".pgm", ".avif", ".mpo", ".jp2"})
IMAGE_SUFFIXES = PLAIN_SUFFIXES | HEIC_SUFFIXES | RAW_SUFFIXES
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "DIB", "PPM", "GIF", "JPEG2000", "AVIF", "HEIF")
"""Pillow's readers that are asked; a PostScript file must never reach Ghostscript, whatever its name."""
HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
EXIF_ORIENTATION = 0x0112
REDUCED = 8
"""JPEGs are looked at in an eighth of their size: enough to see that all their data is there."""
MAX_PIXELS = 178_956_970
"""Twice Pillow's own limit, where it refuses a header (Image.MAX_IMAGE_PIXELS): half a gigabyte of RGB."""
SUSPECT_PIXELS = 50_000_000
LEAST_BYTES_PER_PIXEL = 4e-3
"""A picture of more than `SUSPECT_PIXELS` in fewer bytes is no photo: a flat PNG has up to 3.9e-3, a flat JPEG from 5.9e-3."""
READ_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow raises, at one place or another, on files that are damaged or made to do damage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenImage:
    """A decoded image and what its header says."""

    image: Image.Image
    """As stored, not turned; reduced if that was asked for."""
    width: int
    """As stored, in full size."""
    height: int
    n_frames: int
    orientation: int
    """EXIF: 1 is upright, 5 to 8 swap width and height."""
    facts: PhotoFacts


@contextmanager
def opened(path: Path, *, reduced: bool = False, max_pixels: int | None = None) -> Generator[OpenImage]:
    """The image of a file, decoded; `InputError` "PATH (reason)" when that cannot or should not be done.

    With `reduced` a format that can is decoded in an eighth of its size. max_pixels: of what need not be a photo, as a mask, and
    may be flat; None: the file must hold as many bytes as a photo of its size does.
    """
    found = _load(path, reduced, max_pixels)
    try:
        yield found
    finally:
        found.image.close()


def file_size(path: Path) -> int:
    """The bytes of a regular file; `InputError` for folders, pipes, sockets, devices and what is empty or cannot be reached.

    Opening a pipe waits for a writer for ever, and a device has no end.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError(f"{shown(path)} ({error.strerror or error})") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, socket or device"
        raise InputError(f"{shown(path)} ({kind}, not a file)")
    if status.st_size == 0:
        raise InputError(f"{shown(path)} (an empty file)")
    return status.st_size


def check_pixels(path: Path, width: int, height: int, n_bytes: int | None, max_pixels: int = MAX_PIXELS) -> None:
    """`InputError` for more pixels than are decoded, or than so few bytes can hold of a photo (None: it need not be one)."""
    n_pixels = width * height
    if n_pixels > max_pixels:
        raise InputError(f"{shown(path)} ({width}x{height} pixels; {_limit(max_pixels)})")
    if n_bytes is not None and n_pixels > SUSPECT_PIXELS and n_bytes < LEAST_BYTES_PER_PIXEL * n_pixels:
        raise InputError(f"{shown(path)} ({width}x{height} pixels in {n_bytes} bytes: a decompression bomb, not a photo)")


def _load(path: Path, reduced: bool, max_pixels: int | None) -> OpenImage:
    n_bytes = file_size(path)
    try:
        with heard_warnings() as warnings, path.open("rb") as stream:
            if path.suffix.lower() in HEIC_SUFFIXES or _is_heic(stream.read(12)):
                require("pillow_heif", extra="heic", purpose="to read HEIC photos").register_heif_opener()
            stream.seek(0)
            image = Image.open(stream, formats=_formats())
            width, height = image.size
            check_pixels(path, width, height, n_bytes if max_pixels is None else None, max_pixels or MAX_PIXELS)
            facts, orientation = read_facts(image), image.getexif().get(EXIF_ORIENTATION, 1)
            n_frames = int(getattr(image, "n_frames", 1))
            if reduced:
                image.draft("RGB", (max(width // REDUCED, 1), max(height // REDUCED, 1)))
            image.load()
    except UnidentifiedImageError as error:
        raise InputError(f"{shown(path)} (not an image)") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{shown(path)} ({_limit(MAX_PIXELS)})") from error
    except READ_ERRORS as error:
        raise InputError(f"{shown(path)} ({' '.join(str(error).split()) or 'damaged'})") from error
    return OpenImage(
        image=image,
        width=width,
        height=height,
        n_frames=n_frames,
        orientation=orientation if orientation in range(1, 9) else 1,
        facts=replace(facts, warnings=tuple(warnings)),
    )


def _limit(max_pixels: int) -> str:
    return f"{max_pixels / 1e6:.0f} megapixels are the limit; make it smaller"


def _is_heic(header: bytes) -> bool:
    return header[4:8] == b"ftyp" and header[8:12] in HEIC_BRANDS


def _formats() -> list[str]:
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]

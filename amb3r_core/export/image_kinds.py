"""Whether a file is an image, by its first bytes: the kinds that photos are read from, without their decoders."""

import re
from pathlib import Path

HEADER_BYTES = 64
_HEADERS = re.compile(
    rb"""
    \xff\xd8\xff                                    # JPEG, MPO
    | \x89PNG\r\n\x1a\n
    | GIF8[79]a
    | RIFF....WEBP
    | II(\*\x00|\+\x00|R[OS]|U\x00) | MM(\x00\*|\x00\+|OR)  # TIFF, and the raw files built like it
    | FUJIFILMCCD-RAW
    | BM....\x00\x00\x00\x00....[\x0c\x28\x34\x38\x40\x6c\x7c]\x00  # BMP, with a header of a known size
    | P[1-6][\x20\t\r\n]+[\d#]                     # PPM and its kin
    | \x00\x00\x00\x0cjP\x20\x20\r\n\x87\n | \xff\x4f\xff\x51  # JPEG 2000
    | ....ftyp(avif|avis|heic|heix|heim|heis|hevc|hevx|mif1|msf1|crx\x20)
    """,
    re.VERBOSE | re.DOTALL,
)


def is_image_file(path: Path) -> bool:
    """Whether a file begins as an image does."""
    with path.open("rb") as file:
        return _HEADERS.match(file.read(HEADER_BYTES)) is not None

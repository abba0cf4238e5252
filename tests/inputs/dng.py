"""The smallest DNG that LibRaw develops: a Bayer mosaic in one strip, with its camera's colours and a few EXIF tags."""

import struct
from pathlib import Path

import numpy as np

BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL = 1, 2, 3, 4, 5, 10
LAYOUT = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", RATIONAL: "I", SRATIONAL: "i"}
Tag = tuple[int, int, list[int]]


def write_dng(path: Path, mosaic: np.ndarray, *, orientation: int = 1, equivalent_mm: int = 24) -> Path:
    """An RGGB mosaic (H, W) uint16 up to 4095 as a DNG."""
    height, width = mosaic.shape
    xyz = [v for k in range(9) for v in ((10000 if k in (0, 4, 8) else 0), 10000)]
    details: list[Tag] = [(41989, SHORT, [equivalent_mm])]
    tags: list[Tag] = [
        (254, LONG, [0]),
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [16]),
        (259, SHORT, [1]),
        (262, SHORT, [32803]),
        (271, ASCII, list(b"Acme\0")),
        (272, ASCII, list(b"Raw 1\0")),
        (273, LONG, [0]),
        (274, SHORT, [orientation]),
        (277, SHORT, [1]),
        (278, LONG, [height]),
        (279, LONG, [mosaic.nbytes]),
        (33421, SHORT, [2, 2]),
        (33422, BYTE, [0, 1, 1, 2]),
        (34665, LONG, [0]),
        (50706, BYTE, [1, 4, 0, 0]),
        (50708, ASCII, list(b"Acme Raw 1\0")),
        (50714, SHORT, [0]),
        (50717, LONG, [4095]),
        (50721, SRATIONAL, xyz),
        (50728, RATIONAL, [1, 1, 1, 1, 1, 1]),
        (50778, SHORT, [21]),
    ]
    start = 8
    inner_at = start + len(_directory(tags, start))
    data_at = inner_at + len(_directory(details, inner_at))
    tags = [(tag, kind, {273: [data_at], 34665: [inner_at]}.get(tag, values)) for tag, kind, values in tags]
    head = struct.pack("<2sHI", b"II", 42, start)
    path.write_bytes(head + _directory(tags, start) + _directory(details, inner_at) + mosaic.astype("<u2").tobytes())
    return path


def _directory(tags: list[Tag], at: int) -> bytes:
    entries, values_at, values = b"", at + 2 + 12 * len(tags) + 4, b""
    for tag, kind, numbers in tags:
        packed = struct.pack(f"<{len(numbers)}{LAYOUT[kind]}", *numbers)
        count = len(numbers) // 2 if kind in (RATIONAL, SRATIONAL) else len(numbers)
        place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", values_at + len(values))
        values += b"" if len(packed) <= 4 else packed + b"\0" * (len(packed) % 2)
        entries += struct.pack("<HHI", tag, kind, count) + place
    return struct.pack("<H", len(tags)) + entries + b"\0\0\0\0" + values

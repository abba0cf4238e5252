"""Text files as people's programs write them: UTF-8 with or without a mark, UTF-16, or an old Western code page."""

from pathlib import Path

from amb3r_core.errors import FormatError, InputError

BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
MAX_BYTES = 500_000_000
"""A larger file is no list of cameras."""


def read_text(path: Path, *, option: str | None = None) -> str:
    """The text of a file. Raises `InputError` when it cannot be read, `FormatError` when it holds no text."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(
                f"{path}: {path.stat().st_size / 1e6:.0f} MB are more than a text file of cameras holds", option=option
            )
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", option=option) from error
    text = _decoded(data)
    if "\0" in text:
        raise FormatError(f"{path}: is not a text file", option=option)
    return text


def _decoded(data: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")

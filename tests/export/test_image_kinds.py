"""Images are told from other files by their first bytes."""

from pathlib import Path

import pytest

from amb3r_core.export.image_kinds import is_image_file

Image = pytest.importorskip("PIL.Image")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF", "MPO"])
def test_every_kind_that_photos_are_read_from_is_known(tmp_path: Path, kind: str):
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {kind}")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a", format=kind)
    assert is_image_file(tmp_path / "a")


@pytest.mark.parametrize(
    "content",
    [b"", b"root:x:0:0:root", b"%!PS-Adobe-3.0", b"BM", b"BMW drivers of the year", b"P5", b"Privately", b"II", b"<svg/>"],
)
def test_other_files_are_none(tmp_path: Path, content: bytes):
    (tmp_path / "a").write_bytes(content)
    assert not is_image_file(tmp_path / "a")

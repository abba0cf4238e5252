"""Files that are no photos, or made to do damage: refused before they are read, with one phrase."""

import os
import socket
import struct
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image

from amb3r_core.errors import InputError
from amb3r_core.inputs.image_files import opened


def flat_png(path: Path, width: int, height: int) -> Path:
    """A PNG of one grey, a few kilobytes however large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", packed) + chunk(b"IEND", b""))
    return path


def refusal(path: Path) -> str:
    start = time.perf_counter()
    with pytest.raises(InputError) as caught, opened(path):
        pass
    assert time.perf_counter() - start < 0.5
    return str(caught.value)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert refusal(tmp_path / "a.jpg") == f"{tmp_path}/a.jpg (a pipe, socket or device, not a file)"


def test_sockets_devices_folders_and_what_is_not_there_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.jpg")
        assert "socket" in refusal(Path("s.jpg"))
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    assert "device" in refusal(tmp_path / "zero.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert "a folder, not a file" in refusal(tmp_path / "folder.jpg")
    (tmp_path / "empty.jpg").touch()
    assert "an empty file" in refusal(tmp_path / "empty.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    assert "No such file" in refusal(tmp_path / "gone.jpg")


@pytest.mark.parametrize("header", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"GRIB" + bytes(9), b"%PDF-1.4\n"])
def test_only_formats_of_photos_are_tried(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(header + bytes(200))
    assert refusal(tmp_path / "a.jpg").endswith("a.jpg (not an image)")


def test_what_need_not_be_a_photo_has_a_limit_of_pixels_alone(tmp_path: Path) -> None:
    path = flat_png(tmp_path / "a.png", 8000, 7000)
    with opened(path, max_pixels=60_000_000) as found:
        assert found.width == 8000
    with pytest.raises(InputError, match="8000x7000 pixels; 55 megapixels are the limit"), opened(path, max_pixels=55_000_000):
        pass


@pytest.mark.parametrize(("width", "height"), [(13000, 13000), (60000, 900)])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path, width: int, height: int) -> None:
    assert f"{width}x{height} pixels" in refusal(flat_png(tmp_path / "a.png", width, height))


def test_more_pixels_than_the_limit_are_refused_with_it(tmp_path: Path) -> None:
    assert "(179 megapixels are the limit; make it smaller)" in refusal(flat_png(tmp_path / "a.png", 20000, 10000))


def test_a_large_flat_photo_below_the_suspicion_is_read(tmp_path: Path) -> None:
    with opened(flat_png(tmp_path / "a.png", 6000, 4000)) as found:
        assert (found.width, found.height) == (6000, 4000)


def test_warnings_come_with_the_facts(tmp_path: Path) -> None:
    block = b"Exif\x00\x00II*\x00" + struct.pack("<IHHHI", 8, 4000, 0x8769, 4, 1)
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=block)
    with opened(tmp_path / "a.jpg") as found:
        assert "Corrupt EXIF data" in found.facts.warnings[0]


def test_a_reduced_look_keeps_the_full_size(tmp_path: Path) -> None:
    Image.new("RGB", (400, 300)).save(tmp_path / "a.jpg")
    with opened(tmp_path / "a.jpg", reduced=True) as found:
        assert (found.width, found.height) == (400, 300)
        assert found.image.size == (50, 38)

"""Camera RAW photos: developed upright, judged, and named when they cannot be read."""

import sys
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import DependencyError, InputError
from amb3r_core.inputs.focal_prior import FULL_FRAME_DIAGONAL_MM
from amb3r_core.inputs.images import open_photos
from tests.inputs.dng import write_dng

rawpy = pytest.importorskip("rawpy", reason="the raw extra is not installed")

MOSAIC = np.full((96, 128), 400, np.uint16)
MOSAIC[:, 64:] = 3000


@pytest.mark.parametrize(
    ("orientation", "size", "bright"), [(1, (128, 96), "right"), (6, (96, 128), "bottom"), (3, (128, 96), "left")]
)
def test_a_raw_photo_is_developed_upright(tmp_path: Path, orientation: int, size: tuple[int, int], bright: str) -> None:
    write_dng(tmp_path / "a.dng", MOSAIC, orientation=orientation)
    frame = open_photos([tmp_path])[0]
    rgb = frame.decode()
    assert (frame.width, frame.height) == size == rgb.shape[1::-1]
    assert not frame.is_upright_file
    halves = {
        "left": rgb[:, : size[0] // 4],
        "right": rgb[:, -size[0] // 4 :],
        "bottom": rgb[-size[1] // 4 :],
        "top": rgb[: size[1] // 4],
    }
    assert max(halves, key=lambda side: halves[side].mean()) == bright


def test_a_raw_photo_tells_its_lens(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", MOSAIC, orientation=6)
    facts = open_photos([tmp_path])[0].facts
    assert facts.focal_px == pytest.approx(24 / FULL_FRAME_DIAGONAL_MM * 160)
    assert facts.camera.startswith("Acme Raw 1")


def test_photos_of_one_exposure_keep_their_difference(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", np.full_like(MOSAIC, 500))
    write_dng(tmp_path / "b.dng", np.full_like(MOSAIC, 2000))
    dark, light = (frame.decode().mean() for frame in open_photos([tmp_path]))
    assert light > 1.5 * dark


def test_a_damaged_raw_file_is_named(tmp_path: Path) -> None:
    whole = write_dng(tmp_path / "a.dng", MOSAIC).read_bytes()
    (tmp_path / "a.dng").write_bytes(whole[:60])
    with pytest.raises(InputError, match=r"1 file\(s\) cannot be read: .*a.dng \("):
        open_photos([tmp_path])


def test_a_developed_photo_beside_its_raw_file_is_used_alone(tmp_path: Path) -> None:
    from PIL import Image

    write_dng(tmp_path / "a.dng", MOSAIC)
    Image.new("RGB", (128, 96)).save(tmp_path / "a.jpg")
    photos = open_photos([tmp_path])
    assert [frame.name for frame in photos] == ["a.jpg"]
    assert photos.notes == ("1 RAW file(s) left out: the same photos are there developed",)


def test_without_the_extra_raw_photos_name_the_command_or_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    monkeypatch.setitem(sys.modules, "rawpy", None)
    write_dng(tmp_path / "a.dng", MOSAIC)
    Image.new("RGB", (128, 96)).save(tmp_path / "b.jpg")
    with pytest.raises(DependencyError, match=r'pip install "amb3r\[raw\]"'):
        open_photos([tmp_path])
    photos = open_photos([tmp_path], bad_files="skip")
    assert [frame.name for frame in photos] == ["b.jpg"]
    assert 'pip install "amb3r[raw]"' in photos.notes[0]

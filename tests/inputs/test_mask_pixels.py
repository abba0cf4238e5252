"""Masks of every kind that people draw: the left half is always the part to leave out."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amb3r_core.errors import InputError
from amb3r_core.inputs.mask_pixels import load_mask
from tests.inputs.test_image_files import flat_png

LEFT_OUT = np.broadcast_to(np.arange(40) >= 20, (30, 40))
WHITE = np.where(LEFT_OUT, 255, 0).astype(np.uint8)
PICTURE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)


def is_understood(path: Path) -> bool:
    return np.array_equal(load_mask(path, 40, 30), LEFT_OUT)


def save(path: Path, image: Image.Image | np.ndarray, **options: object) -> Path:
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp", "tiff", "webp", "jpg"])
def test_black_is_left_out_in_every_format(tmp_path: Path, suffix: str) -> None:
    assert is_understood(save(tmp_path / f"m.{suffix}", WHITE))


def test_the_ringing_of_jpeg_is_not_white(tmp_path: Path) -> None:
    dotted = WHITE.copy()
    dotted[:, 20] = 0  # an edge inside the blocks of 8 pixels
    path = save(tmp_path / "m.jpg", dotted, quality=40)
    assert (np.asarray(Image.open(path))[:, :19] > 0).any(), "this file must ring to be a test"
    assert not load_mask(path, 40, 30)[:, :19].any()


@pytest.mark.parametrize("values", [(0, 1), (0, 7), (0, 100)])
def test_labels_other_than_0_are_used(tmp_path: Path, values: tuple[int, int]) -> None:
    assert is_understood(save(tmp_path / "m.png", np.where(LEFT_OUT, values[1], values[0]).astype(np.uint8)))


def test_a_bilevel_and_a_palette_mask_count_by_their_colours(tmp_path: Path) -> None:
    assert is_understood(save(tmp_path / "one.png", Image.fromarray(LEFT_OUT)))
    palette = Image.new("P", (40, 30))
    palette.frombytes((~LEFT_OUT).astype(np.uint8).tobytes())
    palette.putpalette([255, 255, 255, 0, 0, 0])
    assert is_understood(save(tmp_path / "palette.png", palette))


@pytest.mark.parametrize("white", [65535, 255, 1])
def test_sixteen_bits_count_too(tmp_path: Path, white: int) -> None:
    assert is_understood(save(tmp_path / "m.png", np.where(LEFT_OUT, white, 0).astype(np.uint16)))


def test_float_masks_count_from_a_half(tmp_path: Path) -> None:
    assert is_understood(save(tmp_path / "m.tif", np.where(LEFT_OUT, 0.9, 0.2).astype(np.float32)))


def with_alpha(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.dstack([np.broadcast_to(colours, (30, 40, 3)), alpha]).astype(np.uint8)


@pytest.mark.parametrize(
    "rgba",
    [
        with_alpha(np.full(3, 255), WHITE),
        with_alpha(np.zeros(3), WHITE),
        with_alpha(PICTURE, WHITE),
        with_alpha(WHITE[..., None], np.full((30, 40), 255)),
        with_alpha(WHITE[..., None], np.where(np.arange(30)[:, None] < 5, 255, WHITE)),
        with_alpha(np.where(LEFT_OUT, 255, 0)[..., None], np.zeros((30, 40))),
    ],
    ids=["white on nothing", "black on nothing", "cut-out", "all opaque", "black and white, partly opaque", "all transparent"],
)
def test_alpha_that_varies_is_the_mask(tmp_path: Path, rgba: np.ndarray) -> None:
    assert is_understood(save(tmp_path / "m.png", rgba))


def test_grey_with_alpha_is_a_mask_by_its_alpha(tmp_path: Path) -> None:
    grey = Image.merge("LA", [Image.new("L", (40, 30), 255), Image.fromarray(WHITE)])
    assert is_understood(save(tmp_path / "m.png", grey))


def test_another_size_of_the_same_shape_is_scaled_and_another_shape_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", WHITE)
    assert np.array_equal(load_mask(path, 400, 300), np.kron(LEFT_OUT, np.ones((10, 10), bool)))
    assert load_mask(path, 4000, 2980).shape == (2980, 4000)
    with pytest.raises(InputError, match=r"m.png is 40x30 but its photo is 400x280"):
        load_mask(path, 400, 280)


def test_a_bomb_a_pipe_and_a_text_are_no_masks(tmp_path: Path) -> None:
    flat_png(tmp_path / "bomb.png", 13000, 13000)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "text.png").write_text("no mask")
    for name in ("bomb.png", "pipe.png", "text.png"):
        with pytest.raises(InputError, match=rf"mask .*{name} \(.*\) cannot be read"):
            load_mask(tmp_path / name, 40, 30)


def test_a_mask_turns_with_its_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    stream = io.BytesIO()
    Image.fromarray(WHITE[:, ::-1]).save(stream, "png", exif=exif)
    (tmp_path / "m.png").write_bytes(stream.getvalue())
    assert is_understood(tmp_path / "m.png")

"""Pixels: square, upright, unmirrored and in the colours of a screen."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from amb3r_core.inputs.video import extract_frames, probe_video
from amb3r_core.inputs.video_pixels import (
    BT709_FROM_BT2020,
    PRIMARIES_BT2020,
    TRANSFER_HLG,
    TRANSFER_PQ,
    Orientation,
    upright_rgb,
)
from tests.inputs.films import Film, red_corner

MIRRORED = "the video is stored mirrored: its frames were turned to what a player shows"


def test_an_orientation_and_its_mirror_image_are_told_apart() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    quarter = Orientation(is_transposed=True, flips_y=True)
    assert not quarter.is_mirrored
    assert np.array_equal(quarter.apply(pixels), np.rot90(pixels))
    assert Orientation(flips_x=True).is_mirrored
    assert not Orientation(flips_x=True, flips_y=True).is_mirrored
    assert Orientation(is_transposed=True).is_mirrored


@pytest.mark.parametrize(
    ("degrees", "flips", "corner", "size", "is_mirrored"),
    [
        (0, {}, "top left", (64, 48), False),
        (90, {}, "bottom left", (48, 64), False),
        (180, {}, "bottom right", (64, 48), False),
        (270, {}, "top right", (48, 64), False),
        (0, {"hflip": True}, "top right", (64, 48), True),
        (0, {"vflip": True}, "bottom left", (64, 48), True),
    ],
)
def test_a_turned_or_mirrored_film_comes_out_as_a_player_shows_it(
    degrees: int, flips: dict[str, bool], corner: str, size: tuple[int, int], is_mirrored: bool, tmp_path: Path
) -> None:
    path = Film(setup=lambda stream: stream.set_display_rotation(degrees, **flips)).write(tmp_path / "a.mp4")
    frames = extract_frames(path, tmp_path / "frames", fps=2)
    assert red_corner(frames[0].decode()) == corner
    assert (frames[0].width, frames[0].height) == size == (probe_video(path).width, probe_video(path).height)
    assert frames.notes == ((MIRRORED,) if is_mirrored else ())


@pytest.mark.parametrize(
    ("aspect", "degrees", "size"),
    [(Fraction(16, 11), 0, (93, 48)), (Fraction(8, 9), 0, (64, 54)), (Fraction(2), 90, (48, 128)), (Fraction(1), 0, (64, 48))],
)
def test_pixels_become_square_before_the_picture_is_turned(
    aspect: Fraction, degrees: int, size: tuple[int, int], tmp_path: Path
) -> None:
    def setup(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = aspect
        stream.set_display_rotation(degrees)

    path = Film(setup=setup).write(tmp_path / "a.mp4")
    frames = extract_frames(path, tmp_path / "frames", fps=2)
    assert frames[0].decode().shape[1::-1] == (frames[0].width, frames[0].height) == size
    assert (probe_video(path).width, probe_video(path).height) == size
    assert len(frames.notes) == (aspect != 1)
    assert all("pixels are not square: its 64x48 became" in note for note in frames.notes)


def test_an_absurd_pixel_aspect_is_not_believed(tmp_path: Path) -> None:
    def setup(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(60, 1)

    assert probe_video(Film(setup=setup).write(tmp_path / "a.mp4")).width == 64


@pytest.mark.parametrize(("pix_fmt", "color_range"), [("yuv420p", 1), ("yuv420p", 2), ("yuv422p10le", 1), ("yuv444p10le", 2)])
def test_range_and_depth_do_not_change_the_picture(pix_fmt: str, color_range: int, tmp_path: Path) -> None:
    def made(frame: av.VideoFrame) -> av.VideoFrame:
        turned = frame.reformat(format=pix_fmt, dst_color_range=color_range)
        turned.color_range = color_range
        return turned

    def setup(stream: Any) -> None:
        stream.codec_context.color_range = color_range

    path = Film(pix_fmt=pix_fmt, made=made, setup=setup, draw=lambda number: np.full((48, 64, 3), 20 + 20 * number, np.uint8))
    frames = extract_frames(path.write(tmp_path / "a.mp4"), tmp_path / "frames", fps=10)
    assert [frame.decode().mean() for frame in frames] == pytest.approx([20 + 20 * k for k in range(10)], abs=2.5)
    assert frames.notes == ()


def pq_code(light: np.ndarray) -> np.ndarray:
    """The PQ code of light in units of 203 nits."""
    power = (light * 203 / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def hlg_code(light: np.ndarray) -> np.ndarray:
    """The HLG code of grey light in units of 203 nits on a display of 1000 nits."""
    a = 0.17883277
    scene = (light * 203 / 1000) ** (1 / 1.2)
    return np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), a * np.log(np.maximum(12 * scene - 1 + 4 * a, 1e-9)) + 0.5 - a * np.log(4 * a)
    )


def deep_frame(code: np.ndarray, transfer: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.rint(code * 65535).astype(np.uint16), format="rgb48le")
    frame.color_trc, frame.color_primaries = transfer, PRIMARIES_BT2020
    return frame


@pytest.mark.parametrize(("transfer", "code"), [(TRANSFER_PQ, pq_code), (TRANSFER_HLG, hlg_code)])
def test_hdr_keeps_the_dark_and_middle_tones_and_squeezes_the_highlights(
    transfer: int, code: Callable[[np.ndarray], np.ndarray]
) -> None:
    light = np.concatenate([np.linspace(0, 0.3, 16), np.linspace(0.35, 4.9, 16)])
    shown = upright_rgb(deep_frame(code(np.broadcast_to(light[None, :, None], (4, 32, 3))), transfer), 1.0)[0].astype(float)
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(shown - shown[:, :1]).max() <= 1
    assert shown[:16, 0] == pytest.approx(srgb[:16], abs=1.6)
    assert (np.diff(shown[:, 0]) > 0).all()
    assert shown[-1, 0] == pytest.approx(255, abs=1)


def test_colours_of_bt2020_become_those_of_a_screen() -> None:
    colour = np.array([0.25, 0.1, 0.05])
    wide = np.linalg.inv(BT709_FROM_BT2020.astype(float)) @ colour
    shown = upright_rgb(deep_frame(pq_code(np.broadcast_to(wide, (4, 4, 3))), TRANSFER_PQ), 1.0)[0, 0]
    assert shown == pytest.approx((1.055 * colour ** (1 / 2.4) - 0.055) * 255, abs=1.6)


def test_an_hdr_film_is_tone_mapped_and_says_so(tmp_path: Path) -> None:
    def made(frame: av.VideoFrame) -> av.VideoFrame:
        deep = frame.reformat(format="yuv420p10le", dst_colorspace="BT2020", dst_color_range="MPEG")
        deep.colorspace, deep.color_primaries, deep.color_trc = 9, PRIMARIES_BT2020, TRANSFER_PQ
        return deep

    def setup(stream: Any) -> None:
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, PRIMARIES_BT2020, TRANSFER_PQ, 1

    grey = int(pq_code(np.array(0.25)) * 255)
    film = Film(
        codec="libx265",
        pix_fmt="yuv420p10le",
        options={"x265-params": "log-level=none"},
        made=made,
        setup=setup,
        draw=lambda number: np.full((48, 64, 3), grey, np.uint8),
    )
    frames = extract_frames(film.write(tmp_path / "a.mp4"), tmp_path / "frames", fps=2)
    assert frames[0].decode().mean() == pytest.approx((1.055 * 0.25 ** (1 / 2.4) - 0.055) * 255, abs=5)
    assert frames.notes == ("the HDR (PQ) video was mapped to the 8-bit colours of a screen (sRGB)",)

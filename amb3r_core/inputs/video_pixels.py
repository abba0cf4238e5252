"""A decoded picture as a player shows it: square pixels, upright, unmirrored, 8-bit sRGB."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import UInt8

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Linear = NDArray[np.float32]
Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]

MAX_PIXEL_ASPECT = 4.0
"""A pixel more than this times wider than high, or higher than wide, is a damaged header."""
PRIMARIES_BT2020 = 9
TRANSFER_PQ = 16
TRANSFER_HLG = 18
"""Code points of ITU-T H.273, as FFmpeg's frames carry them."""
REFERENCE_WHITE_NITS = 203.0
"""HDR's diffuse white (ITU-R BT.2408), which becomes the white of SDR before the highlights are compressed."""
PEAK_NITS = 1000.0
"""Highlights are compressed from here; HLG's nominal display, and what most PQ material is graded for."""
TONE_KNEE = 0.3
"""Share of the white up to which tones stay as they are."""
BT709_FROM_BT2020 = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]], np.float32
)
BT2020_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
ROWS_AT_A_TIME = 128
"""Tone mapping works in floats: this many rows of a picture at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orientation:
    """How stored pixels become the upright picture: transpose first, then flip."""

    is_transposed: bool = False
    flips_x: bool = False
    flips_y: bool = False

    @property
    def is_mirrored(self) -> bool:
        return (self.is_transposed + self.flips_x + self.flips_y) % 2 == 1

    def apply(self, pixels: UInt8) -> UInt8:
        """The upright pixels (H, W, 3) of stored ones."""
        turned = pixels.swapaxes(0, 1) if self.is_transposed else pixels
        return np.ascontiguousarray(turned[:: -1 if self.flips_y else 1, :: -1 if self.flips_x else 1])


def orientation_of(frame: "VideoFrame") -> Orientation:
    """The nearest of the eight orientations to the frame's display matrix.

    The matrix maps stored to shown places: x' = a x + c y, y' = b x + d y; it is stored as a, b, u, c, d, v, ...
    """
    try:
        side_data = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # side data of a kind that this PyAV does not know
        side_data = None
    if side_data is None:
        return Orientation()
    matrix = np.frombuffer(bytes(side_data), np.int32)
    a, b, c, d = (float(matrix[index]) for index in (0, 1, 3, 4))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(is_transposed=True, flips_x=c < 0, flips_y=b < 0)
    return Orientation(flips_x=a < 0, flips_y=d < 0)


def pixel_aspect(stream: "VideoStream") -> float:
    """Width of a stored pixel over its height; 1 where nothing or nonsense is told."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 1 / MAX_PIXEL_ASPECT <= aspect <= MAX_PIXEL_ASPECT else 1.0


def square_size(frame: "VideoFrame", aspect: float) -> tuple[int, int]:
    """Width and height of the stored picture on square pixels; the coarser side is stretched, so that no detail is lost."""
    if aspect > 1:
        return round(frame.width * aspect), frame.height
    return frame.width, round(frame.height / aspect)


def upright_size(frame: "VideoFrame", aspect: float) -> tuple[int, int]:
    """Width and height as a player shows the picture."""
    width, height = square_size(frame, aspect)
    return (height, width) if orientation_of(frame).is_transposed else (width, height)


def dynamic_range(frame: "VideoFrame") -> str:
    """What kind of picture must be mapped to the colours of a screen; empty for one that needs none."""
    if frame.color_trc == TRANSFER_PQ:
        return "HDR (PQ)"
    if frame.color_trc == TRANSFER_HLG:
        return "HDR (HLG)"
    return "wide-gamut (BT.2020)" if frame.color_primaries == PRIMARIES_BT2020 else ""


def upright_rgb(frame: "VideoFrame", aspect: float) -> UInt8:
    """RGB (H, W, 3) of the picture as a player shows it."""
    width, height = square_size(frame, aspect)
    pixel_format = "rgb48le" if dynamic_range(frame) else "rgb24"
    if (width, height) == (frame.width, frame.height):
        rgb = frame.to_ndarray(format=pixel_format)
    else:
        rgb = frame.reformat(width=width, height=height, format=pixel_format, interpolation="BICUBIC").to_ndarray()
    if dynamic_range(frame):
        rgb = _tone_mapped(rgb.astype(np.uint16, copy=False), frame.color_trc, frame.color_primaries)
    return orientation_of(frame).apply(rgb.astype(np.uint8, copy=False))


def _tone_mapped(rgb16: NDArray[np.uint16], transfer: int, primaries: int) -> UInt8:
    """8-bit sRGB (H, W, 3) of 16-bit RGB with an HDR transfer curve or BT.2020 primaries.

    In numpy: FFmpeg's own filter for it (zscale) is in few builds of PyAV.
    """
    codes = np.arange(65536, dtype=np.float64) / 65535.0
    to_linear: Curve = {TRANSFER_PQ: _pq_to_linear, TRANSFER_HLG: _hlg_to_scene}.get(transfer, _srgb_to_linear)
    table = to_linear(codes).astype(np.float32)
    out = np.empty(rgb16.shape, np.uint8)
    for top in range(0, len(rgb16), ROWS_AT_A_TIME):
        rows = slice(top, top + ROWS_AT_A_TIME)
        linear: Linear = table[rgb16[rows]]
        if transfer == TRANSFER_HLG:
            linear = _hlg_on_display(linear)
        if primaries == PRIMARIES_BT2020:
            linear = linear @ BT709_FROM_BT2020.T
        if transfer in (TRANSFER_PQ, TRANSFER_HLG):
            linear = _compressed(linear)
        out[rows] = np.rint(255.0 * _linear_to_srgb(np.clip(linear, 0.0, 1.0)))
    return out


def _pq_to_linear(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """Display light over the reference white: SMPTE ST 2084, eq. 4.1."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = code ** (1 / m2)
    return 10000.0 / REFERENCE_WHITE_NITS * (np.maximum(power - c1, 0.0) / (c2 - c3 * power)) ** (1 / m1)


def _hlg_to_scene(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scene light in [0, 1]: the inverse OETF of ITU-R BT.2100, table 5."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)


def _hlg_on_display(scene: Linear) -> Linear:
    """Display light over the reference white on HLG's nominal display: the OOTF of ITU-R BT.2100, table 5."""
    luminance = scene @ BT2020_LUMINANCE
    return scene * (PEAK_NITS / REFERENCE_WHITE_NITS * np.maximum(luminance, 1e-6) ** 0.2)[..., None]


def _srgb_to_linear(code: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def _linear_to_srgb(linear: Linear) -> Linear:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** np.float32(1 / 2.4) - 0.055)


def _compressed(linear: Linear) -> Linear:
    """Light in [0, peak] brought into [0, 1] by a Moebius curve on the brightest channel, which keeps the hue."""
    j, peak = TONE_KNEE, PEAK_NITS / REFERENCE_WHITE_NITS
    a = -(j**2) * (peak - 1) / (j**2 - 2 * j + peak)
    b = (j**2 - 2 * j * peak + peak) / (peak - 1)
    brightest = linear.max(axis=-1, keepdims=True)
    light = np.clip(brightest, 0.0, peak)
    mapped = np.where(light <= j, light, (b**2 + 2 * b * j + j**2) / (b - a) * (light + a) / (light + b))
    return linear * (mapped / np.maximum(brightest, 1e-6))

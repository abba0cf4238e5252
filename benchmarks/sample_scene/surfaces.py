"""Textures of building materials: floor boards, bricks, paint, wood, cloth; made from seeded noise alone."""

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Texture:
    """A picture of a surface: colour (H, W, 3) sRGB in [0, 1], height (H, W) in [0, 1], size (width, height) in metres."""

    color: Array
    height: Array
    size_m: tuple[float, float]


def spectral_noise(
    shape: tuple[int, int], rng: np.random.Generator, slope: float = 1.5, stretch: tuple[float, float] = (1.0, 1.0)
) -> Array:
    """Tileable noise (H, W) of mean 0 and deviation 1 whose amplitude falls as frequency ** -slope.

    `stretch` lengthens the blobs along rows' and columns' direction (vertical, horizontal).
    """
    frequency_y = np.fft.fftfreq(shape[0])[:, None] * shape[0] * stretch[0]
    frequency_x = np.fft.rfftfreq(shape[1])[None, :] * shape[1] * stretch[1]
    radius = np.hypot(frequency_y, frequency_x)
    radius[0, 0] = np.inf
    spectrum = (rng.normal(size=radius.shape) + 1j * rng.normal(size=radius.shape)) * radius**-slope
    noise = np.fft.irfft2(spectrum, s=shape)
    return (noise - noise.mean()) / noise.std()


def shade(color: Array | Color, amount: Array) -> Array:
    """The colour (broadcast to (H, W, 3)) made lighter or darker by a factor 1 + amount (H, W)."""
    return np.clip(np.asarray(color) * (1.0 + amount[..., None]), 0.0, 1.0)


def unit_range(values: Array) -> Array:
    return (values - values.min()) / (values.max() - values.min())


def floor_boards(rng: np.random.Generator) -> Texture:
    """Oak boards, 125 mm wide and up to 1.4 m long, over 4 x 5 m."""
    width, height, board = 1600, 2000, 50
    color, relief = np.zeros((height, width, 3)), np.ones((height, width))
    oak = np.array([[0.66, 0.47, 0.30], [0.58, 0.39, 0.23], [0.71, 0.53, 0.35], [0.52, 0.34, 0.20]])
    for left in range(0, width, board):
        joints = np.arange(rng.integers(-500, 0), height + 1200, 560) + rng.integers(-90, 90, size=1)
        grain = spectral_noise((height, board), rng, 1.1, (0.06, 1.0))
        rings = np.sin(9.0 * spectral_noise((height, board), rng, 2.2, (0.25, 1.0)))
        for top, bottom in itertools.pairwise(joints):
            rows = slice(max(top, 0), max(min(bottom, height), 0))
            tone = oak[rng.integers(4)] * rng.normal(1.0, 0.07)
            color[rows, left : left + board] = shade(tone, 0.10 * grain[rows] + 0.05 * rings[rows])
            relief[rows.start : rows.start + 2, left : left + board] = 0.0
        relief[:, left : left + 1] = 0.0
    color *= 0.35 + 0.65 * relief[..., None]
    scuffs = spectral_noise((height, width), rng, 1.0)
    return Texture(shade(color, 0.05 * scuffs), relief, (4.0, 5.0))


def bricks(rng: np.random.Generator) -> Texture:
    """A running bond of hand-made bricks, 220 x 74 mm with the joint, over 4.0 x 2.6 m."""
    width, height, brick_w, brick_h, joint = 2000, 1295, 110, 37, 5
    y, x = np.mgrid[:height, :width]
    wobble = 1.2 * spectral_noise((height, width), rng, 1.6)
    row = (y + wobble).astype(int) // brick_h
    shifted = x + (row % 2) * (brick_w // 2) + 1.5 * wobble
    column = (shifted // brick_w).astype(int)
    edge_x = np.minimum(shifted % brick_w, brick_w - shifted % brick_w)
    edge_y = np.minimum((y + wobble) % brick_h, brick_h - (y + wobble) % brick_h)
    face = np.clip((np.minimum(edge_x, edge_y) - joint / 2) / 3.0, 0.0, 1.0)
    clay = np.array([[0.60, 0.33, 0.25], [0.67, 0.41, 0.31], [0.50, 0.27, 0.21], [0.71, 0.49, 0.38], [0.56, 0.38, 0.32]])
    tones = clay[rng.integers(5, size=(60, 60))] * rng.normal(1.0, 0.09, (60, 60, 1))
    fine, pits = spectral_noise((height, width), rng, 0.7), spectral_noise((height, width), rng, 1.3)
    stone = shade(tones[row, column], 0.08 * fine + 0.09 * pits)
    mortar = shade((0.72, 0.67, 0.60), 0.06 * fine)
    color = mortar + (stone - mortar) * face[..., None]
    return Texture(color, np.clip(face * (0.8 + 0.08 * fine), 0.0, 1.0), (4.0, 2.59))


def paint(rng: np.random.Generator, color: Color) -> Texture:
    """Rolled wall paint: nearly blank, with a faint mottling, 2 x 2 m."""
    mottling = spectral_noise((800, 800), rng, 1.2)
    return Texture(shade(color, 0.012 * mottling), unit_range(spectral_noise((800, 800), rng, 0.6)), (2.0, 2.0))


def wood(
    rng: np.random.Generator, color: Color, along: Literal["upright", "lying"] = "upright", strength: float = 0.13
) -> Texture:
    """Veneer with upright or lying grain, 1 x 1 m."""
    shape = (700, 700)
    grain = spectral_noise(shape, rng, 1.1, (0.06, 1.0))
    rings = np.sin(12.0 * spectral_noise(shape, rng, 2.3, (0.2, 1.0)))
    if along == "lying":
        grain, rings = grain.T, rings.T
    return Texture(shade(color, strength * (grain + 0.4 * rings)), unit_range(grain), (1.0, 1.0))


def cloth(rng: np.random.Generator, color: Color, thread_px: int = 4, contrast: float = 0.16) -> Texture:
    """A coarse melange weave, 0.8 x 0.8 m."""
    shape = (640, 640)
    y, x = np.mgrid[: shape[0], : shape[1]]
    weave = np.sin(2 * np.pi * x / thread_px) * np.sin(2 * np.pi * y / thread_px)
    slubs = spectral_noise(shape, rng, 0.5, (1.0, 0.15)) + spectral_noise(shape, rng, 0.5, (0.15, 1.0))
    melange = 0.5 * slubs + 0.6 * spectral_noise(shape, rng, 0.8) + 0.3 * weave
    return Texture(shade(color, contrast * melange), unit_range(weave + 0.4 * slubs), (0.8, 0.8))


def glaze(rng: np.random.Generator, color: Color, speckle: Color, amount: float = 0.06) -> Texture:
    """Speckled stoneware, 0.4 x 0.4 m."""
    shape = (400, 400)
    spots = ndimage.gaussian_filter((rng.random(shape) < amount * 0.12).astype(float), 1.1, mode="wrap")
    mask = np.clip(spots * 14.0, 0.0, 1.0)[..., None]
    base = shade(color, 0.07 * spectral_noise(shape, rng, 1.3))
    return Texture(base + (np.asarray(speckle) - base) * mask, unit_range(spectral_noise(shape, rng, 1.5)), (0.4, 0.4))


def wicker(rng: np.random.Generator) -> Texture:
    """A basket weave of willow, 0.4 x 0.4 m."""
    shape, strand = (400, 400), 20
    y, x = np.mgrid[: shape[0], : shape[1]]
    over = ((x // (2 * strand)) + (y // strand)) % 2
    bulge = np.abs(np.sin(np.pi * y / strand)) * (0.45 + 0.55 * np.abs(np.sin(np.pi * (x / (2 * strand) + 0.5 * over))))
    tones = rng.normal(1.0, 0.13, (40, 40))[y // strand, x // (2 * strand)]
    willow = np.array([0.66, 0.49, 0.30]) * (tones * (0.35 + 0.65 * bulge))[..., None]
    return Texture(shade(willow, 0.06 * spectral_noise(shape, rng, 0.6)), bulge, (0.4, 0.4))


def leaf(rng: np.random.Generator, color: Color) -> Texture:
    """One leaf along the vertical axis, with a light midrib and side veins; maps to the unit square."""
    y, x = np.mgrid[0:1:256j, -1:1:128j]
    veins = np.abs(np.sin(28.0 * (y - 0.35 * np.abs(x)))) ** 14
    midrib = np.exp(-((x / 0.05) ** 2))
    shine = 0.12 * spectral_noise((256, 128), rng, 1.4) + 0.35 * veins + 0.6 * midrib
    return Texture(shade(color, shine), np.clip(midrib + 0.5 * veins, 0.0, 1.0), (1.0, 1.0))

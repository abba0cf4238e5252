"""Pictures to paint surfaces with: noise of natural statistics, masonry, windows, posters and crops of photos that lie here."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.paths import SHARED

Rng = np.random.Generator
Pixels = NDArray[np.float32]
ROOT = Path(__file__).resolve().parents[2]
PHOTO_FOLDERS = (
    SHARED / "data" / "dev" / "sceaux11" / "images",
    SHARED / "data" / "dev" / "herzjesu6" / "images",
    ROOT / "amb3r_core" / "jobs" / "sample_scene" / "images",
)
PACKAGED_PHOTOS = (
    ("skimage", "data", ("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png", "brick.png", "gravel.png", "grass.png")),
    ("sklearn", "datasets/images", ("china.jpg", "flower.jpg")),
)
SMALLEST_LEVEL_PX = 8


@dataclass(frozen=True)
class Texture:
    """A picture and what is left of it at half the size, a quarter and so on."""

    pixels: Pixels
    """(H, W, 3) in [0, 1]; repeats beyond its edges."""

    @cached_property
    def levels(self) -> list[torch.Tensor]:
        """(3, h + 2, w + 2) from the full size down, each pixel the mean of four of the level before, the far edges around it."""
        image = torch.as_tensor(self.pixels).permute(2, 0, 1).contiguous()
        levels = [image]
        while min(image.shape[1:]) >= 2 * SMALLEST_LEVEL_PX:
            image = torch.nn.functional.avg_pool2d(image[None], 2)[0]
            levels.append(image)
        return [torch.nn.functional.pad(level[None], (1, 1, 1, 1), mode="circular")[0] for level in levels]


def noise(rng: Rng, size: int = 1024, *, roughness: float = 1.0, contrast: float = 1.0, colours: int = 3) -> Texture:
    """Clouds whose spectrum falls with frequency to the power of -1 / roughness, in a ramp of random colours; tiles."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) * frequency ** (-1.0 / roughness)
    spectrum[0, 0] = 0.0
    values = np.fft.irfft2(spectrum, (size, size))
    rank = np.clip(0.5 + 0.22 * contrast * values / values.std(), 0, 1)
    ramp = rng.uniform(0.1, 0.95, (colours, 3))
    stops = np.linspace(0, 1, colours)
    return Texture(np.stack([np.interp(rank, stops, ramp[:, channel]) for channel in range(3)], -1).astype(np.float32))


def plaster(rng: Rng, size: int = 1024, contrast: float = 0.08) -> Texture:
    """Nearly one colour."""
    base = rng.uniform(0.45, 0.9, 3)
    grain = noise(rng, size, roughness=1.5, colours=2).pixels.mean(-1, keepdims=True)
    return Texture(np.clip(base + contrast * (grain - grain.mean()), 0, 1).astype(np.float32))


def blended(below: Texture, above: Texture, share: float) -> Texture:
    """One picture over another, at the size of the first."""
    height, width = below.pixels.shape[:2]
    return Texture(((1 - share) * below.pixels + share * _resized(above.pixels, width, height)).astype(np.float32))


def masonry(rng: Rng, size: int = 1024, rows: int = 12, variety: float = 0.25) -> Texture:
    """Courses of stones of random colour; with no variety all stones are alike."""
    joint, base = rng.uniform(0.3, 0.8, 3), rng.uniform(0.25, 0.75, 3)
    pixels = np.broadcast_to(joint, (size, size, 3)).copy()
    tall, wide = size // rows, size // (rows // 2)
    for row in range(rows):
        for column in range(-1, rows // 2 + 1):
            left = column * wide + (row % 2) * wide // 2
            colour = base + variety * rng.uniform(-1, 1) + variety * 0.3 * rng.uniform(-1, 1, 3)
            pixels[row * tall + 3 : (row + 1) * tall - 3, max(left + 3, 0) : max(left + wide - 3, 0)] = colour
    grain = noise(rng, size, roughness=1.5, colours=2).pixels.mean(-1, keepdims=True)
    return Texture(np.clip(pixels + 0.25 * variety * (grain - 0.5), 0, 1).astype(np.float32))


def window(rng: Rng, size: int = 512) -> Texture:
    """One window in a plastered wall: repeated, a facade of identical ones."""
    canvas = Image.new("RGB", (size, size), _colour(rng, 130, 220))
    draw, frame, glass = ImageDraw.Draw(canvas), _colour(rng, 150, 250), _colour(rng, 20, 90)
    left, top = int(size * rng.uniform(0.2, 0.3)), int(size * rng.uniform(0.12, 0.25))
    right, bottom = size - left, size - top
    draw.rectangle((left - 14, top - 14, right + 14, bottom + 14), fill=frame)
    columns, rows = int(rng.integers(2, 4)), int(rng.integers(2, 5))
    for column in range(columns):
        for row in range(rows):
            x, y = left + (right - left) * column / columns, top + (bottom - top) * row / rows
            draw.rectangle((x + 5, y + 5, x + (right - left) / columns - 5, y + (bottom - top) / rows - 5), fill=glass)
    draw.rectangle((left - 30, bottom + 14, right + 30, bottom + 30), fill=_colour(rng, 90, 200))
    draw.rectangle((0, size - 18, size, size - 6), fill=_colour(rng, 80, 220))
    grain = noise(rng, size, roughness=1.5, colours=2).pixels.mean(-1, keepdims=True)
    return Texture(np.clip(np.asarray(canvas, np.float32) / 255 + 0.06 * (grain - 0.5), 0, 1).astype(np.float32))


def poster(rng: Rng, width: int = 900, height: int = 1200) -> Texture:
    """Shapes and letters over a photo or a plain ground."""
    ground = photo(rng, 400).pixels if rng.random() < 0.5 else np.broadcast_to(rng.uniform(0.2, 0.9, 3), (8, 8, 3))
    canvas = Image.fromarray((_resized(ground.astype(np.float32), width, height) * 255).astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(10, 30))):
        x, y, reach = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(20, 0.25 * width)
        shape = rng.choice(["rectangle", "ellipse", "line"])
        ends = (x, y, x + reach, y + reach * rng.uniform(0.3, 1.5))
        if shape == "line":
            draw.line(ends, fill=_colour(rng), width=int(rng.integers(3, 16)))
        else:
            getattr(draw, shape)(ends, fill=_colour(rng))
    for _ in range(8):
        letters = "".join(rng.choice(list("ABCDEFGHKLMNOPRSTUVXYZ0123456789"), 7))
        spot = (rng.uniform(0, 0.7 * width), rng.uniform(0, 0.9 * height))
        draw.text(spot, letters, fill=_colour(rng), font_size=int(rng.integers(30, 120)))
    return Texture(np.asarray(canvas, np.float32) / 255)


def photo(rng: Rng, least_px: int = 700) -> Texture:
    """A random crop of a photo that lies here, at least so wide where the photo is; noise where there is no photo."""
    paths = photo_paths()
    if not paths:
        return noise(rng)
    pixels = _loaded(paths[int(rng.integers(len(paths)))])
    height, width = pixels.shape[:2]
    side = int(rng.uniform(min(least_px, height, width), min(height, width)))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    cut = pixels[top : top + side, left : left + side].astype(np.float32) / 255
    return Texture(np.ascontiguousarray(cut[:, ::-1] if rng.random() < 0.5 else cut))


def surface(rng: Rng) -> Texture:
    """Something textured: noise, masonry, a photo or a poster."""
    kind = rng.random()
    if kind < 0.3:
        return noise(rng, roughness=rng.uniform(0.8, 1.3), contrast=rng.uniform(0.6, 1.4))
    if kind < 0.4:
        return masonry(rng)
    return photo(rng) if kind < 0.85 else poster(rng)


@cache
def photo_paths() -> tuple[Path, ...]:
    """The photos that lie on this machine, in a fixed order."""
    paths = [path for folder in PHOTO_FOLDERS if folder.is_dir() for path in sorted(folder.iterdir())]
    for package, folder, names in PACKAGED_PHOTOS:
        paths += [path for name in names if (path := _package(package) / folder / name).is_file()]
    return tuple(path for path in paths if path.suffix.lower() in (".jpg", ".png"))


def _package(name: str) -> Path:
    from importlib.util import find_spec

    spec = find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else Path("missing")


@cache
def _loaded(path: Path) -> NDArray[np.uint8]:
    image = Image.open(path).convert("RGB")
    image.thumbnail((2400, 2400), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    image = Image.fromarray((pixels * 255).astype(np.uint8)).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(image, np.float32) / 255


def _colour(rng: Rng, least: int = 10, most: int = 245) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(least, most, 3))
    return red, green, blue


def tiled(texture: Texture, across: int, down: int) -> Texture:
    """The picture several times over, as one picture, which can then be changed in places."""
    return Texture(np.tile(texture.pixels, (down, across, 1)))


def with_spots(texture: Texture, rng: Rng, spots: Sequence[tuple[float, float]], size: float) -> Texture:
    """The picture with a small random picture at each of the places (u, v), as wide as that share of it."""
    pixels = texture.pixels.copy()
    height, width = pixels.shape[:2]
    side = max(int(size * min(width, height)), 4)
    for u, v in spots:
        left, top = int(u * (width - side)), int(v * (height - side))
        pixels[top : top + side, left : left + side] = _resized(photo(rng, 300).pixels, side, side)
    return Texture(pixels)

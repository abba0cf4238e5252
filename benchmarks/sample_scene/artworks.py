"""Made pictures: rug, paintings, posters, book spines and the garden outside; every one drawn from a seed."""

import colorsys
import itertools

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from sample_scene.surfaces import Array, Color, Texture, shade, spectral_noise, unit_range

SYLLABLES = ("ba", "ce", "di", "lo", "ma", "ne", "or", "pi", "ra", "su", "ta", "ve", "wi", "el", "an", "ko", "lu", "mi")
SYLLABLES += ("sol", "ter", "gra", "vin", "nor", "the")
KILIM = ((0.62, 0.18, 0.15), (0.16, 0.24, 0.36), (0.86, 0.78, 0.63), (0.79, 0.53, 0.22), (0.28, 0.38, 0.33), (0.42, 0.13, 0.15))
KILIM_BANDS_PX = (10, 22, 46, 16, 70, 16, 54, 26, 84, 20, 60, 14, 76, 20, 64, 26, 54, 18, 70, 16, 50, 24)


def flat(color: Array, size_m: tuple[float, float]) -> Texture:
    return Texture(color, np.full(color.shape[:2], 0.5), size_m)


def words(rng: np.random.Generator, count: int) -> str:
    """So many invented, capitalised words."""
    made = ("".join(rng.choice(SYLLABLES, size=rng.integers(2, 4))) for _ in range(count))
    return " ".join(word.capitalize() for word in made)


def kilim(rng: np.random.Generator) -> Texture:
    """A flat-woven rug of bands, each with its own motif and colours, in a striped border, 2.4 x 1.7 m."""
    width, height = 1200, 850
    palette, color = np.array(KILIM), np.zeros((height, width, 3))
    left = 0
    for index, band in enumerate(itertools.cycle(KILIM_BANDS_PX)):
        band = min(band, width - left)
        color[:, left : left + band] = kilim_band(rng, palette, (height, band), index)
        left += band
        if left == width:
            break
    mosaic = ndimage.zoom(color[::4, ::4], (4, 4, 1), order=0)
    woven = np.array(mosaic[:height, :width], float)  # a woven picture is a mosaic of knots
    y, x = np.mgrid[:height, :width]
    border = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y))
    woven[border < 46] = palette[2]
    woven[border < 40] = palette[1]
    woven[(border < 34) & ((x + y) // 17 % 2 == 0)] = palette[3]
    woven[border < 8] = palette[5]
    weave = np.sin(np.pi * y / 2.0)
    wear = 0.09 * spectral_noise((height, width), rng, 0.4, (0.3, 1.0)) + 0.09 * spectral_noise((height, width), rng, 1.5)
    return Texture(shade(woven, wear + 0.05 * weave), unit_range(weave + 2.0 * wear), (2.4, 1.7))


def kilim_band(rng: np.random.Generator, palette: Array, shape: tuple[int, int], index: int) -> Array:
    """One band (H, W, 3): plain, zigzags, lozenges, triangles or combs."""
    ground, figure, accent = palette[rng.permutation(len(palette))[:3]]
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    period = max(2.0 * shape[1], 24.0) * rng.choice([0.5, 1.0, 1.5])
    across, along = x / max(shape[1] - 1, 1), np.abs(((y + 37.0 * index) / period) % 1.0 - 0.5) * 2.0
    lozenge = np.abs(across - 0.5) * 2.0 + along
    motifs = (
        across * 0.0,
        np.floor((across + along) * 3.0) % 2,
        (lozenge < 0.9) + 1.0 * (lozenge < 0.5),
        1.0 * (across < along),
        1.0 * ((along < 0.25) & (across < 0.8)) + 2.0 * ((along > 0.8) & (across > 0.3)),
    )
    motif = motifs[0 if shape[1] < 21 else rng.integers(1, len(motifs))]
    cells = rng.integers(3, size=64)[((y + 37.0 * index) // period).astype(int) % 64]
    figures = np.array([figure, accent, 0.5 * (figure + accent)])[cells]
    return np.where((motif == 1)[..., None], figures, np.where((motif == 2)[..., None], accent, ground))


def landscape(rng: np.random.Generator, size_m: tuple[float, float], palette: tuple[Color, ...]) -> Texture:
    """An abstract landscape: layered hills of colour with brush strokes, painted from the back to the front."""
    height, width = int(size_m[1] * 600), int(size_m[0] * 600)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    warp = spectral_noise((height, width), rng, 2.0)
    strokes = spectral_noise((height, width), rng, 1.0, (1.0, 0.18))
    color = shade(np.array(palette[0]), 0.25 * (0.5 - y) + 0.10 * strokes + 0.05 * warp)
    sun = np.hypot((x - 0.68) * size_m[0], (y - 0.27) * size_m[1])
    color[sun < 0.105 + 0.004 * warp] = palette[1]
    for layer, tone in enumerate(palette[2:]):
        ridge = ndimage.gaussian_filter1d(rng.normal(size=3 * width), 55 - 6 * layer)[width : 2 * width]
        top = 0.40 + 0.11 * layer + 0.06 * ridge / ridge.std()
        hill = y + 0.012 * warp > top[None, :]
        lit = 0.18 * strokes + 0.7 * np.clip(top[None, :] + 0.12 - y, 0.0, 0.12) / 0.12 - 0.15
        color[hill] = shade(np.array(tone), lit)[hill]
    return Texture(np.clip(color + 0.02 * strokes[..., None], 0, 1), unit_range(strokes), size_m)


def poster(rng: np.random.Generator, size_m: tuple[float, float], hue: float) -> Texture:
    """A print of overlapping discs, bars and a line of type on cream paper."""
    width, height = int(size_m[0] * 1200), int(size_m[1] * 1200)
    image = Image.new("RGB", (width, height), (236, 228, 210))
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(26):
        tone = colorsys.hsv_to_rgb((hue + rng.normal(0, 0.09)) % 1.0, rng.uniform(0.35, 0.8), rng.uniform(0.25, 0.9))
        cx, cy, r = rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.75) * height, rng.uniform(0.03, 0.22) * width
        fill = (*(int(255 * c) for c in tone), 205)
        if rng.random() < 0.6:
            draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=fill)
        else:
            draw.rectangle((cx - r, cy - 0.3 * r, cx + r, cy + 0.3 * r), fill=fill)
    for line, size in enumerate((0.09, 0.045)):
        place = (0.1 * width, (0.82 + 0.085 * line) * height)
        draw.text(place, words(rng, 2 + line), fill=(40, 38, 40), font=ImageFont.load_default(size * width))
    return flat(np.asarray(image, float) / 255.0, size_m)


def book_spines(rng: np.random.Generator, columns: int, rows: int) -> Texture:
    """An atlas of columns x rows spines, each upright in a cell of 64 x 320 pixels; maps to the unit square."""
    atlas = Image.new("RGB", (64 * columns, 320 * rows))
    for cell in range(columns * rows):
        atlas.paste(book_spine(rng), (64 * (cell % columns), 320 * (cell // columns)))
    color = np.asarray(atlas, float) / 255.0
    wear = spectral_noise((320 * rows, 64 * columns), rng, 0.8)
    return flat(shade(color, 0.05 * wear), (1.0, 1.0))


def book_spine(rng: np.random.Generator) -> Image.Image:
    """One spine, 64 x 320: cloth colour, bands, and a title that runs upwards."""
    hue, saturation = rng.choice([0.02, 0.07, 0.11, 0.33, 0.45, 0.56, 0.60, 0.95]) + rng.normal(0, 0.02), rng.uniform(0.15, 0.65)
    value = rng.choice([0.22, 0.38, 0.55, 0.72, 0.88])
    ground = tuple(int(255 * c) for c in colorsys.hsv_to_rgb(hue % 1.0, saturation if value < 0.8 else 0.15, value))
    ink = (242, 230, 200) if value < 0.6 else (45, 32, 30)
    accent = tuple(int(255 * c) for c in colorsys.hsv_to_rgb(rng.choice([0.02, 0.09, 0.12, 0.50, 0.58]), 0.55, 0.70))
    lying = Image.new("RGB", (320, 64), ground)
    draw = ImageDraw.Draw(lying)
    for place in rng.choice([8, 16, 26, 44, 262, 280, 296, 308], size=rng.integers(2, 5), replace=False):
        draw.rectangle((place, 0, place + rng.integers(2, 9), 64), fill=[ink, accent][rng.integers(2)])
    if rng.random() < 0.35:
        draw.rectangle((58, 6, 250, 58), fill=accent if rng.random() < 0.5 else ink)
        ink = ground
    title = words(rng, int(rng.integers(1, 3)))
    draw.text((64, rng.integers(2, 14)), title, fill=ink, font=ImageFont.load_default(int(rng.integers(26, 44))))
    draw.text((66, 44), words(rng, 2), fill=ink, font=ImageFont.load_default(14))
    return lying.transpose(Image.Transpose.ROTATE_90)


def garden(rng: np.random.Generator) -> Texture:
    """What the window shows: a hazy hedge under a bright sky, 6 x 4 m."""
    height, width = 600, 900
    foliage = spectral_noise((height, width), rng, 1.2)
    y = np.linspace(0.0, 1.0, height)[:, None]
    treetops = 0.42 + 0.07 * spectral_noise((height, width), rng, 2.0)
    sky, hedge = np.array([0.86, 0.93, 1.0]), shade((0.40, 0.52, 0.26), 0.30 * foliage)
    mask = np.clip((y - treetops) * 12.0, 0.0, 1.0)[..., None]
    return flat(sky + (hedge - sky) * mask, (6.0, 4.0))

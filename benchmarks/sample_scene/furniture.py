"""Furniture of the living-room corner, each piece built around its own group in metres."""

import numpy as np

from sample_scene import artworks, surfaces
from sample_scene.books import Library, fill_row, pile
from sample_scene.decoration import bowl_of_oranges, cushion, mug, table_lamp, throw, vase
from sample_scene.modelling import box, group, lathe, plain, rectangle, sheet, textured


def furnish(rng: np.random.Generator, library: Library) -> None:
    lay_rug(rng)
    bookshelf(rng, library)
    sideboard(rng, library)
    coffee_table(rng, library)
    armchair(rng)
    pouf(rng)
    basket(rng)


def lay_rug(rng: np.random.Generator) -> None:
    kilim = textured("kilim", artworks.kilim(rng), mapping="uv", roughness=0.95, bump_m=0.003)
    v, u = np.mgrid[-0.5:0.5:40j, -0.5:0.5:60j]
    z = 0.010 + 0.003 * np.sin(9.0 * u + 4.0 * v) * np.sin(7.0 * v)
    sheet("rug", np.stack([2.4 * u, 1.7 * v, z], axis=-1), kilim, place=(2.05, 3.05, 0), turn_deg=(0, 0, -5))


def bookshelf(rng: np.random.Generator, library: Library) -> None:
    """An open shelf, 1.2 x 0.3 x 2.05 m, with five boards of books and a few things between them."""
    walnut = textured("walnut", surfaces.wood(rng, (0.40, 0.26, 0.16)), roughness=0.4, bump_m=0.0005)
    walnut_lying = textured("walnut lying", surfaces.wood(rng, (0.42, 0.27, 0.17), "lying"), roughness=0.4, bump_m=0.0005)
    shelf = group("bookshelf", (2.55, 4.67, 0.0))
    width, depth, height, board = 1.2, 0.30, 2.05, 0.025
    for x in (board / 2, width - board / 2):
        box("side", (board, depth, height), (x, depth / 2, height / 2), walnut, parent=shelf)
    box("back", (width - 0.02, 0.008, height - 0.02), (width / 2, depth - 0.004, height / 2), walnut, parent=shelf)
    floors = (0.08, 0.47, 0.85, 1.22, 1.60, height - board / 2)
    for z in floors:
        box("board", (width - 2 * board, depth - 0.01, board), (width / 2, depth / 2, z), walnut_lying, parent=shelf)
    left, right, front = board + 0.01, width - board - 0.01, 0.03
    rows = (((left, right),), ((left, 0.46), (0.86, right)), ((left, 0.78),), ((0.30, right),), ((left, 0.62), (0.92, right)))
    for z, above, spans in zip(floors[:-1], floors[1:], rows, strict=True):
        for start, end in spans:
            fill_row(library, start, end, (front, z + board / 2), above - z - board, shelf)
    top = pile(library, 4, (0.66, 0.13, floors[1] + board / 2), shelf)
    vase(rng, "blue", (0.66, 0.13, top), shelf, 0.12)
    vase(rng, "sand", (0.92, 0.15, floors[2] + board / 2), shelf, 0.24)
    vase(rng, "rust", (1.06, 0.13, floors[2] + board / 2), shelf, 0.16)
    mug(rng, (0.16, 0.13, floors[3] + board / 2), shelf)
    pile(library, 3, (0.77, 0.12, floors[4] + board / 2), shelf)
    pile(library, 3, (0.30, 0.14, height), shelf)
    vase(rng, "blue", (0.86, 0.15, height), shelf, 0.22)


def sideboard(rng: np.random.Generator, library: Library) -> None:
    """A low cupboard of oak, 1.5 x 0.42 m and 0.72 m high, below the painting."""
    oak = textured("oak", surfaces.wood(rng, (0.68, 0.50, 0.32), "lying"), roughness=0.42, bump_m=0.0006)
    oak_front = textured("oak front", surfaces.wood(rng, (0.64, 0.46, 0.29), "lying", 0.16), roughness=0.42, bump_m=0.0006)
    dark = plain("gap", (0.02, 0.016, 0.012), roughness=0.8)
    base = group("sideboard", (1.28, 4.76, 0.0))
    box("corpus", (1.50, 0.42, 0.52), (0, 0, 0.44), oak, parent=base)
    box("shadow gap", (1.45, 0.01, 0.47), (0, -0.2065, 0.44), dark, parent=base)
    for x in (-0.485, 0.0, 0.485):
        box("door", (0.476, 0.02, 0.46), (x, -0.2145, 0.44), oak_front, bevel_m=0.003, parent=base)
        knob = [(0.0, 0.0), (0.006, 0.0), (0.006, 0.012), (0.014, 0.018), (0.012, 0.026), (0.0, 0.028)]
        lathe("knob", knob, dark, place=(x + 0.19, -0.2245, 0.50), turn_deg=(90, 0, 0), parent=base)
    for x in (-0.66, 0.66):
        for y in (-0.15, 0.15):
            lathe("leg", [(0.0, 0.0), (0.014, 0.0), (0.022, 0.18), (0.0, 0.18)], oak, place=(x, y, 0.0), parent=base)
    table_lamp(rng, (-0.52, 0.02, 0.70), base)
    top = pile(library, 3, (-0.10, -0.02, 0.70), base)
    vase(rng, "rust", (-0.12, 0.0, top), base, 0.10)
    vase(rng, "sand", (0.50, 0.05, 0.70), base, 0.30)
    photo = artworks.poster(rng, (0.16, 0.21), 0.09)
    rectangle("photo", photo.size_m, textured("photo", photo, mapping="uv"), (0.24, 0.055, 0.808), (75, 0, 8), base)
    box("photo frame", (0.19, 0.24, 0.014), (0.24, 0.064, 0.807), dark, turn_deg=(75, 0, 8), parent=base)


def coffee_table(rng: np.random.Generator, library: Library) -> None:
    """A low table with a lower board, 1.05 x 0.60 m, set with books, oranges, a mug and a magazine."""
    teak = textured("teak", surfaces.wood(rng, (0.53, 0.33, 0.19), "lying"), roughness=0.32, bump_m=0.0005)
    base = group("coffee table", (2.0, 3.12, 0.012), 9.0)
    box("top", (1.05, 0.60, 0.034), (0, 0, 0.41), teak, bevel_m=0.01, parent=base)
    box("lower board", (0.92, 0.46, 0.018), (0, 0, 0.15), teak, parent=base)
    for x in (-0.47, 0.47):
        for y in (-0.25, 0.25):
            lathe("leg", [(0.0, 0.0), (0.015, 0.0), (0.024, 0.395), (0.0, 0.395)], teak, place=(x, y, 0.0), parent=base)
    top = pile(library, 3, (-0.30, 0.06, 0.427), base)
    vase(rng, "blue", (-0.33, 0.06, top), base, 0.09)
    bowl_of_oranges(rng, (0.14, 0.10, 0.427), base)
    mug(rng, (-0.02, -0.18, 0.427), base)
    for level, (hue, turn) in enumerate(((0.9, 14.0), (0.55, -9.0))):
        cover = artworks.poster(rng, (0.21, 0.28), hue)
        paper = textured("magazine", cover, mapping="uv", roughness=0.3)
        box(
            "sheets",
            (0.21, 0.28, 0.006),
            (0.37, -0.07, 0.4305 + 0.007 * level),
            paper,
            turn_deg=(0, 0, turn),
            bevel_m=0,
            parent=base,
        )
        rectangle("cover", (0.21, 0.28), paper, (0.37, -0.07, 0.4340 + 0.007 * level), (0, 0, turn), base)
    pile(library, 5, (0.22, 0.0, 0.159), base)
    pile(library, 3, (-0.20, 0.02, 0.159), base)


def armchair(rng: np.random.Generator) -> None:
    """A deep armchair under the window, turned into the room, with two cushions and a throw."""
    wool = textured("petrol wool", surfaces.cloth(rng, (0.16, 0.33, 0.37), contrast=0.24), roughness=0.95, bump_m=0.003)
    legs = plain("dark wood", (0.10, 0.06, 0.035), roughness=0.4)
    base = group("armchair", (0.78, 3.42, 0.0), 52.0)
    box("frame", (0.80, 0.78, 0.22), (0, 0, 0.25), wool, bevel_m=0.05, parent=base)
    box("seat", (0.58, 0.66, 0.16), (0, -0.06, 0.40), wool, bevel_m=0.06, parent=base)
    box("rest", (0.74, 0.20, 0.62), (0, 0.33, 0.58), wool, turn_deg=(-9, 0, 0), bevel_m=0.07, parent=base)
    for side in (-1, 1):
        box("arm", (0.15, 0.76, 0.36), (side * 0.36, -0.01, 0.42), wool, bevel_m=0.06, parent=base)
        for y in (-0.32, 0.32):
            lathe("leg", [(0.0, 0.0), (0.014, 0.0), (0.024, 0.16), (0.0, 0.16)], legs, place=(side * 0.33, y, 0.0), parent=base)
    cushion(rng, artworks.kilim(rng), (0.46, 0.46), (-0.08, 0.13, 0.66), (68, 0, 10), base)
    stripes = surfaces.cloth(rng, (0.80, 0.62, 0.28), contrast=0.28)
    cushion(rng, stripes, (0.38, 0.30), (0.13, 0.02, 0.59), (62, 0, -14), base)
    throw(rng, 0.36, base)


def pouf(rng: np.random.Generator) -> None:
    knit = textured("pouf kilim", artworks.kilim(rng), mapping="uv", roughness=0.95, bump_m=0.004)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 24)
    profile = [(0.27 * np.cos(a) ** 0.45 + 1e-4, 0.19 + 0.18 * np.sign(np.sin(a)) * abs(np.sin(a)) ** 0.7) for a in angle]
    lathe("pouf", profile, knit, place=(3.20, 3.42, 0.015))


def basket(rng: np.random.Generator) -> None:
    willow = textured("willow", surfaces.wicker(rng), roughness=0.8, bump_m=0.006)
    profile = [(0.0, 0.005), (0.16, 0.005), (0.20, 0.16), (0.19, 0.33), (0.175, 0.33), (0.185, 0.16), (0.15, 0.02), (0.0, 0.02)]
    lathe("basket", profile, willow, place=(3.62, 4.28, 0.0))
    cushion(rng, surfaces.cloth(rng, (0.78, 0.72, 0.62), contrast=0.14), (0.34, 0.34), (3.62, 4.28, 0.32), (14, 8, 20), None)

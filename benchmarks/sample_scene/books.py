"""Books: upright rows for shelves and lying piles for tables, cut from one atlas of spines."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sample_scene.artworks import book_spines
from sample_scene.blender import bpy
from sample_scene.modelling import BOX_FACES, CORNERS, Vec3, add_mesh, plain, textured

ATLAS_COLUMNS, ATLAS_ROWS = 20, 8
# A book is a unit box: x across the spine, y from the spine to the fore-edge, z up. Front and sides show the cloth.
UPRIGHT_QUAD = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)


@dataclass
class Library:
    """The stock that books are taken from, one atlas cell after the other."""

    rng: np.random.Generator
    spines: Any
    pages: Any
    taken: int = 0

    def next_cell(self) -> tuple[int, int]:
        self.taken += 1
        return self.taken * 7 % ATLAS_COLUMNS, self.taken * 7 // ATLAS_COLUMNS % ATLAS_ROWS


def open_library(rng: np.random.Generator) -> Library:
    spines = textured("book spines", book_spines(rng, ATLAS_COLUMNS, ATLAS_ROWS), mapping="uv", roughness=0.5)
    return Library(rng, spines, plain("pages", (0.68, 0.61, 0.47), roughness=0.9))


def add_book(library: Library, size: Vec3, place: Vec3, turn_deg: Vec3, parent: Any) -> Any:
    """One book of (thickness, depth, height) whose lower left spine corner is at `place`; the spine faces -y."""
    mesh = bpy.data.meshes.new("book")
    mesh.from_pydata((CORNERS * size).tolist(), [], BOX_FACES)
    column, row = library.next_cell()
    cell = (UPRIGHT_QUAD * 0.97 + 0.015 + (column, row)) / (ATLAS_COLUMNS, ATLAS_ROWS)
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", np.tile(cell, (6, 1)).astype(np.float32).ravel())
    item = add_mesh("book", mesh, library.spines, place, turn_deg, parent)
    mesh.materials.append(library.pages)
    mesh.polygons.foreach_set("material_index", [0, 0, 0, 1, 1, 1])
    return item


def fill_row(library: Library, start: float, end: float, place_yz: tuple[float, float], room_m: float, parent: Any) -> None:
    """Upright books from x = start to end, the last one leaning when space is left; no book is higher than `room_m`."""
    rng, x = library.rng, start
    trend = rng.uniform(0.68, 0.86)
    while True:
        thickness, height = rng.uniform(0.016, 0.046), room_m * np.clip(rng.normal(trend, 0.09), 0.5, 0.95)
        if x + thickness > end:
            break
        setback = rng.uniform(0.0, 0.02)
        add_book(
            library, (thickness, rng.uniform(0.14, 0.19), height), (x, place_yz[0] + setback, place_yz[1]), (0, 0, 0), parent
        )
        x += thickness + rng.uniform(0.0005, 0.003)
        if rng.random() < 0.05:
            trend = rng.uniform(0.62, 0.88)
    if end - x > 0.012:
        add_book(library, (0.012, 0.15, 0.6 * room_m), (end - 0.012, place_yz[0], place_yz[1]), (0, 0, 0), parent)


def pile(library: Library, count: int, place: Vec3, parent: Any) -> float:
    """Lying books on top of each other around `place`, spines towards -y; returns the height of the top."""
    rng, z = library.rng, place[2]
    for level in range(count):
        thickness, depth, length = (
            rng.uniform(0.018, 0.042),
            rng.uniform(0.15, 0.19) - 0.008 * level,
            rng.uniform(0.22, 0.27) - 0.012 * level,
        )
        corner = (place[0] - length / 2 + rng.normal(0, 0.008), place[1] - depth / 2 + rng.normal(0, 0.008), z + thickness)
        add_book(library, (thickness, depth, length), corner, (0, 90, rng.normal(0, 4)), parent)
        z += thickness + 0.0005
    return z

"""Rooms, facades, streets, ground and objects to photograph."""

import numpy as np

from benchmarks.rendered.surfaces import Array, World, blob, box_sides, lathe, patch, terrain, wall
from benchmarks.rendered.textures import (
    Rng,
    Texture,
    blended,
    masonry,
    noise,
    photo,
    plaster,
    poster,
    surface,
    tiled,
    window,
    with_spots,
)


def vector(*values: float) -> Array:
    return np.array(values, float)


def room(rng: Rng, width: float = 6.0, depth: float = 5.0, height: float = 2.7, n_things: int = 9, *, bare: float = 0.3) -> World:
    """A room around the origin with pictures on its walls and things on its floor; `bare`: the share of plain plaster."""
    world = World()
    x, y = width / 2, depth / 2
    corners = [(-x, -y), (x, -y), (x, y), (-x, y)]
    for index in range(4):
        paper = plaster(rng, contrast=0.12) if rng.random() < bare else blended(plaster(rng), noise(rng, roughness=1.2), 0.35)
        start, end = np.array(corners[index]), np.array(corners[(index + 1) % 4])
        world.add(wall(tuple(start), tuple(end), 0, height), paper, (2, 1))
        _hang_pictures(world, rng, start, end)
    world.add(patch(vector(-x, y, 0), vector(width, 0, 0), vector(0, -depth, 0)), masonry(rng, rows=8, variety=0.15), (2, 2))
    world.add(patch(vector(-x, y, height), vector(width, 0, 0), vector(0, -depth, 0)), plaster(rng))
    for _ in range(n_things):
        spot = rng.uniform((-0.8 * x, -0.8 * y), (0.8 * x, 0.8 * y))
        if np.linalg.norm(spot) > 0.35 * min(x, y):
            add_thing(world, rng, spot, rng.uniform(0.25, 0.6))
    return world


def _hang_pictures(world: World, rng: Rng, start: Array, end: Array) -> None:
    along = (end - start) / np.linalg.norm(end - start)
    inward = 0.02 * np.array([-along[1], along[0]])
    for place in np.arange(0.4, np.linalg.norm(end - start) - 1.0, 1.15):
        if rng.random() < 0.75:
            size = rng.uniform(0.45, 0.95)
            low = rng.uniform(0.8, 1.5)
            left = start + along * (place + rng.uniform(0, 0.2)) + inward
            world.add(wall(tuple(left), tuple(left + along * size), low, low + size * rng.uniform(0.7, 1.3)), surface(rng))


def add_thing(world: World, rng: Rng, spot: Array, size: float, ground: float = 0.0) -> None:
    """A box, a vase or a statue that stands there."""
    kind, tall = rng.random(), size * rng.uniform(1.0, 2.4)
    if kind < 0.55:
        texture = surface(rng)
        centre = vector(*spot, ground + tall / 2)
        for number, side in enumerate(box_sides(centre, vector(size, size * rng.uniform(0.6, 1.4), tall), rng.uniform(0, 3))):
            world.add(side, texture, (0.5, 0.8), start=0.21 * number)
    elif kind < 0.8:
        heights = np.linspace(tall, 0, 24)
        radii = 0.25 * size * (1.3 + np.sin(np.linspace(0, rng.uniform(2, 6), 24) + rng.uniform(0, 6)) * 0.6)
        world.add(lathe(vector(*spot, ground), radii, heights), surface(rng), (2, 1))
    else:
        world.add(blob(rng, vector(*spot, ground + 0.6 * size), vector(0.5, 0.5, 0.6) * size), surface(rng), (2, 1))


def corridor(rng: Rng, length: float = 24.0, bays: int = 12) -> World:
    """A long way between two walls of equal bays, with next to nothing that tells one bay from another."""
    world = World()
    left, right, floor = window(rng), window(rng), masonry(rng, rows=8, variety=0.1)
    world.add(wall((0, -1.2), (length, -1.2), 0, 2.6), left, (bays, 1))
    world.add(wall((length, 1.2), (0, 1.2), 0, 2.6), right, (bays, 1))
    world.add(patch(vector(0, 1.2, 0), vector(length, 0, 0), vector(0, -2.4, 0)), floor, (bays, 1))
    world.add(patch(vector(0, 1.2, 2.6), vector(length, 0, 0), vector(0, -2.4, 0)), plaster(rng), (bays, 1))
    world.add(wall((length, -1.2), (length, 1.2), 0, 2.6), surface(rng))
    return world


def facade(rng: Rng, across: int = 10, floors: int = 3, *, oddities: int = 3) -> World:
    """A house front of identical windows along x, seen from -y, with a few places that differ, and pavement."""
    world = World()
    width, height = 2.2 * across, 2.6 * floors
    spots = [(rng.random(), rng.random()) for _ in range(oddities)]
    front = (
        with_spots(tiled(window(rng, 320), across, floors), rng, spots, 0.12)
        if spots
        else tiled(window(rng, 320), across, floors)
    )
    world.add(wall((-width / 2, 0), (width / 2, 0), 0, height), front)
    for bay in range(across + 1):  # Pilasters, each like the others, so that the front is not a plane.
        centre = vector(-width / 2 + 2.2 * bay, -0.15, height / 2)
        for side in box_sides(centre, vector(0.25, 0.3, height)):
            world.add(side, front, (0.02, 1.0), start=0.9)
    ground = patch(vector(-width, 0, 0), vector(2 * width, 0, 0), vector(0, -20, 0))
    world.add(ground, masonry(rng, rows=16, variety=0.05), (2 * across, 10))
    return world


def landmark(rng: Rng) -> World:
    """A portal of stone with columns and statues, looking to -y, on a square."""
    world = World()
    stone = blended(masonry(rng, rows=16), photo(rng), 0.5)
    world.add(wall((-9, 0), (9, 0), 0, 12), blended(photo(rng, 1500), masonry(rng, rows=24), 0.3))
    for x in (-5.5, -3.2, 3.2, 5.5):
        heights = np.linspace(6.5, 0, 16)
        world.add(lathe(vector(x, -1.2, 0), 0.42 + 0.1 * np.cos(heights * 3), heights), stone, (3, 2), start=rng.random())
    for side in box_sides(vector(0, -0.7, 7.2), vector(13, 1.6, 1.2)):
        world.add(side, stone, (3, 0.5), start=rng.random())
    for x in (-4.3, 0.0, 4.3):
        world.add(blob(rng, vector(x, -1.0, 9.0), vector(0.55, 0.5, 1.1), bumps=0.35), stone, (2, 1), start=rng.random())
    for side in box_sides(vector(0, 1.0, 2.2), vector(3.4, 2.1, 4.4)):
        world.add(side, surface(rng))
    world.add(patch(vector(-25, 2, 0), vector(50, 0, 0), vector(0, -30, 0)), masonry(rng, rows=20, variety=0.2), (6, 4))
    for _ in range(7):
        add_thing(world, rng, rng.uniform((-9, -6), (9, -2.5)), rng.uniform(0.6, 1.3))
    return world


def street(rng: Rng, length: float = 60.0) -> World:
    """Houses on both sides of a road along x."""
    world = World()
    for side in (-1, 1):
        x = 0.0
        while x < length:
            wide, tall, front = rng.uniform(5, 9), rng.uniform(6, 11), rng.uniform(5.0, 6.5)
            ends = ((x, side * front), (x + wide, side * front))
            texture = photo(rng, 900) if rng.random() < 0.6 else blended(tiled(window(rng, 256), 4, 3), noise(rng), 0.25)
            world.add(wall(*(ends if side > 0 else ends[::-1]), 0, tall), texture)
            world.add(wall((x, side * front), (x, side * (front + 4)), 0, tall), masonry(rng))
            x += wide
    world.add(patch(vector(-5, 7, 0), vector(length + 40, 0, 0), vector(0, -14, 0)), noise(rng, roughness=1.6), (10, 2))
    world.add(wall((length + 30, 14), (length + 30, -14), 0, 14), photo(rng, 900))
    for x in np.arange(4, length, 5.0):
        add_thing(world, rng, vector(x + rng.uniform(0, 3), rng.choice([-1, 1]) * rng.uniform(3.2, 4.5)), rng.uniform(0.6, 1.4))
    return world


def land(rng: Rng, side_m: float = 120.0, relief_m: float = 8.0, n_houses: int = 25) -> World:
    """Country from above: hills with fields, houses as boxes; no relief and no houses make a plane."""
    world = World()
    fields = blended(noise(rng, 2048, roughness=1.4, colours=5), noise(rng, 1024, roughness=0.9, colours=4), 0.4)
    world.add(terrain(rng, side_m, relief_m), blended(fields, photo(rng, 1200), 0.35))
    for _ in range(n_houses):
        roof, size = surface(rng), rng.uniform((5, 5, 4), (10, 12, 10))
        spot = rng.uniform(-0.42 * side_m, 0.42 * side_m, 2)
        for number, side in enumerate(box_sides(vector(*spot, relief_m * 0.3), size + vector(0, 0, relief_m), rng.uniform(0, 3))):
            world.add(side, roof, (0.6, 0.6), start=0.17 * number)
    return world


def alike_object(rng: Rng, *, difference: float = 0.08) -> World:
    """A turned body on a disc whose two halves carry the same picture but for small spots."""
    world = World()
    half = surface(rng)
    half = Texture(half.pixels[:900, :900])
    spots = [(rng.random(), rng.uniform(0.2, 0.8)) for _ in range(3)]
    around = with_spots(tiled(half, 2, 1), rng, spots, difference)
    heights = np.linspace(1.6, 0, 40)
    radii = 0.45 + 0.16 * np.sin(heights * rng.uniform(2, 5) + rng.uniform(0, 6))
    body = lathe(vector(0, 0, 0), radii, heights, 96)
    angle = np.linspace(0, 2 * np.pi, 97)
    body[..., :2] *= (1 + 0.25 * np.cos(2 * angle + 0.4))[None, :, None]  # A section with two equal halves, not round.
    world.add(body, around)
    world.add(lathe(vector(0, 0, 1.6), np.array([0.001, radii[0]]), np.zeros(2), 96), half, (2, 0.3))
    world.add(lathe(vector(0, 0, 0), np.array([0.3, 1.1]), np.zeros(2), 96), noise(rng, 512), (2, 1))
    return world


def bland_object(rng: Rng) -> World:
    """A small statue of nearly one colour on a plain table."""
    world = World()
    skin = blended(plaster(rng, contrast=0.15), noise(rng, contrast=1.2, colours=2), rng.uniform(0.08, 0.3))
    world.add(blob(rng, vector(0, 0, 0.3), vector(0.2, 0.16, 0.28), bumps=0.4, n=128), skin, (2, 1))
    world.add(blob(rng, vector(0.05, 0.02, 0.62), vector(0.11, 0.1, 0.13), bumps=0.3, n=96), skin, (1, 1))
    world.add(patch(vector(-0.6, 0.6, 0), vector(1.2, 0, 0), vector(0, -1.2, 0)), plaster(rng, contrast=0.05))
    return world


def studio(rng: Rng, n_things: int = 7) -> World:
    """A few textured things on a cloth."""
    world = World()
    world.add(patch(vector(-4, 4, 0), vector(8, 0, 0), vector(0, -8, 0)), noise(rng, roughness=1.1), (3, 3))
    for number in range(n_things):
        angle, reach = 2 * np.pi * number / n_things, rng.uniform(0.1, 0.9)
        add_thing(world, rng, reach * vector(np.cos(angle), np.sin(angle)), rng.uniform(0.35, 0.6))
    return world


def poster_twins(rng: Rng) -> tuple[World, Array]:
    """Two rooms, 40 m apart, with the same large poster on the wall at +y; and where the second is."""
    world, shared, away = room(rng, bare=0.6, n_things=5), poster(rng), vector(40, 0, 0)
    other = room(rng, bare=0.6, n_things=5)
    world.grids += [(points + away, uv, texture) for points, uv, texture in other.grids]
    for offset in (vector(0, 0, 0), away):
        hung = wall((-1.1, 2.4), (1.1, 2.4), 0.3, 2.5) + offset
        world.add(hung, shared)
    return world, away

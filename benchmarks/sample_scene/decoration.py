"""Small things and plants that make the room lived in."""

from typing import Any, Literal

import numpy as np

from sample_scene import surfaces
from sample_scene.modelling import Vec3, add_empty, glowing, group, lathe, plain, sheet, textured
from sample_scene.room import add_light
from sample_scene.surfaces import Array, Texture

Ware = Literal["blue", "sand", "rust"]
WARES = {
    "blue": ((0.16, 0.28, 0.42), (0.62, 0.72, 0.78)),
    "sand": ((0.78, 0.71, 0.60), (0.33, 0.24, 0.18)),
    "rust": ((0.62, 0.32, 0.18), (0.24, 0.13, 0.10)),
}


def vase(rng: np.random.Generator, ware: Ware, place: Vec3, parent: Any, height_m: float) -> None:
    """A speckled stoneware vase with a random belly."""
    clay = textured(f"{ware} ware", surfaces.glaze(rng, *WARES[ware], amount=0.10), roughness=0.35)
    belly, neck = rng.uniform(0.24, 0.34), rng.uniform(0.08, 0.16)
    t = np.linspace(0.0, 1.0, 24)
    radius = (
        neck + (belly - neck) * np.sin(np.pi * np.clip(t * 1.15, 0, 1)) ** 1.3 + 0.08 * (1 - t) + 0.05 * np.clip(t - 0.9, 0, 1)
    )
    outside = [(r * height_m, z * height_m) for r, z in zip(radius, t, strict=True)]
    inside = [(0.85 * radius[-1] * height_m, height_m), (0.7 * radius[-1] * height_m, 0.6 * height_m)]
    lathe("vase", [(0.0, 0.0), *outside, *inside], clay, place=place, parent=parent)


def mug(rng: np.random.Generator, place: Vec3, parent: Any) -> None:
    clay = textured("mug ware", surfaces.glaze(rng, (0.86, 0.83, 0.77), (0.15, 0.25, 0.40), 0.2), roughness=0.3)
    profile = [(0.0, 0.0), (0.036, 0.0), (0.041, 0.01), (0.041, 0.095), (0.037, 0.095), (0.036, 0.015), (0.0, 0.012)]
    lathe("mug", profile, clay, place=place, parent=parent)
    turn, around = np.meshgrid(np.linspace(-1.35, 1.35, 14), np.linspace(0, 2 * np.pi, 9), indexing="ij")
    ring, tube = 0.028, 0.0055
    reach = ring + tube * np.cos(around)
    points = np.stack([0.040 + reach * np.cos(turn), tube * np.sin(around), 0.050 + reach * np.sin(turn)], axis=-1)
    sheet("handle", points, clay, place=place, turn_deg=(0, 0, -50), parent=parent)


def bowl_of_oranges(rng: np.random.Generator, place: Vec3, parent: Any) -> None:
    clay = textured("bowl ware", surfaces.glaze(rng, *WARES["blue"], amount=0.08), roughness=0.3)
    profile = [(0.0, 0.0), (0.06, 0.0), (0.11, 0.03), (0.145, 0.085), (0.14, 0.086), (0.105, 0.036), (0.0, 0.012)]
    lathe("bowl", profile, clay, place=place, parent=parent)
    peel = textured("peel", surfaces.glaze(rng, (0.86, 0.45, 0.10), (0.72, 0.30, 0.05), 0.5), roughness=0.45, bump_m=0.002)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 16)
    for step in range(6):
        r, around = rng.uniform(0.036, 0.041), 2 * np.pi * step / 5
        spread, lift = (0.066, 0.065) if step < 5 else (0.0, 0.115)
        globe = [(r * np.cos(a) + 1e-5, 0.94 * r * np.sin(a)) for a in angle]
        spot = (place[0] + spread * np.cos(around), place[1] + spread * np.sin(around), place[2] + lift)
        lathe("orange", globe, peel, place=spot, turn_deg=tuple(rng.uniform(-40, 40, 3)), parent=parent, sides=24)


def table_lamp(rng: np.random.Generator, place: Vec3, parent: Any) -> None:
    """A stoneware lamp with a lit linen shade."""
    vase(rng, "rust", place, parent, 0.28)
    linen = surfaces.cloth(rng, (0.98, 0.82, 0.58), contrast=0.08)
    at = (place[0], place[1], place[2] + 0.28)
    lathe("lamp shade", [(0.16, 0.0), (0.115, 0.22)], glowing("lit linen", linen, 1.35), place=at, parent=parent)
    add_light(
        "bulb", "POINT", (1.28 + at[0], 4.76 + at[1], at[2] + 0.1), (0, 0, 0), 9.0, (1.0, 0.72, 0.42), None
    ).shadow_soft_size = 0.04


def cushion(
    rng: np.random.Generator, texture: Texture, size_m: tuple[float, float], place: Vec3, turn_deg: Vec3, parent: Any
) -> None:
    """A stuffed square with sharp corners and a few wrinkles."""
    cover = textured("cushion cover", texture, mapping="uv", roughness=0.95, bump_m=0.002)
    v, u = np.mgrid[-1:1:41j, -1:1:41j]
    wrinkles = surfaces.spectral_noise(u.shape, rng, 2.2)
    full = np.clip((1 - u**2) * (1 - v**2), 0.0, 1.0)
    thickness = 0.075 * full**0.42 + 0.004 * wrinkles * full
    pinch = 1.0 - 0.07 * np.cos(np.pi * u / 2) * np.cos(np.pi * v / 2) - 0.05 * (1 - np.minimum(np.abs(u), np.abs(v)))
    pose = add_empty("cushion", place, turn_deg)
    pose.parent = parent
    for side in (-1, 1):
        points = np.stack([u * pinch * size_m[0] / 2, v * pinch * size_m[1] / 2, side * thickness], axis=-1)
        sheet("cushion", points, cover, parent=pose)


def throw(rng: np.random.Generator, arm_x: float, parent: Any) -> None:
    """A folded blanket over an arm of the chair."""
    wool = textured(
        "throw", surfaces.cloth(rng, (0.80, 0.74, 0.66), thread_px=10, contrast=0.2), mapping="uv", roughness=0.98, bump_m=0.006
    )
    t, along = np.mgrid[0:1:60j, -1:1:24j]
    turn = np.clip((t - 0.38) / 0.30, 0.0, 1.0) * np.pi
    sag = 0.006 * np.sin(7 * along + 3 * t) + 0.004 * surfaces.spectral_noise(t.shape, rng, 2.0)
    drop_inside, drop_outside = np.clip(0.38 - t, 0, 1), np.clip(t - 0.68, 0, 1)
    x = arm_x + (0.088 + sag) * -np.cos(turn) + 0.02 * drop_outside
    z = 0.545 + (0.075 + sag) * np.sin(turn) - 0.35 * drop_inside - 1.05 * drop_outside
    y = -0.08 + 0.17 * along * (1.0 + 0.15 * drop_outside) + 0.01 * np.sin(5 * t)
    sheet("throw", np.stack([x, y, z], axis=-1), wool, parent=parent)


def leaf_blade(rng: np.random.Generator, base: Array, azimuth: float, rise: float, length: float, width: float) -> Array:
    """Points (13, 5, 3) of an arching, folded leaf that starts at `base` and points along the azimuth."""
    t, s = np.mgrid[0:1:13j, -1:1:5j]
    droop, outward = rng.uniform(0.35, 0.8), np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    sideward = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    half_width = width * np.sin(np.pi * np.clip(t, 0.02, 0.99) ** 0.75) * s
    points = base + (length * t * np.cos(rise))[..., None] * outward + half_width[..., None] * sideward
    points[..., 2] += length * (np.sin(rise) * t - droop * t**2) + 0.35 * np.abs(half_width)
    return points


def potted_plant(rng: np.random.Generator, place: Vec3, height_m: float, n_leaves: int, leaf_m: float, ware: Ware) -> None:
    """A pot with bending stems and broad leaves all around, the larger ones lower."""
    clay = textured("pot ware", surfaces.glaze(rng, *WARES[ware], amount=0.06), roughness=0.6)
    plant, r = group("plant", place), 0.075 + 0.05 * height_m
    lathe(
        "pot",
        [(0.0, 0.0), (0.75 * r, 0.0), (r, 1.5 * r), (0.93 * r, 1.5 * r), (0.9 * r, 1.3 * r), (0.0, 1.3 * r)],
        clay,
        parent=plant,
    )
    greens = ((0.17, 0.33, 0.13), (0.23, 0.40, 0.16), (0.13, 0.26, 0.12))
    blades = [textured("leaf", surfaces.leaf(rng, green), mapping="uv", roughness=0.4) for green in greens]
    bark = plain("stem", (0.10, 0.16, 0.05), roughness=0.7)
    for number in range(n_leaves):
        reach = 0.25 + 0.75 * number / n_leaves
        azimuth = 2.39996 * number + rng.normal(0, 0.25)
        lean = 0.16 * height_m * rng.uniform(0.4, 1.0)
        tip = np.array([lean * np.cos(azimuth), lean * np.sin(azimuth), 1.3 * r + reach * (height_m - 1.3 * r)])
        stem(tip, 1.3 * r, bark, plant)
        length = leaf_m * rng.uniform(0.75, 1.1) * (1.25 - 0.5 * reach)
        blade = leaf_blade(rng, tip, azimuth, rng.uniform(0.3, 1.0), length, 0.27 * length)
        sheet("leaf", blade, blades[number % 3], parent=plant)


def stem(tip: Array, soil_z: float, material: Any, parent: Any) -> None:
    """A tapering tube from the pot's middle to the tip, bending outward."""
    t, around = np.meshgrid(np.linspace(0, 1, 10), np.linspace(0, 2 * np.pi, 7), indexing="ij")
    radius = 0.006 - 0.003 * t
    x, y = tip[0] * t**2 + radius * np.cos(around), tip[1] * t**2 + radius * np.sin(around)
    sheet("stem", np.stack([x, y, soil_z + (tip[2] - soil_z) * t], axis=-1), material, parent=parent)

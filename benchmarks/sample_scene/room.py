"""The empty room: shell, window, curtains, pictures on the walls, and light."""

from typing import Any

import numpy as np

from sample_scene import artworks, surfaces
from sample_scene.blender import bpy
from sample_scene.modelling import Vec3, add_empty, box, glowing, lathe, plain, rectangle, sheet, textured

ROOM_M = (4.0, 5.0, 2.6)
WALL_M = 0.12
WINDOW_Y, WINDOW_Z = (2.65, 4.05), (0.85, 2.15)
DUSK = ((0.83, 0.75, 0.63), (0.90, 0.52, 0.22), (0.60, 0.66, 0.66), (0.27, 0.43, 0.50), (0.66, 0.38, 0.24), (0.15, 0.24, 0.29))


def build_room(rng: np.random.Generator) -> None:
    """Floor, brick back wall, painted side walls, window and ceiling; the floor is z = 0, the origin the near left corner."""
    width, depth, height = ROOM_M
    boards = textured("boards", surfaces.floor_boards(rng), mapping="uv", roughness=0.38, bump_m=0.002)
    rectangle("floor", (width, depth), boards, (width / 2, depth / 2, 0.0), (0, 0, 0))
    masonry = textured("bricks", surfaces.bricks(rng), mapping="uv", roughness=0.85, bump_m=0.008)
    rectangle("back wall", (width, height), masonry, (width / 2, depth, height / 2), (90, 0, 0))
    sage = textured("sage paint", surfaces.paint(rng, (0.62, 0.66, 0.58)), roughness=0.7, bump_m=0.0006)
    white = textured("white paint", surfaces.paint(rng, (0.90, 0.88, 0.83)), roughness=0.7, bump_m=0.0006)
    box("right wall", (WALL_M, depth, height), (width + WALL_M / 2, depth / 2, height / 2), sage, bevel_m=0)
    box("near wall", (width, WALL_M, height), (width / 2, -WALL_M / 2, height / 2), white, bevel_m=0)
    box("ceiling", (width + 0.4, depth + 0.4, WALL_M), (width / 2, depth / 2, height + WALL_M / 2), white, bevel_m=0)
    box("roof side", (width + 0.4, WALL_M, height), (width / 2, depth + 0.08, height / 2), white, bevel_m=0)
    build_window_wall(white)
    trim = plain("trim", (0.80, 0.78, 0.74), roughness=0.4)
    box("right skirting", (0.016, depth, 0.09), (width - 0.008, depth / 2, 0.045), trim)
    box("left skirting", (0.016, depth, 0.09), (0.008, depth / 2, 0.045), trim)
    box("back skirting", (width, 0.016, 0.09), (width / 2, depth - 0.008, 0.045), trim)
    build_window_frame(trim)
    hang_curtains(rng)
    hang_pictures(rng)


def build_window_wall(paint: Any) -> None:
    """The left wall, in four pieces around the window."""
    depth, height = ROOM_M[1:]
    (near, far), (sill, top) = WINDOW_Y, WINDOW_Z
    x = -WALL_M / 2
    box("wall below", (WALL_M, depth, sill), (x, depth / 2, sill / 2), paint, bevel_m=0)
    box("wall above", (WALL_M, depth, height - top), (x, depth / 2, (height + top) / 2), paint, bevel_m=0)
    box("wall nearer", (WALL_M, near, top - sill), (x, near / 2, (sill + top) / 2), paint, bevel_m=0)
    box("wall further", (WALL_M, depth - far, top - sill), (x, (depth + far) / 2, (sill + top) / 2), paint, bevel_m=0)


def build_window_frame(trim: Any) -> None:
    (near, far), (sill, top) = WINDOW_Y, WINDOW_Z
    middle_y, middle_z, bar = (near + far) / 2, (sill + top) / 2, 0.05
    for y in (near + bar / 2, middle_y, far - bar / 2):
        box("upright", (0.05, bar, top - sill), (-0.07, y, middle_z), trim)
    for z in (sill + bar / 2, sill + 0.62 * (top - sill), top - bar / 2):
        box("crossbar", (0.044, far - near, bar), (-0.07, middle_y, z), trim)
    box("window board", (0.24, far - near + 0.12, 0.03), (0.02, middle_y, sill - 0.01), trim, bevel_m=0.008)


def hang_curtains(rng: np.random.Generator) -> None:
    linen = textured("linen", surfaces.cloth(rng, (0.74, 0.66, 0.54), contrast=0.10), mapping="box", roughness=0.9, bump_m=0.001)
    for start, end in ((2.30, 2.72), (3.98, 4.38)):
        height, along = np.mgrid[0:1:24j, 0:1:90j]
        gather = 0.85 + 0.15 * height
        y = (start + end) / 2 + (along - 0.5) * (end - start) * gather
        x = 0.085 + 0.032 * np.sin(2 * np.pi * 5.0 * along + 1.3 * np.sin(3.0 * along) + 0.5 * height) * (1.15 - 0.5 * height)
        sheet("curtain", np.stack([x, y, 0.04 + 2.26 * height], axis=-1), linen)
    brass = plain("brass", (0.60, 0.42, 0.18), roughness=0.3, metallic=1.0)
    lathe(
        "curtain rod", [(0.0, 0.0), (0.012, 0.0), (0.012, 2.3), (0.0, 2.3)], brass, place=(0.085, 4.5, 2.33), turn_deg=(90, 0, 0)
    )


def hang_pictures(rng: np.random.Generator) -> None:
    """One large painting on the bricks, three prints on the right wall."""
    oak = textured("frame oak", surfaces.wood(rng, (0.55, 0.38, 0.22)), roughness=0.45)
    black = plain("frame black", (0.03, 0.03, 0.03), roughness=0.4)
    facing_room = add_empty("back wall pictures", (1.28, 4.99, 1.50), (90, 0, 0))
    frame_picture(artworks.landscape(rng, (1.15, 0.78), DUSK), oak, (0, 0, 0), facing_room, 0.035)
    facing_left = add_empty("right wall pictures", (3.99, 3.70, 1.50), (90, 0, -90))
    for size, place, hue in (
        ((0.42, 0.58), (0.55, 0.02, 0), 0.56),
        ((0.34, 0.46), (0.02, 0.12, 0), 0.06),
        ((0.34, 0.30), (0.02, -0.36, 0), 0.40),
    ):
        frame_picture(artworks.poster(rng, size, hue), black, place, facing_left, 0.02)


def frame_picture(texture: surfaces.Texture, wood: Any, place: Vec3, wall: Any, bar: float) -> None:
    """A picture with a frame of bars of that width, in the wall's coordinates (x right, y up, z into the room)."""
    (width, height), (x, y, _) = texture.size_m, place
    canvas = textured("picture", texture, mapping="uv", roughness=0.55, bump_m=0.0008 if np.ptp(texture.height) > 0 else 0.0)
    rectangle("picture", (width, height), canvas, (x, y, 0.012), (0, 0, 0), wall)
    for side in (-1, 1):
        box("stile", (bar, height + 2 * bar, 0.03), (x + side * (width + bar) / 2, y, 0.005), wood, parent=wall)
        box("rail", (width, bar, 0.03), (x, y + side * (height + bar) / 2, 0.005), wood, parent=wall)


def light_room(rng: np.random.Generator) -> None:
    """Sky and low sun through the window, a weak bounce from above, and the garden to look at."""
    view = rectangle("garden", (7.0, 4.4), glowing("garden", artworks.garden(rng), 2.2), (-2.2, 3.4, 1.5), (90, 0, 90))
    view.visible_shadow = view.visible_diffuse = view.visible_glossy = False
    add_light("sky", "AREA", (-0.16, 3.35, 1.5), (0, -90, 0), 75.0, (0.86, 0.93, 1.0), (1.25, 1.35))
    add_light("bounce", "AREA", (2.2, 1.6, 2.55), (0, 0, 0), 46.0, (1.0, 0.95, 0.88), (3.0, 2.6))
    sun = add_light("sun", "SUN", (-3, 3, 3), (0, -58, 12), 4.5, (1.0, 0.86, 0.68), None)
    sun.angle = np.radians(1.5)


def add_light(
    name: str, kind: str, place: Vec3, turn_deg: Vec3, power: float, color: Vec3, size_m: tuple[float, float] | None
) -> Any:
    light = bpy.data.lights.new(name, kind)
    light.energy, light.color = power, color
    if size_m is not None:
        light.shape, light.size, light.size_y = "RECTANGLE", *size_m
    item = bpy.data.objects.new(name, light)
    bpy.context.collection.objects.link(item)
    item.location, item.rotation_euler, item.visible_camera = place, np.radians(turn_deg), False
    return light

# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking through a view: Blender has one render size per scene, so every camera brings its own."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

import math

import bpy

from . import compat, tags
from .camera_math import Lens, horizontal_sensor_width, intrinsics_from_lens
from .core import PinholeCamera


def look_through(context: bpy.types.Context, thing: bpy.types.Object, *, turn_viewport: bool = True) -> None:
    """Makes a camera the scene's, with its render size, pixel aspect, frame and background."""
    scene = context.scene
    scene.camera = thing
    width, height = size_of(thing, scene)
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    aspect = pixel_aspect_of(thing, scene)
    render.pixel_aspect_x, render.pixel_aspect_y = (1.0, aspect) if aspect >= 1.0 else (1.0 / aspect, 1.0)
    thing.data.show_background_images = len(thing.data.background_images) > 0
    frame = thing.get(tags.FRAME)
    if frame is not None:
        whole = math.floor(frame)
        scene.frame_set(whole, subframe=frame - whole)
    if turn_viewport:
        compat.look_through_camera(context)


def size_of(thing: bpy.types.Object, scene: bpy.types.Scene) -> tuple[int, int]:
    """Width and height of a camera's photo; of the render for a camera that has none."""
    size = thing.get(tags.SIZE)
    if size is not None:
        return int(size[0]), int(size[1])
    share = scene.render.resolution_percentage / 100
    return int(scene.render.resolution_x * share), int(scene.render.resolution_y * share)


def pixel_aspect_of(thing: bpy.types.Object, scene: bpy.types.Scene) -> float:
    """Height of a pixel over its width."""
    given = thing.get(tags.PIXEL_ASPECT)
    return float(given) if given is not None else scene.render.pixel_aspect_y / scene.render.pixel_aspect_x


def intrinsics_of(thing: bpy.types.Object, scene: bpy.types.Scene) -> PinholeCamera:
    """The pinhole camera of a camera object as it is now, the user's changes included."""
    camera = thing.data
    width, height = size_of(thing, scene)
    aspect = pixel_aspect_of(thing, scene)
    sensor, shift_factor = horizontal_sensor_width(
        camera.sensor_fit, camera.sensor_width, camera.sensor_height, width, height * aspect
    )
    lens = Lens(
        focal_mm=camera.lens,
        shift_x=camera.shift_x * shift_factor,
        shift_y=camera.shift_y * shift_factor,
        pixel_aspect=aspect,
        sensor_width_mm=sensor,
    )
    return intrinsics_from_lens(lens, width, height)

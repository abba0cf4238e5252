# SPDX-License-Identifier: GPL-3.0-or-later
"""Camera objects from views: lens, pose, and everything an export or a view switch needs later."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

import bpy
import numpy as np

from . import compat, tags
from .camera_math import Lens, lens_from_intrinsics, quaternions
from .core import View, opencv_to_opengl
from .timeline import Timeline


def set_lens(camera: bpy.types.Camera, lens: Lens) -> None:
    """Exact intrinsics; the horizontal fit does not flip when the user changes the render size."""
    camera.type = "PERSP"
    camera.sensor_fit = "HORIZONTAL"
    camera.sensor_width = lens.sensor_width_mm
    camera.lens_unit = "MILLIMETERS"
    camera.lens = lens.focal_mm
    camera.shift_x, camera.shift_y = lens.shift_x, lens.shift_y


def set_size(thing: bpy.types.Object, view: View) -> None:
    """Keeps with the camera object what Blender keeps with the render settings."""
    thing[tags.SIZE] = [view.camera.width, view.camera.height]
    thing[tags.PIXEL_ASPECT] = view.camera.fx / view.camera.fy


def place_views(cameras: list[bpy.types.Object], views: tuple[View, ...], factor: float) -> None:
    """Gives every camera object its view's lens and pose, in the root's frame. factor: for lengths."""
    poses = np.array([opencv_to_opengl(view.cam_to_world) for view in views]).reshape(-1, 4, 4)
    for thing, view, pose, quaternion in zip(cameras, views, poses, quaternions(poses[:, :3, :3]), strict=True):
        set_lens(thing.data, lens_from_intrinsics(view.camera))
        thing.matrix_parent_inverse.identity()
        thing.rotation_mode = "QUATERNION"
        thing.location = (pose[:3, 3] * factor).tolist()
        thing.rotation_quaternion = quaternion.tolist()
        thing.scale = (1.0, 1.0, 1.0)
        set_size(thing, view)


def tag_view(thing: bpy.types.Object, view: View, index: int, timeline: Timeline | None) -> None:
    """Writes down which view a camera is."""
    thing[tags.VIEW_NAME], thing[tags.INDEX] = view.name, index
    letterbox = view.letterbox
    thing[tags.LETTERBOX] = [letterbox.x, letterbox.y, letterbox.width, letterbox.height]
    optional = {
        tags.IMAGE: view.path,
        tags.TIME: view.timestamp_s,
        tags.FRAME: None if timeline is None else float(timeline.frames[index]),
        tags.POSE_TRUST: view.pose_trust,
    }
    for name, value in optional.items():
        tags.put(thing, name, value)


def animate_path(thing: bpy.types.Object, views: tuple[View, ...], timeline: Timeline, factor: float) -> None:
    """Moves one camera through all views, with their intrinsics where those change."""
    poses = np.array([opencv_to_opengl(view.cam_to_world) for view in views])
    locations, rotations = poses[:, :3, 3] * factor, quaternions(poses[:, :3, :3])
    thing.rotation_mode = "QUATERNION"
    curves = {("location", axis): locations[:, axis] for axis in range(3)}
    curves |= {("rotation_quaternion", part): rotations[:, part] for part in range(4)}
    compat.write_curves(thing, timeline.frames, curves)
    lenses = [lens_from_intrinsics(view.camera) for view in views]
    set_lens(thing.data, lenses[0])
    set_size(thing, views[0])
    changing = {"lens": "focal_mm", "shift_x": "shift_x", "shift_y": "shift_y"}
    values = {path: np.array([getattr(lens, name) for lens in lenses]) for path, name in changing.items()}
    if any(np.ptp(column) > 0 for column in values.values()):
        compat.write_curves(thing.data, timeline.frames, {(path, 0): column for path, column in values.items()})
    elif thing.data.animation_data is not None:
        thing.data.animation_data_clear()


def rescale_path(thing: bpy.types.Object, factor: float) -> None:
    """Multiplies an animated camera's locations."""
    for curve in compat.curves_of(thing):
        if curve.data_path == "location":
            points = np.empty(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get("co", points)
            points[1::2] *= np.float32(factor)
            curve.keyframe_points.foreach_set("co", points)
            curve.update()


def set_display(camera: bpy.types.Camera, size: float) -> None:
    """An icon of this size, and clip distances that suit it."""
    camera.display_size = size
    camera.clip_start = min(camera.clip_start, 0.1 * size)
    camera.clip_end = max(camera.clip_end, 500.0 * size)

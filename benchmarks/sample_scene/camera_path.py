"""The handheld walk around the room and the pinhole camera that makes it."""

from typing import Any

import numpy as np

from sample_scene.blender import Matrix, bpy
from sample_scene.surfaces import Array

WIDTH, HEIGHT = 640, 480
FOCAL_PX = WIDTH / 2 / np.tan(np.radians(30.0))  # 60 degrees across
SENSOR_MM = 36.0
ARC_CENTRE, ARC_RADIUS_M, LOOK_AT = np.array([2.0, 3.90]), 2.95, np.array([1.97, 4.05, 0.76])
ARC_DEG = np.linspace(-28.0, 25.0, 11)
# After the arc the walk goes on along the right wall and looks back across the room.
SIDE_STEPS = np.array([[3.39, 1.48, 1.47], [3.48, 1.75, 1.55], [3.53, 2.03, 1.52]])
SIDE_LOOK_AT = np.array([[1.85, 4.05, 0.76], [1.58, 4.00, 0.74], [1.30, 3.94, 0.74]])


def handheld_walk(rng: np.random.Generator) -> list[Array]:
    """Camera-to-world matrices (4, 4) of the views in walking order, OpenCV axes, metres, world z up."""
    turn = np.radians(ARC_DEG)
    arc = np.stack([np.sin(turn), -np.cos(turn)], axis=-1) * ARC_RADIUS_M + ARC_CENTRE
    eyes = np.vstack([np.column_stack([arc, np.full(len(arc), 1.46)]), SIDE_STEPS])
    targets = np.vstack([np.tile(LOOK_AT, (len(arc), 1)), SIDE_LOOK_AT])
    eyes += rng.normal(0.0, (0.02, 0.02, 0.045), eyes.shape)
    targets += rng.normal(0.0, 0.07, targets.shape)
    rolls = rng.normal(0.0, np.radians(1.6), len(eyes))
    return [look_at(eye, target, roll) for eye, target, roll in zip(eyes, targets, rolls, strict=True)]


def look_at(eye: Array, target: Array, roll: float) -> Array:
    """The pose of a camera at `eye` that sees `target` in its middle, turned by `roll` radians about its axis."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    cam_to_world = np.eye(4)
    cam_to_world[:3, 0] = np.cos(roll) * right + np.sin(roll) * down
    cam_to_world[:3, 1] = np.cos(roll) * down - np.sin(roll) * right
    cam_to_world[:3, 2], cam_to_world[:3, 3] = forward, eye
    return cam_to_world


def add_camera() -> Any:
    """A Blender camera with the sample's intrinsics: square pixels, principal point in the image's middle."""
    lens = bpy.data.cameras.new("camera")
    lens.sensor_fit, lens.sensor_width, lens.lens = "HORIZONTAL", SENSOR_MM, FOCAL_PX * SENSOR_MM / WIDTH
    lens.clip_start, lens.clip_end = 0.05, 50.0
    camera = bpy.data.objects.new("camera", lens)
    bpy.context.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    return camera


def place_camera(camera: Any, cam_to_world: Array) -> None:
    """Blender's camera looks along -z with y up, OpenCV's along +z with y down."""
    camera.matrix_world = Matrix((cam_to_world @ np.diag([1.0, -1.0, -1.0, 1.0])).tolist())
    bpy.context.view_layer.update()

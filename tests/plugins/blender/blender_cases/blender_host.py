"""Pytest plugin for tests inside Blender: installs the built zip as a user would, and starts every test from an empty file.

The caller sets BLENDER_USER_RESOURCES to a fresh folder and AMB3R_TEST_ZIP to the zip, and gives every process a time limit.
"""

import os
import sys
from collections.abc import Iterator
from types import ModuleType

import bpy
import pytest

MODULE = "bl_ext.user_default.amb3r"


def part(name: str) -> ModuleType:
    """A module of the installed extension."""
    return sys.modules[f"{MODULE}.{name}"]


def preferences() -> bpy.types.AddonPreferences:
    return bpy.context.preferences.addons[MODULE].preferences


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    done = bpy.ops.extensions.package_install_files(
        filepath=os.environ["AMB3R_TEST_ZIP"], repo="user_default", enable_on_install=True, overwrite=True
    )
    assert done == {"FINISHED"}
    assert MODULE in bpy.context.preferences.addons


@pytest.fixture(autouse=True)
def _empty_file(_installed: None) -> Iterator[None]:
    bpy.ops.wm.read_homefile(use_empty=True)
    assert not bpy.data.objects
    yield
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")


def points_of_render(scene: bpy.types.Scene, camera: bpy.types.Object, world_to_camera: object, points: object) -> object:
    """Pixels (N, 2), counted from the corner, of points (N, 3) through Blender's own projection matrix."""
    import numpy as np

    render = scene.render
    projection = camera.calc_matrix_camera(
        bpy.context.evaluated_depsgraph_get(),
        x=render.resolution_x,
        y=render.resolution_y,
        scale_x=render.pixel_aspect_x,
        scale_y=render.pixel_aspect_y,
    )
    rows = np.column_stack([points, np.ones(len(points))]) @ (np.array(projection, dtype=np.float64) @ world_to_camera).T
    ndc = rows[:, :2] / rows[:, 3:]
    return np.column_stack([(ndc[:, 0] + 1) / 2 * render.resolution_x, (1 - ndc[:, 1]) / 2 * render.resolution_y])

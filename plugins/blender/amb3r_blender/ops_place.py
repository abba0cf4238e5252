# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that stand a scene upright and give it its size."""

# bpy has no type stubs, and its properties are calls in annotations.
# pyright: standard, reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

import bpy
import numpy as np
from bpy.props import EnumProperty, FloatProperty
from mathutils import Matrix

from . import tags
from .build_cameras import rescale_path
from .build_cloud import positions_of, rescale_cloud
from .core import rotation_between
from .ground import GroundError, fit_floor, levelled, plane_of_points
from .scene_tree import MARKERS, SceneTree, active_tree, polled_tree

METHODS = (
    ("CAMERAS", "Camera Average", "Up is the mean of the cameras' tops"),
    ("PLANE", "Plane Fit", "The largest level plane below the cameras becomes the floor"),
    ("POINTS", "Three Points", "Three selected markers, objects or corners become the floor"),
)
MARKER_SHARE = 0.5
"""Size of a marker, as a share of a camera icon's."""


class _NeedsScene:
    """Operators that work on the current scene."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_tree(context) is None:
            cls.poll_message_set("Import a scene first")
            return False
        return True


class AMB3R_OT_add_marker(_NeedsScene, bpy.types.Operator):
    """Put a marker at the 3D cursor, to measure or to level with (Shift + right click places the cursor on a point)"""

    bl_idname = "amb3r.add_marker"
    bl_label = "Add Marker"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        tree = polled_tree(context)
        marker = tree.add("Marker", tags.MARKER, None, MARKERS)
        marker.empty_display_type = "SPHERE"
        views = tree.views()
        marker.empty_display_size = MARKER_SHARE * views[0].data.display_size if views else 0.05
        context.view_layer.update()
        marker.matrix_world = Matrix.Translation(context.scene.cursor.location)
        marker.select_set(True)
        return {"FINISHED"}


class AMB3R_OT_orient_ground(_NeedsScene, bpy.types.Operator):
    """Turn the scene so that z is up"""

    bl_idname = "amb3r.orient_ground"
    bl_label = "Orient to Ground"
    bl_options = {"REGISTER", "UNDO"}

    method: EnumProperty(name="Method", items=METHODS, default="CAMERAS", description="Where up comes from")

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.view_layer.update()
        tree = polled_tree(context)
        try:
            transform, told = _orientation(context, tree, self.method)
        except GroundError as error:
            self.report({"ERROR"}, _sentence(error))
            return {"CANCELLED"}
        tree.root.matrix_world = Matrix(transform.tolist()) @ tree.root.matrix_world
        self.report({"INFO"}, told)
        return {"FINISHED"}


class AMB3R_OT_set_scale(_NeedsScene, bpy.types.Operator):
    """Make the distance of two selected markers, objects or corners the given one. Rewrites the scale of the whole scene"""

    bl_idname = "amb3r.set_scale"
    bl_label = "Set Scale"
    bl_options = {"REGISTER", "UNDO"}

    distance: FloatProperty(
        name="Distance", default=0.0, min=0.0, unit="LENGTH", description="True distance in metres; 0: what the panel says"
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.view_layer.update()
        tree = polled_tree(context)
        distance = self.distance or context.scene.amb3r.distance
        points = selected_points(context)
        if len(points) != 2:
            self.report({"ERROR"}, f"Select exactly two markers, objects or mesh corners, not {len(points)}")
            return {"CANCELLED"}
        measured = float(np.linalg.norm(points[1] - points[0]))
        scale = tree.root.matrix_world.to_scale()
        if measured == 0.0 or max(scale) - min(scale) > 1e-5 * max(scale):
            reason = (
                "The two points are at the same place"
                if measured == 0.0
                else "The root is stretched: give it one scale for all axes"
            )
            self.report({"ERROR"}, reason)
            return {"CANCELLED"}
        is_editing = context.mode == "EDIT_MESH"
        if is_editing:  # Edit Mode works on a copy of the mesh, which would undo the change when it is left
            bpy.ops.object.mode_set(mode="OBJECT")
        told = _apply_scale(context, tree, distance, measured)
        if is_editing:
            bpy.ops.object.mode_set(mode="EDIT")
        self.report({"WARNING"}, told)
        return {"FINISHED"}


def selected_points(context: bpy.types.Context) -> np.ndarray:
    """World places (N, 3) of the selected mesh corners in Edit Mode, else of the selected objects (the root left out)."""
    if context.mode == "EDIT_MESH":
        thing = context.edit_object
        thing.update_from_editmode()
        corners = [thing.matrix_world @ corner.co for corner in thing.data.vertices if corner.select]
        return np.array(corners, dtype=np.float64).reshape(-1, 3)
    chosen = [thing for thing in context.selected_objects if thing.get(tags.KIND) not in (tags.ROOT, tags.POINTS)]
    return np.array([thing.matrix_world.translation for thing in chosen], dtype=np.float64).reshape(-1, 3)


def rescale_tree(tree: SceneTree, factor: float) -> None:
    """Multiplies every length below the root; the root itself stays."""
    done: set[bpy.types.ID] = set()
    for thing in tree.root.children:
        kind = thing.get(tags.KIND)
        thing.location = [value * factor for value in thing.location]
        if kind == tags.PATH:
            rescale_path(thing, factor)
        if thing.type == "CAMERA":
            camera = thing.data
            camera.display_size *= factor
            camera.clip_start, camera.clip_end = camera.clip_start * factor, camera.clip_end * factor
        elif kind == tags.POINTS and thing.data not in done:
            rescale_cloud(thing.data, factor)
        elif kind == tags.RELIEF and thing.data not in done:
            thing.data.transform(Matrix.Scale(factor, 4))
        elif thing.type == "EMPTY":
            thing.empty_display_size *= factor
        else:
            thing.scale = [value * factor for value in thing.scale]
        if thing.data is not None:
            done.add(thing.data)


def _apply_scale(context: bpy.types.Context, tree: SceneTree, distance: float, measured: float) -> str:
    """The root's own scale goes into what is below it, so that exports are in metres too."""
    root = tree.root
    own = root.matrix_world.to_scale()[0]
    factor = distance / measured * own
    rescale_tree(tree, factor)
    place, rotation, _ = root.matrix_world.decompose()
    root.matrix_world = Matrix.LocRotScale(place, rotation, (1.0, 1.0, 1.0))
    context.view_layer.update()
    was = f"{root.get(tags.SCALE_KIND, 'relative')} ({root.get(tags.SCALE_SOURCE, 'unknown')})"
    root[tags.SCALE_FACTOR] = float(root.get(tags.SCALE_FACTOR, 1.0)) * factor
    root[tags.SCALE_KIND] = "metric"
    root[tags.SCALE_SOURCE] = f"two points {distance:g} m apart, set in Blender"
    return f"Scale of {root.name} rewritten: every length times {distance / measured:.6g}; it was {was}"


def _orientation(context: bpy.types.Context, tree: SceneTree, method: str) -> tuple[np.ndarray, str]:
    """The transform (4, 4) to put before the root's, and what it did."""
    views = [thing.matrix_world for thing in tree.objects(tags.VIEW, tags.PATH)]
    ups = np.array([matrix.to_3x3().col[1] for matrix in views], dtype=np.float64).reshape(-1, 3)
    up = ups.mean(axis=0) if len(ups) else np.array([0.0, 0.0, 1.0])
    if float(np.linalg.norm(up)) < 1e-6:
        up = np.array([0.0, 0.0, 1.0])
    up = up / np.linalg.norm(up)
    if method == "CAMERAS":
        if not len(ups):
            raise GroundError("the scene has no cameras")
        transform = np.eye(4)
        transform[:3, :3] = rotation_between(up, np.array([0.0, 0.0, 1.0]))
        return transform, "Up is the mean of the cameras"
    if method == "POINTS":
        points = selected_points(context)
        if len(points) != 3:
            raise GroundError(f"select exactly three markers, objects or mesh corners, not {len(points)}")
        return levelled(plane_of_points(points, up)), "The floor goes through the three points"
    cloud = tree.first(tags.POINTS)
    if cloud is None:
        raise GroundError("the scene has no points to fit a plane to")
    world = np.array(cloud.matrix_world, dtype=np.float64)
    points = positions_of(cloud.data) @ world[:3, :3].T + world[:3, 3]
    centres = np.array([matrix.translation for matrix in views], dtype=np.float64).reshape(-1, 3)
    return levelled(fit_floor(points, centres, up)), "The largest level plane below the cameras is the floor"


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]


CLASSES = (AMB3R_OT_add_marker, AMB3R_OT_orient_ground, AMB3R_OT_set_scale)

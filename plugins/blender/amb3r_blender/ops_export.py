# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras back out, in the scene file's own frame: what the user did to the root is undone, what he did to a camera is kept."""

# bpy has no type stubs, and its properties are calls in annotations.
# pyright: standard, reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from collections.abc import Mapping
from pathlib import Path

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from . import tags
from .camera_files import write_colmap_text, write_nerfstudio, write_scene_cameras
from .core import (
    Letterbox,
    Provenance,
    Reconstruction,
    Scale,
    View,
    WeightsInfo,
    opencv_to_opengl,
    rigid,
    rotation_from_quaternion,
)
from .scene_tree import root_of
from .views import intrinsics_of

FORMATS = (
    ("AMB3R", "AMB3R Scene", "A scene.amb3r with cameras only"),
    ("COLMAP", "COLMAP Text", "cameras.txt, images.txt and points3D.txt in a folder"),
    ("NERFSTUDIO", "Nerfstudio", "transforms.json"),
)


class EXPORT_SCENE_OT_amb3r_cameras(bpy.types.Operator, ExportHelper):
    """Export cameras for other programs, with the root's transform undone"""

    bl_idname = "export_scene.amb3r_cameras"
    bl_label = "Export Cameras"
    bl_options = {"PRESET"}

    filename_ext = ""
    check_extension = None
    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"SKIP_SAVE"})
    format: EnumProperty(name="Format", items=FORMATS, default="AMB3R", description="What to write")
    selected_only: BoolProperty(name="Selected Only", default=False, description="Leave out cameras that are not selected")

    def execute(self, context: bpy.types.Context) -> set[str]:
        things = _cameras(context, self.selected_only)
        if not things:
            self.report({"ERROR"}, "There is no camera to export" if not self.selected_only else "No camera is selected")
            return {"CANCELLED"}
        roots = {root_of(thing) for thing in things}
        exported = _exported(roots, exported_views(context.scene, things))
        path = Path(bpy.path.abspath(self.filepath))
        try:
            written = _write(self.format, path, exported)
        except OSError as error:
            self.report({"ERROR"}, f"{path} cannot be written: {error.strerror}")
            return {"CANCELLED"}
        if len(roots) > 1:
            self.report({"WARNING"}, "The cameras belong to several scenes, each exported in its own frame")
        self.report({"INFO"}, f"{exported.n_views} cameras written to {written[0]}")
        return {"FINISHED"}


def exported_views(scene: bpy.types.Scene, things: list[bpy.types.Object]) -> tuple[View, ...]:
    """The cameras as they are now."""
    taken: set[str] = set()
    views: list[View] = []
    for thing in things:
        name = str(thing.get(tags.VIEW_NAME, f"{thing.name}.png"))
        while name in taken:
            name = f"{Path(name).stem}_1{Path(name).suffix}"
        taken.add(name)
        time, camera = thing.get(tags.TIME), intrinsics_of(thing, scene)
        views.append(
            View(
                name=name,
                camera=camera,
                cam_to_world=pose_of(thing),
                letterbox=Letterbox(x=0, y=0, width=camera.width, height=camera.height),
                path=thing.get(tags.IMAGE),
                timestamp_s=None if time is None else float(time),
            )
        )
    return tuple(views)


def pose_of(thing: bpy.types.Object) -> np.ndarray:
    """Camera-to-world (4, 4) with OpenCV axes, in the frame of the camera's root (of the Blender world without one).

    A camera right below its root is read from its own location and rotation: going through the world would cost digits.
    """
    root = root_of(thing)
    if root is not None and _is_plain_child(thing, root):
        rotation = rotation_from_quaternion(np.array(thing.rotation_quaternion, dtype=np.float64))
        return opencv_to_opengl(rigid(rotation, np.array(thing.location, dtype=np.float64)))
    world = np.array(thing.matrix_world, dtype=np.float64)
    if root is not None:
        world = np.linalg.inv(np.array(root.matrix_world, dtype=np.float64)) @ world
    left, _, right = np.linalg.svd(world[:3, :3])
    return opencv_to_opengl(rigid(np.asarray(left @ right, dtype=np.float64), world[:3, 3]))


def _is_plain_child(thing: bpy.types.Object, root: bpy.types.Object) -> bool:
    """Whether location and rotation alone say where a camera is, seen from its root."""
    return (
        thing.parent == root
        and thing.parent_type == "OBJECT"
        and not thing.constraints
        and thing.rotation_mode == "QUATERNION"
        and not any(thing.delta_location)
        and tuple(thing.delta_rotation_quaternion) == (1.0, 0.0, 0.0, 0.0)
        and np.array_equal(np.array(thing.matrix_parent_inverse), np.eye(4))
    )


def _cameras(context: bpy.types.Context, selected_only: bool) -> list[bpy.types.Object]:
    """The views of all scenes, or the selected cameras, in the views' order."""
    things = [thing for thing in context.scene.objects if thing.type == "CAMERA"]
    if selected_only:
        things = [thing for thing in things if thing.select_get()]
    elif any(thing.get(tags.KIND) == tags.VIEW for thing in things):
        things = [thing for thing in things if thing.get(tags.KIND) == tags.VIEW]
    return sorted(things, key=lambda thing: (thing.get(tags.INDEX, 1 << 30), thing.name))


def _exported(roots: "set[bpy.types.Object | None]", views: tuple[View, ...]) -> Reconstruction:
    """The views, with the scale and the weights of the one scene they belong to."""
    root = next(iter(roots)) if len(roots) == 1 else None
    facts = {} if root is None else root
    licence, up = facts.get(tags.LICENCE, "none"), facts.get(tags.UP)
    weights = None
    if licence != "none":
        weights = WeightsInfo(name=facts.get(tags.WEIGHTS, "unknown"), sha256="", licence=licence, source="Blender")
    return Reconstruction(
        views=views,
        scale=Scale(
            kind="metric" if facts.get(tags.SCALE_KIND) == "metric" else "relative",
            source=facts.get(tags.SCALE_SOURCE, "unknown"),
        ),
        provenance=Provenance(
            model=facts.get(tags.MODEL, "unknown"),
            version=facts.get(tags.VERSION, ""),
            pipeline="blender",
            weights=weights,
            notes=("cameras exported from Blender", *_told_poses(facts)),
        ),
        up_world=None if up is None else (float(up[0]), float(up[1]), float(up[2])),
    )


def _told_poses(facts: Mapping[str, object]) -> tuple[str, ...]:
    """How far the poses were trusted that the cameras had when they came; what they have now nobody has judged."""
    told = facts.get(tags.POSES)
    return () if told is None or facts.get(tags.POSE_TRUST) is None else (f"poses of the scene they come from: {told}",)


def _write(kind: str, path: Path, exported: Reconstruction) -> list[Path]:
    if kind == "COLMAP":
        return write_colmap_text(path, exported.views)
    if kind == "NERFSTUDIO":
        return write_nerfstudio(path if path.suffix == ".json" else path / "transforms.json", exported.views)
    return write_scene_cameras(path if path.suffix == ".amb3r" else path.with_name(f"{path.name}.amb3r"), exported)


def menu_export(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.operator(EXPORT_SCENE_OT_amb3r_cameras.bl_idname, text="AMB3R Cameras")


CLASSES = (EXPORT_SCENE_OT_amb3r_cameras,)

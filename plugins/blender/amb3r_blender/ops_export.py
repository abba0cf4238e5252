# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras back out, in the scene file's own frame: what the user did to the root is undone, what he did to a camera is kept."""

from pathlib import Path

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from . import tags
from .camera_files import ExportedCamera, ExportNotes, write_colmap_text, write_nerfstudio, write_scene_cameras
from .camera_math import flip_camera_axes
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
        cameras = exported_cameras(context.scene, things)
        path = Path(bpy.path.abspath(self.filepath))
        try:
            written = _write(self.format, path, cameras, _notes(roots))
        except OSError as error:
            self.report({"ERROR"}, f"{path} cannot be written: {error.strerror}")
            return {"CANCELLED"}
        if len(roots) > 1:
            self.report({"WARNING"}, "The cameras belong to several scenes, each exported in its own frame")
        self.report({"INFO"}, f"{len(cameras)} cameras written to {written[0]}")
        return {"FINISHED"}


def exported_cameras(scene: bpy.types.Scene, things: list[bpy.types.Object]) -> list[ExportedCamera]:
    """The cameras as they are now."""
    taken: set[str] = set()
    cameras: list[ExportedCamera] = []
    for thing in things:
        name = str(thing.get(tags.VIEW_NAME, f"{thing.name}.png"))
        while name in taken:
            name = f"{Path(name).stem}_1{Path(name).suffix}"
        taken.add(name)
        time = thing.get(tags.TIME)
        cameras.append(
            ExportedCamera(
                name=name,
                camera=intrinsics_of(thing, scene),
                cam_to_world=pose_of(thing),
                image=thing.get(tags.IMAGE),
                time_s=None if time is None else float(time),
            )
        )
    return cameras


def pose_of(thing: bpy.types.Object) -> np.ndarray:
    """Camera-to-world (4, 4) with OpenCV axes, in the frame of the camera's root (of the Blender world without one).

    A camera right below its root is read from its own location and rotation: going through the world would cost digits.
    """
    root = root_of(thing)
    if root is not None and _is_plain_child(thing, root):
        return flip_camera_axes(_rigid(np.array(thing.rotation_quaternion), np.array(thing.location)))
    world = np.array(thing.matrix_world, dtype=np.float64)
    if root is not None:
        world = np.linalg.inv(np.array(root.matrix_world, dtype=np.float64)) @ world
    left, _, right = np.linalg.svd(world[:3, :3])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = left @ right, world[:3, 3]
    return flip_camera_axes(pose)


def _rigid(quaternion: np.ndarray, location: np.ndarray) -> np.ndarray:
    w, x, y, z = (quaternion / np.linalg.norm(quaternion)).tolist()
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = location
    return pose


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


def _notes(roots: "set[bpy.types.Object | None]") -> ExportNotes:
    """The scale and the weights of the one scene the cameras belong to."""
    root = next(iter(roots)) if len(roots) == 1 else None
    if root is None:
        return ExportNotes()
    licence = root.get(tags.LICENCE)
    up = root.get(tags.UP)
    return ExportNotes(
        is_metric=root.get(tags.SCALE_KIND) == "metric",
        scale_source=root.get(tags.SCALE_SOURCE, "unknown"),
        weights_name=root.get(tags.WEIGHTS),
        weights_licence=None if licence in (None, "none") else licence,
        version=root.get(tags.VERSION, ""),
        model=root.get(tags.MODEL, "unknown"),
        up=None if up is None else (float(up[0]), float(up[1]), float(up[2])),
    )


def _write(kind: str, path: Path, cameras: list[ExportedCamera], notes: ExportNotes) -> list[Path]:
    if kind == "COLMAP":
        return write_colmap_text(path, cameras)
    if kind == "NERFSTUDIO":
        return write_nerfstudio(path if path.suffix == ".json" else path / "transforms.json", cameras)
    return write_scene_cameras(path if path.suffix == ".amb3r" else path.with_name(f"{path.name}.amb3r"), cameras, notes)


def menu_export(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.operator(EXPORT_SCENE_OT_amb3r_cameras.bl_idname, text="AMB3R Cameras")


CLASSES = (EXPORT_SCENE_OT_amb3r_cameras,)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that look through views and render them."""

# bpy has no type stubs, and its properties are calls in annotations.
# pyright: standard, reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from pathlib import Path, PurePosixPath

import bpy
from bpy.props import StringProperty

from . import tags
from .scene_tree import SceneTree, active_tree
from .views import look_through

RENDER_FOLDER = "//renders"
_KEPT = ("resolution_x", "resolution_y", "resolution_percentage", "pixel_aspect_x", "pixel_aspect_y", "filepath")


class _NeedsViews:
    """Operators that work on the views of the current scene."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        tree = active_tree(context)
        if tree is None or not tree.views():
            cls.poll_message_set("Import a scene with cameras first")
            return False
        return True


class AMB3R_OT_view_camera(_NeedsViews, bpy.types.Operator):
    """Look through a view: its camera, render size, pixel aspect, frame and photo"""

    bl_idname = "amb3r.view_camera"
    bl_label = "Look Through View"
    bl_options = {"REGISTER", "UNDO"}

    name: StringProperty(name="View", description="Name of the view; empty: the active camera", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        tree = active_tree(context)
        thing = context.object if not self.name else _named(tree, self.name)
        if thing is None or thing.type != "CAMERA":
            self.report({"ERROR"}, f"There is no view named {self.name!r}" if self.name else "Select a camera first")
            return {"CANCELLED"}
        look_through(context, thing)
        return {"FINISHED"}


class AMB3R_OT_next_view(_NeedsViews, bpy.types.Operator):
    """Look through the next view"""

    bl_idname = "amb3r.next_view"
    bl_label = "Next View"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _step(context, 1)


class AMB3R_OT_previous_view(_NeedsViews, bpy.types.Operator):
    """Look through the previous view"""

    bl_idname = "amb3r.previous_view"
    bl_label = "Previous View"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        return _step(context, -1)


class AMB3R_OT_render_views(_NeedsViews, bpy.types.Operator):
    """Render every view at its own size into a folder"""

    bl_idname = "amb3r.render_views"
    bl_label = "Render All Views"

    directory: StringProperty(name="Folder", default=RENDER_FOLDER, subtype="DIR_PATH", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        if self.directory.startswith("//") and not bpy.data.is_saved:
            self.report({"ERROR"}, "Save the .blend file first, or choose a folder")
            return {"CANCELLED"}
        tree = active_tree(context)
        folder = Path(bpy.path.abspath(self.directory))
        views = tree.views() if tree is not None else []
        context.window_manager.progress_begin(0, len(views))
        with _restored(context.scene):
            for done, thing in enumerate(views):
                look_through(context, thing, turn_viewport=False)
                name = PurePosixPath(thing[tags.VIEW_NAME]).with_suffix("")
                context.scene.render.filepath = str(folder / name)
                bpy.ops.render.render(write_still=True)
                context.window_manager.progress_update(done + 1)
        context.window_manager.progress_end()
        self.report({"INFO"}, f"{len(views)} views rendered to {folder}")
        return {"FINISHED"}


class _restored:
    """Puts a scene's camera, render size, output and frame back at the end."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._scene = scene

    def __enter__(self) -> None:
        scene = self._scene
        self._values = {name: getattr(scene.render, name) for name in _KEPT}
        self._camera, self._frame = scene.camera, (scene.frame_current, scene.frame_subframe)

    def __exit__(self, *_error: object) -> None:
        for name, value in self._values.items():
            setattr(self._scene.render, name, value)
        self._scene.camera = self._camera
        self._scene.frame_set(self._frame[0], subframe=self._frame[1])


def _named(tree: SceneTree | None, name: str) -> bpy.types.Object | None:
    views = tree.views() if tree is not None else []
    return next((thing for thing in views if name in (thing[tags.VIEW_NAME], thing.name)), None)


def _step(context: bpy.types.Context, direction: int) -> set[str]:
    """Goes round: after the last view comes the first."""
    tree = active_tree(context)
    views = tree.views() if tree is not None else []
    start = -1 if direction > 0 else 0
    index = views.index(context.scene.camera) if context.scene.camera in views else start
    look_through(context, views[(index + direction) % len(views)])
    return {"FINISHED"}


CLASSES = (AMB3R_OT_view_camera, AMB3R_OT_next_view, AMB3R_OT_previous_view, AMB3R_OT_render_views)

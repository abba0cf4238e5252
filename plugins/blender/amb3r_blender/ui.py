# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar. Drawing reads only what is in memory: settings, the root's properties, the running job."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

import bpy

from . import build_cloud, compat, nodes, tags
from .core import NOT_JUDGED, pose_word, trust_told
from .props import ENGINE_OPTIONS, draw_options
from .runtime import RUNTIME
from .scene_tree import active_tree, polled_tree

WRAP_AT = 48


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "AMB3R"


class _ScenePanel(_Panel):
    """Panels of an imported scene."""

    bl_parent_id = "AMB3R_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active_tree(context) is not None


class AMB3R_PT_main(_Panel, bpy.types.Panel):
    """Input, run, progress, result"""

    bl_idname = "AMB3R_PT_main"
    bl_label = "AMB3R"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.amb3r
        row = layout.row(align=True)
        row.prop(settings, "input_path", text="")
        row.operator("amb3r.choose_input", text="", icon="FILEBROWSER")
        if len(settings.input_files):
            layout.label(text=f"{len(settings.input_files)} photos chosen", icon="IMAGE_DATA")
        column = layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        for name in ("model", "quality", "max_frames", "sample_fps", "output_path"):
            column.prop(settings, name)
        if _fold(layout, settings, "show_engine_options"):
            box = layout.box().column()
            box.use_property_split, box.use_property_decorate = True, False
            for name in ENGINE_OPTIONS:
                box.prop(settings, name)
            box.operator("amb3r.list_options", icon="TEXT")
        if _fold(layout, settings, "show_options"):
            draw_options(layout.box(), settings)
        _draw_run(layout)
        layout.operator("import_scene.amb3r", text="Import Scene", icon="IMPORT")


class AMB3R_PT_scene(_ScenePanel, bpy.types.Panel):
    """What the scene is made of, and how far it can be trusted"""

    bl_label = "Scene"
    bl_options = set()

    def draw(self, context: bpy.types.Context) -> None:
        root, layout = polled_tree(context).root, self.layout
        placed, in_all, n_points = root.get(tags.COUNTS, (0, 0, 0))
        metric = root.get(tags.SCALE_KIND) == "metric"
        layout.label(text=f"{root.get(tags.NAME, root.name)}: {placed} of {in_all} views, {n_points:,} points")
        layout.label(
            text="Metric: lengths are metres" if metric else "Relative: size unknown", icon="CHECKMARK" if metric else "ERROR"
        )
        _draw_poses(layout, root)
        _wrapped(layout, f"Scale: {root.get(tags.SCALE_SOURCE, 'unknown')}")
        _wrapped(layout, f"Model: {root.get(tags.MODEL, '?')}, weights: {root.get(tags.WEIGHTS, '?')}")
        _wrapped(layout, f"Weights' licence: {root.get(tags.LICENCE, '?')}")
        for note in str(root.get(tags.NOTES, "")).splitlines():
            _wrapped(layout, note, icon="INFO")


class AMB3R_PT_views(_ScenePanel, bpy.types.Panel):
    """Cameras and photos"""

    bl_label = "Views"
    bl_options = set()

    def draw(self, context: bpy.types.Context) -> None:
        layout, camera = self.layout, context.scene.camera
        row = layout.row(align=True)
        row.operator("amb3r.previous_view", text="", icon="TRIA_LEFT")
        row.label(text=_view_label(camera))
        row.operator("amb3r.next_view", text="", icon="TRIA_RIGHT")
        layout.operator("amb3r.view_camera", icon="OUTLINER_OB_CAMERA")
        if camera is not None and camera.type == "CAMERA" and len(camera.data.background_images):
            layout.prop(camera.data.background_images[0], "alpha", text="Photo Opacity", slider=True)
        layout.operator("amb3r.depth_relief", icon="MESH_GRID").keep = context.scene.amb3r.keep
        layout.operator("amb3r.import_mesh", icon="MESH_DATA")
        layout.operator("amb3r.render_views", icon="RENDER_STILL")


class AMB3R_PT_points(_ScenePanel, bpy.types.Panel):
    """Live sliders of the cloud"""

    bl_label = "Points"
    bl_options = set()

    def draw(self, context: bpy.types.Context) -> None:
        cloud = polled_tree(context).first(tags.POINTS)
        sliders = build_cloud.sliders_of(cloud) if cloud is not None else None
        if sliders is None:
            self.layout.label(text="This scene has no points with sliders")
            return
        for name in nodes.SLIDERS:
            compat.draw_modifier_input(self.layout, sliders, name)


class AMB3R_PT_place(_ScenePanel, bpy.types.Panel):
    """Up and size"""

    bl_label = "Orientation and Scale"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("amb3r.add_marker", icon="EMPTY_AXIS")
        layout.operator_menu_enum("amb3r.orient_ground", "method", text="Orient to Ground", icon="ORIENTATION_NORMAL")
        row = layout.row(align=True)
        row.prop(context.scene.amb3r, "distance")
        row.operator("amb3r.set_scale")


class AMB3R_PT_export(_ScenePanel, bpy.types.Panel):
    """Cameras for other programs"""

    bl_label = "Export"

    def draw(self, _context: bpy.types.Context) -> None:
        for kind, label in (("AMB3R", "AMB3R Scene"), ("COLMAP", "COLMAP"), ("NERFSTUDIO", "Nerfstudio")):
            self.layout.operator("export_scene.amb3r_cameras", text=label, icon="EXPORT").format = kind


def _draw_poses(layout: bpy.types.UILayout, root: bpy.types.Object) -> None:
    """How far the scene file's poses may be trusted; a warning where they are doubtful."""
    trust = root.get(tags.POSE_TRUST)
    icon = "QUESTION" if trust is None else "ERROR" if pose_word(trust) == "doubtful" else "CHECKMARK"
    _wrapped(layout, f"Poses: {root.get(tags.POSES, NOT_JUDGED)}", icon=icon)


def _view_label(camera: bpy.types.Object | None) -> str:
    """The view's name, and how far its pose may be trusted where that is known."""
    if camera is None:
        return "no camera"
    trust = camera.get(tags.POSE_TRUST)
    name = str(camera.get(tags.VIEW_NAME, camera.name))
    return name if trust is None else f"{name}, pose {trust_told(trust)}"


def _fold(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, name: str) -> bool:
    """A line that folds what follows; whether it is open."""
    is_open = getattr(settings, name)
    layout.prop(settings, name, icon="TRIA_DOWN" if is_open else "TRIA_RIGHT", emboss=False)
    return is_open


def _draw_run(layout: bpy.types.UILayout) -> None:
    job = RUNTIME.job
    if job is None:
        layout.operator("amb3r.reconstruct", icon="PLAY")
    else:
        progress = job.progress
        text = f"{progress.stage} {progress.message}".strip()
        layout.progress(factor=progress.share or 0.0, text=f"{text}, {job.elapsed_s:.0f} s")
        layout.operator("amb3r.cancel", icon="CANCEL")
    if RUNTIME.report:
        _wrapped(layout, RUNTIME.report, icon="ERROR" if RUNTIME.is_error else "CHECKMARK")
    if job is not None or RUNTIME.log:
        layout.operator("amb3r.copy_log", icon="TEXT")


def _wrapped(layout: bpy.types.UILayout, text: str, icon: str = "NONE") -> None:
    """A label that breaks into lines: Blender would cut it off."""
    column = layout.column(align=True)
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > WRAP_AT:
            column.label(text=line, icon=icon)
            line, icon = "", "BLANK1" if icon != "NONE" else "NONE"
        line = f"{line} {word}".strip()
    column.label(text=line, icon=icon)


CLASSES = (AMB3R_PT_main, AMB3R_PT_scene, AMB3R_PT_views, AMB3R_PT_points, AMB3R_PT_place, AMB3R_PT_export)

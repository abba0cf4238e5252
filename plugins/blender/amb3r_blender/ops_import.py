# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that bring things in: scenes, meshes, depth reliefs."""

# bpy has no type stubs, and its properties are calls in annotations.
# pyright: standard, reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from pathlib import Path

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from . import build_relief, nodes, tags
from .build_scene import import_scene
from .core import DEFAULT_KEEP, Amb3rError
from .opened_scene import open_scene
from .props import KEEP_ITEMS, ImportOptions, choices_of, draw_options
from .run import summary
from .runtime import RUNTIME
from .scene_tree import MESHES, SceneTree, active_tree, root_of

MESH_IMPORTERS = {".ply": "ply_import", ".obj": "obj_import"}


class IMPORT_SCENE_OT_amb3r(ImportOptions, bpy.types.Operator, ImportHelper):
    """Import a scene that amb3r reconstructed: cameras, points, photos"""

    bl_idname = "import_scene.amb3r"
    bl_label = "Import AMB3R Scene"
    bl_options = {"REGISTER", "UNDO", "PRESET"}

    filename_ext = ".amb3r"
    filepath: StringProperty(
        name="Scene", description="scene.amb3r, or the folder it is in", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: StringProperty(default="*.amb3r", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self.invoke_popup(context)

    def draw(self, _context: bpy.types.Context) -> None:
        draw_options(self.layout, self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            made = import_scene(context, Path(bpy.path.abspath(self.filepath)), choices_of(self))
        except (Amb3rError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for note in [*made.scene.provenance.notes, *made.notes]:
            self.report({"INFO"}, note)
        RUNTIME.report, RUNTIME.is_error = summary(made), False
        self.report({"INFO"}, RUNTIME.report)
        return {"FINISHED"}


class AMB3R_FH_scene(bpy.types.FileHandler):
    """Lets a scene file be dropped into a window"""

    bl_idname = "AMB3R_FH_scene"
    bl_label = "AMB3R Scene"
    bl_import_operator = "import_scene.amb3r"
    bl_file_extensions = ".amb3r"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type in ("VIEW_3D", "OUTLINER")


class AMB3R_OT_import_mesh(bpy.types.Operator, ImportHelper):
    """Put a mesh that was made from this scene (PLY or OBJ, in the scene file's own axes) below its root"""

    bl_idname = "amb3r.import_mesh"
    bl_label = "Import Mesh"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="Mesh", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.ply;*.obj", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _has_scene(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(bpy.path.abspath(self.filepath))
        importer = MESH_IMPORTERS.get(path.suffix.lower())
        if importer is None or not path.is_file():
            self.report({"ERROR"}, f"{path} is no PLY or OBJ file")
            return {"CANCELLED"}
        tree = active_tree(context)
        if tree is None:
            return {"CANCELLED"}
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        before = set(bpy.data.objects)
        getattr(bpy.ops.wm, importer)(filepath=str(path), forward_axis="Y", up_axis="Z")
        added = [thing for thing in bpy.data.objects if thing not in before and thing.type == "MESH"]
        for thing in added:
            _adopt(tree, thing)
        self.report({"INFO"}, f"{path.name}: {sum(len(thing.data.polygons) for thing in added):,} faces")
        return {"FINISHED"} if added else {"CANCELLED"}


class AMB3R_OT_depth_relief(bpy.types.Operator):
    """Make a textured mesh of the views' depth maps, cut where the depth jumps"""

    bl_idname = "amb3r.depth_relief"
    bl_label = "Depth Relief"
    bl_options = {"REGISTER", "UNDO"}

    scope: EnumProperty(
        name="Views", items=(("SELECTED", "Selected", "The selected cameras"), ("ALL", "All", "Every view")), default="SELECTED"
    )
    keep: EnumProperty(name="Depth", items=KEEP_ITEMS, default=DEFAULT_KEEP, description="How much depth to make them of")
    step: IntProperty(name="Step", default=1, min=1, soft_max=16, description="Take every so many depth pixels")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _has_scene(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        tree = active_tree(context)
        if tree is None:
            return {"CANCELLED"}
        wanted = [thing for thing in tree.views() if self.scope == "ALL" or thing.select_get()]
        if not wanted:
            self.report({"ERROR"}, "Select the cameras of the views to make a relief of")
            return {"CANCELLED"}
        try:
            scene = open_scene(Path(tree.root[tags.SCENE]))
            dense = scene.open_dense()
        except (Amb3rError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        names = {thing[tags.VIEW_NAME] for thing in wanted}
        indices = [index for index, view in enumerate(scene.views) if view.name in names]
        factor = float(tree.root.get(tags.SCALE_FACTOR, 1.0))
        made = build_relief.build_reliefs(tree, scene, dense, indices, factor, keep=self.keep, step=self.step)
        self.report({"INFO"} if made else {"ERROR"}, f"{made} of {len(indices)} views have depth (Depth: {self.keep})")
        return {"FINISHED"} if made else {"CANCELLED"}


def _has_scene(cls: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    if active_tree(context) is None:
        cls.poll_message_set("Import a scene first")
        return False
    return True


def _adopt(tree: SceneTree, thing: bpy.types.Object) -> None:
    """Moves an imported mesh below the root; its own colours show when it has some."""
    if root_of(thing) is None:
        thing[tags.KIND] = tags.MESH
        thing.parent = tree.root
        factor = float(tree.root.get(tags.SCALE_FACTOR, 1.0))
        thing.scale = (factor,) * 3
    for collection in list(thing.users_collection):
        collection.objects.unlink(thing)
    tree.folder(MESHES).objects.link(thing)
    colors = thing.data.color_attributes
    if len(colors) and not thing.data.materials:
        thing.data.materials.append(nodes.emission_material(thing.name, attribute=colors[0].name))


def menu_import(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.operator(IMPORT_SCENE_OT_amb3r.bl_idname, text="AMB3R Scene (.amb3r)")


CLASSES = (IMPORT_SCENE_OT_amb3r, AMB3R_FH_scene, AMB3R_OT_import_mesh, AMB3R_OT_depth_relief)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Blender 4.5, 5.0 and 5.2, or needs a detour in all of them."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

from collections.abc import Mapping, Sequence

import bpy
import numpy as np
from numpy.typing import NDArray

LINEAR = 1
"""Number of the LINEAR keyframe interpolation."""


def input_identifier(tree: bpy.types.NodeTree, name: str) -> str:
    """Identifier of a node group's input."""
    for item in tree.interface.items_tree:
        if item.item_type == "SOCKET" and item.in_out == "INPUT" and item.name == name:
            return item.identifier
    raise KeyError(name)


def get_modifier_input(modifier: bpy.types.NodesModifier, name: str) -> float:
    """Value of a geometry-nodes modifier's input."""
    identifier = input_identifier(modifier.node_group, name)
    if hasattr(modifier, "properties"):
        return getattr(modifier.properties.inputs, identifier).value
    return modifier[identifier]


def set_modifier_input(modifier: bpy.types.NodesModifier, name: str, value: float) -> None:
    """Sets a geometry-nodes modifier's input and lets Blender know."""
    identifier = input_identifier(modifier.node_group, name)
    if hasattr(modifier, "properties"):
        getattr(modifier.properties.inputs, identifier).value = value
    else:
        modifier[identifier] = value
    modifier.id_data.update_tag()


def draw_modifier_input(layout: bpy.types.UILayout, modifier: bpy.types.NodesModifier, name: str) -> None:
    """A slider for a geometry-nodes modifier's input."""
    identifier = input_identifier(modifier.node_group, name)
    if hasattr(modifier, "properties"):
        layout.prop(getattr(modifier.properties.inputs, identifier), "value", text=name, slider=True)
    else:
        layout.prop(modifier, f'["{identifier}"]', text=name, slider=True)


def write_curves(
    block: bpy.types.ID, frames: NDArray[np.float64], curves: Mapping[tuple[str, int], Sequence[float] | NDArray[np.float64]]
) -> None:
    """Gives `block` a new action with linear curves over `frames` (N); keys: data path and array index."""
    animation = block.animation_data_create()
    old = animation.action
    action = bpy.data.actions.new(f"{block.name} Path")
    slot = action.slots.new(id_type=block.id_type, name=block.name)
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    channels = strip.channelbag(slot, ensure=True)
    interpolation = np.full(len(frames), LINEAR, np.int32)
    for (path, index), values in curves.items():
        curve = channels.fcurves.new(path, index=index)
        curve.keyframe_points.add(len(frames))
        curve.keyframe_points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
        curve.keyframe_points.foreach_set("interpolation", interpolation)
        curve.update()
    animation.action = action
    animation.action_slot = slot
    if old is not None and old.users == 0:
        bpy.data.actions.remove(old)


def curves_of(block: bpy.types.ID) -> list[bpy.types.FCurve]:
    """All curves of a block's own action."""
    animation = block.animation_data
    if animation is None or animation.action is None or animation.action_slot is None:
        return []
    strips = [strip for layer in animation.action.layers for strip in layer.strips]
    bags = [strip.channelbag(animation.action_slot) for strip in strips]
    return [curve for bag in bags if bag is not None for curve in bag.fcurves]


def native_cloud(context: bpy.types.Context, name: str, mesh: bpy.types.Mesh, nodes: bpy.types.NodeTree) -> bpy.types.PointCloud:
    """The point cloud that `nodes` makes of `mesh`; the mesh is removed.

    `bpy.data.pointclouds` makes only empty clouds, and the operator that converts a mesh does not run in Edit Mode: so a
    temporary object is evaluated and its result copied.
    """
    helper = bpy.data.objects.new(f".{name}", mesh)
    context.scene.collection.objects.link(helper)
    try:
        helper.modifiers.new("Points", "NODES").node_group = nodes
        evaluated = helper.evaluated_get(context.evaluated_depsgraph_get())
        geometry = evaluated.evaluated_geometry()  # kept in a variable: it owns the cloud that is copied
        cloud = geometry.pointcloud.copy()
    finally:
        bpy.data.objects.remove(helper)
        bpy.data.meshes.remove(mesh)
    cloud.name = name
    return cloud


def show_material_preview(context: bpy.types.Context) -> int:
    """Switches solid 3D views to Material Preview, which alone shows the colours of points; how many."""
    manager = context.window_manager
    screens = {window.screen for window in manager.windows} if manager is not None else set()
    spaces = [area.spaces.active for screen in screens for area in screen.areas if area.type == "VIEW_3D"]
    solid = [space for space in spaces if space.shading.type in ("SOLID", "WIREFRAME")]
    for space in solid:
        space.shading.type = "MATERIAL"
    return len(solid)


def look_through_camera(context: bpy.types.Context) -> None:
    """Turns the 3D views of the current screen to the scene's camera."""
    for area in context.screen.areas if context.screen is not None else ():
        if area.type == "VIEW_3D" and area.spaces.active.region_3d is not None:
            area.spaces.active.region_3d.view_perspective = "CAMERA"

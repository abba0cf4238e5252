# SPDX-License-Identifier: GPL-3.0-or-later
"""The coloured cloud as a native point cloud, with live sliders."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

import bpy
import numpy as np

from . import compat, nodes
from .options import ImportChoices
from .points_table import PointsTable

MODIFIER = "AMB3R Points"
DEFAULT_RADIUS = 0.005
GREY = (0.5, 0.5, 0.5, 1.0)


def make_cloud(
    context: bpy.types.Context, name: str, table: PointsTable, *, factor: float, fixed_radius: float
) -> bpy.types.PointCloud:
    """A point cloud with position, colour, confidence, radius and view index; the table is closed.

    factor: for lengths. fixed_radius: one for all points, 0 = each point's own.
    """
    mesh = bpy.data.meshes.new(f".{name}")
    mesh.vertices.add(len(table))
    _set_colors(mesh, table)  # first: its large temporary array then meets the least other memory
    positions = table.positions()
    if factor != 1.0:
        positions *= np.float32(factor)
    mesh.attributes["position"].data.foreach_set("vector", positions.ravel())
    del positions
    radius = table.column("radius")
    if fixed_radius > 0 or radius is None:
        radius = np.full(len(table), fixed_radius or DEFAULT_RADIUS, np.float32)
    elif factor != 1.0:
        radius *= np.float32(factor)
    _set_numbers(mesh, nodes.RADIUS, radius)
    confidence = table.column("confidence")
    _set_numbers(mesh, nodes.CONFIDENCE, np.ones(len(table), np.float32) if confidence is None else confidence)
    view_index = table.integers("view_index")
    if view_index is not None:
        mesh.attributes.new(nodes.VIEW, "INT", "POINT").data.foreach_set("value", view_index)
    del radius, confidence, view_index
    table.close()
    for name_of_selection in [attribute.name for attribute in mesh.attributes if attribute.name.startswith(".select")]:
        mesh.attributes.remove(mesh.attributes[name_of_selection])
    cloud = compat.native_cloud(context, name, mesh, nodes.points_from_mesh_nodes())
    nodes.remove_helper_nodes()
    return cloud


def set_material(thing: bpy.types.Object, material: bpy.types.Material) -> None:
    """Gives a cloud object a material slot of its own, which outlives new points and modifiers that drop the cloud's slots."""
    if not thing.data.materials:
        thing.data.materials.append(material)
    slot = thing.material_slots[0]
    slot.link = "OBJECT"
    slot.material = material


def ensure_sliders(cloud: bpy.types.Object, choices: ImportChoices) -> bpy.types.NodesModifier:
    """The cloud's modifier; an existing one keeps the user's values."""
    modifier = sliders_of(cloud)
    if modifier is not None:
        return modifier
    modifier = cloud.modifiers.new(MODIFIER, "NODES")
    modifier.node_group = nodes.cloud_nodes()
    compat.set_modifier_input(modifier, nodes.MIN_WEIGHT, choices.min_weight)
    compat.set_modifier_input(modifier, nodes.VIEWPORT_SHARE, choices.viewport_share)
    compat.set_modifier_input(modifier, nodes.RADIUS_SCALE, 1.0)
    return modifier


def sliders_of(cloud: bpy.types.Object) -> bpy.types.NodesModifier | None:
    """The modifier that holds the cloud's sliders, unless the user removed it."""
    for modifier in cloud.modifiers:
        if (
            modifier.type == "NODES"
            and modifier.node_group is not None
            and modifier.node_group.name.startswith(nodes.CLOUD_NODES)
        ):
            return modifier
    return None


def positions_of(cloud: bpy.types.PointCloud) -> np.ndarray:
    """Positions (M, 3) float32 in the cloud's own frame."""
    positions = np.empty(len(cloud.points) * 3, np.float32)
    cloud.attributes["position"].data.foreach_get("vector", positions)
    return positions.reshape(-1, 3)


def rescale_cloud(cloud: bpy.types.PointCloud, factor: float) -> None:
    """Multiplies positions and radii."""
    cloud.attributes["position"].data.foreach_set("vector", (positions_of(cloud) * np.float32(factor)).ravel())
    radius = np.empty(len(cloud.points), np.float32)
    cloud.attributes[nodes.RADIUS].data.foreach_get("value", radius)
    cloud.attributes[nodes.RADIUS].data.foreach_set("value", radius * np.float32(factor))
    cloud.update_tag()


def _set_colors(mesh: bpy.types.Mesh, table: PointsTable) -> None:
    """Bytes go in through their sRGB door: stored as linear floats they would come out washed out."""
    colors = table.colors()
    if colors is None:
        colors = np.tile(np.array(GREY, np.float32), (len(table), 1))
    attribute = mesh.attributes.new(nodes.COLOR, "BYTE_COLOR", "POINT")
    attribute.data.foreach_set("color_srgb", colors.ravel())


def _set_numbers(mesh: bpy.types.Mesh, name: str, values: np.ndarray) -> None:
    mesh.attributes.new(name, "FLOAT", "POINT").data.foreach_set("value", values)

"""Blender building blocks: a material from a texture, a box, a surface from a grid of points."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from sample_scene.blender import bpy
from sample_scene.surfaces import Array, Color, Texture

Vec3 = tuple[float, float, float]
Mapping = Literal["box", "uv"]
# The corners of a unit box, and its faces: front (-y), right, left, top, back, bottom.
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], float)
BOX_FACES = ((0, 1, 5, 4), (1, 2, 6, 5), (3, 0, 4, 7), (4, 5, 6, 7), (2, 3, 7, 6), (1, 0, 3, 2))


def new_image(name: str, rgb: Array, color_space: Literal["sRGB", "Non-Color"]) -> Any:
    """A Blender image of an array (H, W, 3) in [0, 1] whose first row is the top one."""
    height, width = rgb.shape[:2]
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = rgb[::-1]
    image = bpy.data.images.new(name, width, height)
    image.colorspace_settings.name = color_space
    image.pixels.foreach_set(rgba.ravel())
    image.update()
    return image


def textured(name: str, texture: Texture, *, mapping: Mapping = "box", roughness: float = 0.6, bump_m: float = 0.0) -> Any:
    """A material that shows the texture in its true size (box) or once over the surface's UV square (uv).

    `bump_m` is the relief's apparent depth; it bends normals only, the geometry stays as modelled.
    """
    material = bpy.data.materials.new(name)
    nodes, links = node_tree(material)
    shader = nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = roughness
    coordinates = texture_coordinates(nodes, links, texture, mapping)
    color = image_node(nodes, links, new_image(name, texture.color, "sRGB"), coordinates, mapping)
    links.new(color.outputs["Color"], shader.inputs["Base Color"])
    if bump_m > 0.0:
        relief = new_image(f"{name} relief", np.repeat(texture.height[..., None], 3, axis=2), "Non-Color")
        height = image_node(nodes, links, relief, coordinates, mapping)
        bump = nodes.new("ShaderNodeBump")
        bump.inputs["Distance"].default_value = bump_m
        links.new(height.outputs["Color"], bump.inputs["Height"])
        links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    return material


def texture_coordinates(nodes: Any, links: Any, texture: Texture, mapping: Mapping) -> Any:
    """The node socket of texture coordinates; box mapping shifts them by object, so that twins do not look alike."""
    source = nodes.new("ShaderNodeTexCoord")
    if mapping == "uv":
        return source.outputs["UV"]
    shift = nodes.new("ShaderNodeVectorMath")
    shift.operation = "MULTIPLY_ADD"
    links.new(source.outputs["Object"], shift.inputs[0])
    shift.inputs[1].default_value = (1.0 / texture.size_m[0],) * 3
    links.new(nodes.new("ShaderNodeObjectInfo").outputs["Random"], shift.inputs[2])
    return shift.outputs["Vector"]


def image_node(nodes: Any, links: Any, image: Any, coordinates: Any, mapping: Mapping) -> Any:
    node = nodes.new("ShaderNodeTexImage")
    node.image = image
    if mapping == "box":
        node.projection, node.projection_blend = "BOX", 0.15
    links.new(coordinates, node.inputs["Vector"])
    return node


def plain(name: str, color: Color, *, roughness: float = 0.5, metallic: float = 0.0) -> Any:
    """A material of one linear colour."""
    material = bpy.data.materials.new(name)
    shader = node_tree(material)[0]["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*color, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    return material


def glowing(name: str, texture: Texture, strength: float) -> Any:
    """A material that emits the texture's colours."""
    material = bpy.data.materials.new(name)
    nodes, links = node_tree(material)
    emission = nodes.new("ShaderNodeEmission")
    emission.inputs["Strength"].default_value = strength
    picture = image_node(
        nodes, links, new_image(name, texture.color, "sRGB"), texture_coordinates(nodes, links, texture, "uv"), "uv"
    )
    links.new(picture.outputs["Color"], emission.inputs["Color"])
    links.new(emission.outputs["Emission"], nodes["Material Output"].inputs["Surface"])
    return material


def node_tree(material: Any) -> tuple[Any, Any]:
    material.use_nodes = True
    return material.node_tree.nodes, material.node_tree.links


def add_mesh(name: str, mesh: Any, material: Any, place: Vec3, turn_deg: Vec3, parent: Any) -> Any:
    item = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(item)
    mesh.materials.append(material)
    item.location, item.rotation_euler, item.parent = place, np.radians(turn_deg), parent
    return item


def group(name: str, place: Vec3, turn_deg: float = 0.0) -> Any:
    """An empty to be the parent of a piece of furniture, turned about the vertical."""
    return add_empty(name, place, (0.0, 0.0, turn_deg))


def add_empty(name: str, place: Vec3, turn_deg: Vec3) -> Any:
    empty = bpy.data.objects.new(name, None)
    bpy.context.collection.objects.link(empty)
    empty.location, empty.rotation_euler = place, np.radians(turn_deg)
    return empty


def box(
    name: str, size: Vec3, place: Vec3, material: Any, *, turn_deg: Vec3 = (0, 0, 0), bevel_m: float = 0.004, parent: Any = None
) -> Any:
    """A box of the given edge lengths around its centre `place`, with rounded edges."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(((CORNERS - 0.5) * size).tolist(), [], BOX_FACES)
    item = add_mesh(name, mesh, material, place, turn_deg, parent)
    if bevel_m > 0.0:
        rounding = item.modifiers.new("rounding", "BEVEL")
        rounding.width, rounding.segments = min(bevel_m, 0.45 * min(size)), 3 if bevel_m < 0.02 else 8
        mesh.shade_smooth()
        rounding.harden_normals = bevel_m < 0.02
    return item


def sheet(
    name: str,
    points: Array,
    material: Any,
    *,
    place: Vec3 = (0, 0, 0),
    turn_deg: Vec3 = (0, 0, 0),
    smooth: bool = True,
    parent: Any = None,
) -> Any:
    """A surface through a grid of points (R, C, 3); u of its UV square runs along C, v along R."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    faces = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], axis=-1).reshape(-1, 4)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points.reshape(-1, 3).tolist(), [], faces.tolist())
    v, u = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    uv = np.stack([u, v], axis=-1).reshape(-1, 2)[faces.ravel()]
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", uv.astype(np.float32).ravel())
    if smooth:
        mesh.shade_smooth()
    return add_mesh(name, mesh, material, place, turn_deg, parent)


def lathe(
    name: str,
    profile: Sequence[tuple[float, float]],
    material: Any,
    *,
    place: Vec3 = (0, 0, 0),
    turn_deg: Vec3 = (0, 0, 0),
    parent: Any = None,
    sides: int = 48,
) -> Any:
    """A solid of revolution about z through (radius, height) points, from the bottom up."""
    outline = np.array(profile)
    angle = np.linspace(0.0, 2 * np.pi, sides + 1)
    points = np.empty((len(outline), sides + 1, 3))
    points[..., 0], points[..., 1] = outline[:, :1] * np.cos(angle), outline[:, :1] * np.sin(angle)
    points[..., 2] = outline[:, 1:]
    return sheet(name, points, material, place=place, turn_deg=turn_deg, parent=parent)


def rectangle(name: str, size_m: tuple[float, float], material: Any, place: Vec3, turn_deg: Vec3, parent: Any = None) -> Any:
    """A flat picture of the given width and height around `place`; unturned it lies on the floor, its top towards +y."""
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 2) * size_m[0], np.linspace(-0.5, 0.5, 2) * size_m[1])
    points = np.stack([x, y, np.zeros_like(x)], axis=-1)
    return sheet(name, points, material, place=place, turn_deg=turn_deg, smooth=False, parent=parent)

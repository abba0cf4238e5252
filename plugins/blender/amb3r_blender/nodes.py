# SPDX-License-Identifier: GPL-3.0-or-later
"""The node groups and materials of a scene, made once and shared."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

import bpy

CLOUD_NODES = "AMB3R Points"
FROM_MESH_NODES = ".AMB3R Points From Mesh"
POINT_MATERIAL = "AMB3R Point Colour"
COLOR, CONFIDENCE, RADIUS, VIEW = "Col", "confidence", "radius", "view_index"

MIN_WEIGHT, RADIUS_SCALE, VIEWPORT_SHARE = "Min Confidence", "Radius", "Viewport Share"
SLIDERS = {MIN_WEIGHT: (0.0, 0.0, 1.0), RADIUS_SCALE: (1.0, 0.0, 20.0), VIEWPORT_SHARE: (1.0, 0.0, 1.0)}
"""Default, lowest and highest value. Confidence is a weight, (c - 1) / c of the raw confidence, in [0, 1)."""


def cloud_nodes() -> bpy.types.NodeTree:
    """The modifier of a cloud: hides doubtful points, scales radii, thins out the viewport but never the render."""
    existing = bpy.data.node_groups.get(CLOUD_NODES)
    if existing is not None:
        return existing
    tree = bpy.data.node_groups.new(CLOUD_NODES, "GeometryNodeTree")
    tree.is_modifier = True
    interface = tree.interface
    interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    for name, (default, lowest, highest) in SLIDERS.items():
        socket = interface.new_socket(name, in_out="INPUT", socket_type="NodeSocketFloat")
        socket.default_value, socket.min_value, socket.max_value = default, lowest, highest
    interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    _wire_cloud(_Wiring(tree))
    return tree


def _wire_cloud(wiring: "_Wiring") -> None:
    start, end = wiring.node("NodeGroupInput"), wiring.node("NodeGroupOutput")
    confidence = wiring.named_attribute(CONFIDENCE)
    inverse = wiring.math("DIVIDE", 1.0, confidence)
    doubtful = wiring.math("LESS_THAN", wiring.math("SUBTRACT", 1.0, inverse), start.outputs[MIN_WEIGHT])
    draw = wiring.node("FunctionNodeRandomValue", data_type="FLOAT")
    number = next(socket for socket in draw.outputs if socket.enabled)
    surplus = wiring.math("GREATER_THAN", number, start.outputs[VIEWPORT_SHARE])
    hidden = wiring.math("MULTIPLY", surplus, wiring.node("GeometryNodeIsViewport").outputs[0])
    delete = wiring.node("GeometryNodeDeleteGeometry", domain="POINT")
    wiring.join(start, "Geometry", delete, "Geometry")
    wiring.feed(delete, "Selection", wiring.math("MAXIMUM", doubtful, hidden))
    radius = wiring.node("GeometryNodeSetPointRadius")
    wiring.join(delete, "Geometry", radius, "Points")
    wiring.feed(radius, "Radius", wiring.math("MULTIPLY", wiring.named_attribute(RADIUS), start.outputs[RADIUS_SCALE]))
    # Deleting points drops the cloud's material slot: this one takes its place, and the object's own slot goes before it.
    material = wiring.node("GeometryNodeSetMaterial")
    material.inputs["Material"].default_value = point_material()
    wiring.join(radius, "Points", material, "Geometry")
    wiring.feed(end, "Geometry", material.outputs[0])


def points_from_mesh_nodes() -> bpy.types.NodeTree:
    """Turns the corners of a mesh into points whose radius is the mesh's radius attribute."""
    existing = bpy.data.node_groups.get(FROM_MESH_NODES)
    if existing is not None:
        return existing
    tree = bpy.data.node_groups.new(FROM_MESH_NODES, "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    wiring = _Wiring(tree)
    points = wiring.node("GeometryNodeMeshToPoints")
    wiring.feed(points, "Mesh", wiring.node("NodeGroupInput").outputs[0])
    wiring.feed(points, "Radius", wiring.named_attribute(RADIUS))
    wiring.link(points.outputs[0], wiring.node("NodeGroupOutput").inputs[0])
    return tree


def remove_helper_nodes() -> None:
    """Removes the group that only an import needs."""
    helper = bpy.data.node_groups.get(FROM_MESH_NODES)
    if helper is not None and helper.users == 0:
        bpy.data.node_groups.remove(helper)


def point_material() -> bpy.types.Material:
    """Shows each point's photo colour as it is, lit or not."""
    existing = bpy.data.materials.get(POINT_MATERIAL)
    return existing if existing is not None else emission_material(POINT_MATERIAL, attribute=COLOR)


def emission_material(name: str, *, attribute: str | None = None, image: bpy.types.Image | None = None) -> bpy.types.Material:
    """A new material that glows in the colour of an attribute or an image."""
    material = bpy.data.materials.new(name)
    if not isinstance(material.node_tree, bpy.types.NodeTree):  # Blender 5 makes the nodes itself and frowns on asking
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    wiring = _Wiring(tree)
    if image is not None:
        source = wiring.node("ShaderNodeTexImage", image=image, extension="EXTEND")
    else:
        source = wiring.node("ShaderNodeAttribute", attribute_name=attribute or COLOR)
    glow, end = wiring.node("ShaderNodeEmission"), wiring.node("ShaderNodeOutputMaterial")
    wiring.join(source, "Color", glow, "Color")
    wiring.feed(end, "Surface", glow.outputs[0])
    return material


class _Wiring:
    """A node tree under construction; nodes are laid out from left to right."""

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self._tree = tree

    def node(self, kind: str, **settings: object) -> bpy.types.Node:
        node = self._tree.nodes.new(kind)
        node.location = (180.0 * len(self._tree.nodes), 0.0)
        for name, value in settings.items():
            setattr(node, name, value)
        return node

    def link(self, source: bpy.types.NodeSocket, target: bpy.types.NodeSocket) -> None:
        self._tree.links.new(source, target)

    def feed(self, node: bpy.types.Node, entry: str, source: bpy.types.NodeSocket) -> None:
        """Links a socket to the input of that name."""
        self.link(source, node.inputs[entry])

    def join(self, source: bpy.types.Node, result: str, node: bpy.types.Node, entry: str) -> None:
        """Links an output to an input, both by name."""
        self.link(source.outputs[result], node.inputs[entry])

    def math(self, operation: str, *values: "float | bpy.types.NodeSocket") -> bpy.types.NodeSocket:
        node = self.node("ShaderNodeMath", operation=operation)
        for value, socket in zip(values, node.inputs, strict=False):
            if isinstance(value, float):
                socket.default_value = value
            else:
                self.link(value, socket)
        return node.outputs[0]

    def named_attribute(self, name: str) -> bpy.types.NodeSocket:
        node = self.node("GeometryNodeInputNamedAttribute", data_type="FLOAT")
        node.inputs["Name"].default_value = name
        return next(socket for socket in node.outputs if socket.enabled)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth maps as textured meshes, one per view."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

from collections.abc import Iterable
from pathlib import Path

import bpy
import numpy as np

from . import build_backgrounds, nodes, tags
from .core import Dense, Keep, kept_depth
from .opened_scene import OpenedScene
from .relief import Relief, relief_of_depth
from .scene_tree import DEPTH, SceneTree


def build_reliefs(
    tree: SceneTree, scene: OpenedScene, dense: Dense, indices: Iterable[int], factor: float, *, keep: Keep, step: int = 1
) -> int:
    """Makes or renews the reliefs of these views, of the depth that `keep` leaves; how many have any surface.

    A view that has none loses the relief it had. factor: for lengths.
    """
    old = {thing.get(tags.VIEW_NAME): thing for thing in tree.objects(tags.RELIEF)}
    made = 0
    for index in indices:
        view = scene.views[index]
        relief = relief_of_depth(kept_depth(dense, index, keep), view.camera, view.letterbox, view.cam_to_world, step)
        if not len(relief.quads):
            tree.drop([old[view.name]] if view.name in old else [])
            continue
        made += 1
        name = f"{Path(view.name).stem} Depth"
        mesh = _mesh_of(name, relief, factor)
        image = None if view.path is None else build_backgrounds.load_image(Path(view.path))
        thing = old.get(view.name)
        if thing is None:
            mesh.materials.append(nodes.emission_material(name, image=image))
            thing = tree.add(name, tags.RELIEF, mesh, DEPTH)
        else:
            _swap_mesh(thing, mesh)
        thing[tags.VIEW_NAME], thing[tags.INDEX] = view.name, index
    return made


def _mesh_of(name: str, relief: Relief, factor: float) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    n_faces = len(relief.quads)
    mesh.vertices.add(len(relief.vertices))
    mesh.vertices.foreach_set("co", (relief.vertices * np.float32(factor)).ravel())
    mesh.loops.add(4 * n_faces)
    mesh.loops.foreach_set("vertex_index", relief.quads.ravel())
    mesh.polygons.add(n_faces)
    mesh.polygons.foreach_set("loop_start", np.arange(0, 4 * n_faces, 4, dtype=np.int32))
    corners = mesh.uv_layers.new(name="Photo").uv
    corners.foreach_set("vector", relief.uv[relief.quads.ravel()].ravel())
    mesh.update(calc_edges=True)
    return mesh


def _swap_mesh(thing: bpy.types.Object, mesh: bpy.types.Mesh) -> None:
    """A new surface in the same object; the user's materials stay."""
    old = thing.data
    for material in old.materials:
        mesh.materials.append(material)
    thing.data = mesh
    if old.users == 0:
        bpy.data.meshes.remove(old)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of an imported scene and how to find them: one collection, one root, everything else below."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy

from . import tags
from .opened_scene import OpenedScene

CAMERAS, POINTS, DEPTH, MESHES, MARKERS = "Cameras", "Points", "Depth", "Mesh", "Markers"


@dataclass(frozen=True, slots=True)
class SceneTree:
    """One imported scene: the root empty carries its facts, the collection its objects."""

    root: bpy.types.Object
    collection: bpy.types.Collection

    def objects(self, *kinds: str) -> list[bpy.types.Object]:
        """The scene's own objects of these kinds, views in their order."""
        found = [thing for thing in self.root.children if thing.get(tags.KIND) in kinds]
        return sorted(found, key=lambda thing: (thing.get(tags.INDEX, -1), thing.name))

    def first(self, kind: str) -> bpy.types.Object | None:
        found = self.objects(kind)
        return found[0] if found else None

    def views(self) -> list[bpy.types.Object]:
        return self.objects(tags.VIEW)

    def add(self, name: str, kind: str, data: bpy.types.ID | None, folder: str) -> bpy.types.Object:
        """A new object below the root, in the named sub-collection."""
        thing = bpy.data.objects.new(name, data)
        thing[tags.KIND] = kind
        thing.parent = self.root
        self.folder(folder).objects.link(thing)
        return thing

    def folder(self, name: str) -> bpy.types.Collection:
        """A sub-collection, made when it is not there."""
        for child in self.collection.children:
            if child.name.split(".")[0] == name:
                return child
        child = bpy.data.collections.new(name)
        self.collection.children.link(child)
        return child

    def drop(self, things: Iterable[bpy.types.Object]) -> None:
        """Removes objects of ours together with data that nobody else uses."""
        for thing in list(things):
            data = thing.data
            bpy.data.objects.remove(thing)
            if data is not None and data.users == 0:
                bpy.data.batch_remove([data])


def trees() -> Iterator[SceneTree]:
    """Every imported scene in the file."""
    for thing in bpy.data.objects:
        if thing.get(tags.KIND) == tags.ROOT and thing.users_collection:
            yield SceneTree(thing, thing.users_collection[0])


def find_tree(file: Path) -> SceneTree | None:
    """The scene that was imported from this file."""
    return next((tree for tree in trees() if tree.root.get(tags.SCENE) == str(file)), None)


def new_tree(context: bpy.types.Context, scene: OpenedScene) -> SceneTree:
    """An empty scene: collection and root."""
    collection = bpy.data.collections.new(f"AMB3R {scene.name}")
    context.scene.collection.children.link(collection)
    root = bpy.data.objects.new(f"AMB3R {scene.name}", None)
    root.empty_display_type = "PLAIN_AXES"
    root[tags.KIND] = tags.ROOT
    root.rotation_mode = "QUATERNION"
    collection.objects.link(root)
    return SceneTree(root, collection)


def root_of(thing: bpy.types.Object | None) -> bpy.types.Object | None:
    """The root above an object, or the object itself when it is one."""
    while thing is not None and thing.get(tags.KIND) != tags.ROOT:
        thing = thing.parent
    return thing


def active_tree(context: bpy.types.Context) -> SceneTree | None:
    """The scene the user means: that of the active object, else of the scene's camera, else the newest."""
    scene_camera = context.scene.camera if context.scene is not None else None
    for thing in (context.object, scene_camera):
        root = root_of(thing)
        if root is not None and root.users_collection:
            return SceneTree(root, root.users_collection[0])
    found = list(trees())
    return found[-1] if found else None


def polled_tree(context: bpy.types.Context) -> SceneTree:
    """The same, for what runs only after its `poll` has found one."""
    tree = active_tree(context)
    assert tree is not None
    return tree

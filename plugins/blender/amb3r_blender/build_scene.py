# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene file becomes a Blender scene. Only `bpy.data` is used, so it works in any mode and from any script."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

from . import build_backgrounds, build_cameras, build_cloud, build_relief, compat, nodes, tags
from .camera_math import camera_display_size, mean_up, quaternions, z_up_rotation
from .core import View, poses_told
from .opened_scene import OpenedScene, open_scene
from .options import ImportChoices
from .points_table import PointsTable
from .scene_tree import CAMERAS, POINTS, SceneTree, find_tree, new_tree
from .timeline import Timeline, split_fps, timeline_of
from .views import look_through

STANDARD_TRANSFORM = "Standard"


@dataclass(slots=True)
class Imported:
    """What an import made, and what the user should know about it."""

    tree: SceneTree
    scene: OpenedScene
    notes: list[str] = field(default_factory=list)


def import_scene(context: bpy.types.Context, path: Path, choices: ImportChoices) -> Imported:
    """Builds or renews the scene of a folder or scene file.

    Raises `Amb3rError` before anything is touched when the file or its points cannot be read.
    """
    scene = open_scene(path)
    points = scene.stored.points_path
    table = PointsTable(points, choices.max_points) if choices.points and points is not None else None
    dense = scene.open_dense() if choices.relief else None
    tree = find_tree(scene.path) if choices.replace else None
    made = Imported(tree or new_tree(context, scene), scene)
    if tree is None:
        _place_root(made.tree.root, scene, choices)
    factor = _kept_factor(made)
    _describe(made.tree.root, scene, factor)
    timeline = _timeline(context, scene, choices)
    _build_views(made, choices, timeline, factor)
    _build_path(made, choices, timeline, factor)
    _build_points(context, made, table, choices, factor)
    if dense is not None:
        n_made = build_relief.build_reliefs(made.tree, scene, dense, range(len(scene.views)), factor, keep=choices.keep)
        if n_made < len(scene.views):
            made.notes.append(f"{len(scene.views) - n_made} views have no depth to make a relief of (Depth: {choices.keep})")
    _set_up_scene(context, made, choices, timeline)
    return made


def _place_root(root: bpy.types.Object, scene: OpenedScene, choices: ImportChoices) -> None:
    """Stands the scene upright. Objects below the root keep the scene file's own frame."""
    root.scale = (choices.scale,) * 3
    if choices.up_axis == "AS_IS":
        return
    poses = np.array([view.cam_to_world for view in scene.views]).reshape(-1, 4, 4)
    up = mean_up(poses[:1]) if choices.up_axis == "FIRST" else scene.reconstruction.up_world
    rotation = z_up_rotation(mean_up(poses) if up is None else np.array(up))
    root.rotation_quaternion = quaternions(rotation[None])[0].tolist()


def _kept_factor(made: Imported) -> float:
    """What Set Scale multiplied the lengths by, as long as the file is still the one that was measured."""
    root = made.tree.root
    factor = float(root.get(tags.SCALE_FACTOR, 1.0))
    if factor != 1.0 and root.get(tags.DIGEST) != made.scene.digest:
        made.notes.append("the scene file has changed, so the scale that was set by hand is gone: set it again")
        return 1.0
    return factor


def _describe(root: bpy.types.Object, scene: OpenedScene, factor: float) -> None:
    """Writes the scene's facts onto the root, where panels and exports find them."""
    scale, provenance, up = scene.reconstruction.scale, scene.provenance, scene.reconstruction.up_world
    root[tags.SCENE], root[tags.DIGEST], root[tags.NAME] = str(scene.path), scene.digest, scene.name
    if factor == 1.0:
        root[tags.SCALE_KIND] = scale.kind
        spread = "" if scale.relative_spread is None else f", spread {scale.relative_spread:.1%}"
        root[tags.SCALE_SOURCE] = scale.source + spread
    root[tags.SCALE_FACTOR] = factor
    root[tags.POSES] = poses_told(scene.reconstruction)
    tags.put(root, tags.POSE_TRUST, scene.reconstruction.pose_trust)
    weights = provenance.weights
    root[tags.WEIGHTS] = "none needed" if weights is None else weights.name
    root[tags.LICENCE] = "none" if weights is None else weights.licence
    root[tags.MODEL], root[tags.VERSION] = provenance.model, provenance.version
    root[tags.COUNTS] = [len(scene.views), scene.n_photos, scene.n_points]
    lost = [f"{view.name} was not placed: {view.reason}" for view in scene.reconstruction.unregistered]
    root[tags.NOTES] = "\n".join([*provenance.notes, *lost])
    tags.put(root, tags.UP, None if up is None else list(up))


def _timeline(context: bpy.types.Context, scene: OpenedScene, choices: ImportChoices) -> Timeline | None:
    """The timeline of a moving camera; None when there is none to be made."""
    if len(scene.views) < 2 or not (scene.is_timed or choices.wants_path(scene.is_timed)):
        return None
    render, video = context.scene.render, scene.reconstruction.video
    fps = render.fps / render.fps_base
    if choices.set_timeline and video is not None:
        fps = video.frames_per_second
    return timeline_of([view.timestamp_s for view in scene.views], choices.timeline, fps)


def _build_views(made: Imported, choices: ImportChoices, timeline: Timeline | None, factor: float) -> None:
    """One camera per view; those of an earlier import are used again."""
    tree, views = made.tree, made.scene.views
    old = {thing.get(tags.VIEW_NAME): thing for thing in tree.views()}
    if not choices.wants_each:
        tree.drop(old.values())
        return
    tree.drop(thing for name, thing in old.items() if name not in {view.name for view in views})
    cameras = [old.get(view.name) or _new_view(tree, view) for view in views]
    build_cameras.place_views(cameras, views, factor)
    size = choices.camera_size or factor * camera_display_size(np.array([v.cam_to_world for v in views]).reshape(-1, 4, 4))
    missing = 0
    for index, (thing, view) in enumerate(zip(cameras, views, strict=True)):
        build_cameras.tag_view(thing, view, index, timeline)
        build_cameras.set_display(thing.data, size)
        if choices.backgrounds == "NONE":
            thing.data.background_images.clear()
        else:
            is_shown = build_backgrounds.set_still(thing.data, view, choices.background_alpha)
            missing += view.path is not None and not is_shown
    if missing:
        made.notes.append(f"{missing} of {len(views)} photos are not where the scene says, so their cameras have no background")


def _new_view(tree: SceneTree, view: View) -> bpy.types.Object:
    name = Path(view.name).stem or view.name
    return tree.add(name, tags.VIEW, bpy.data.cameras.new(name), CAMERAS)


def _build_path(made: Imported, choices: ImportChoices, timeline: Timeline | None, factor: float) -> None:
    """The camera that moves through a video's views."""
    tree, scene = made.tree, made.scene
    thing = tree.first(tags.PATH)
    if timeline is None or not choices.wants_path(scene.is_timed):
        tree.drop([] if thing is None else [thing])
        return
    thing = thing or tree.add(f"{scene.name} Path", tags.PATH, bpy.data.cameras.new(f"{scene.name} Path"), CAMERAS)
    build_cameras.animate_path(thing, scene.views, timeline, factor)
    poses = np.array([view.cam_to_world for view in scene.views])
    build_cameras.set_display(thing.data, choices.camera_size or 2 * factor * camera_display_size(poses))
    mode = "AUTO" if choices.backgrounds == "STILL" else choices.backgrounds
    if mode == "NONE":
        thing.data.background_images.clear()
        return
    note = build_backgrounds.set_moving(thing.data, scene, timeline, mode, choices.background_alpha)
    if note:
        made.notes.append(note)


def _build_points(
    context: bpy.types.Context, made: Imported, table: PointsTable | None, choices: ImportChoices, factor: float
) -> None:
    tree = made.tree
    thing = tree.first(tags.POINTS)
    if table is None or len(table) == 0:
        tree.drop([] if thing is None else [thing])
        return
    name = f"{made.scene.name} Points"
    cloud = build_cloud.make_cloud(context, name, table, factor=factor, fixed_radius=choices.point_radius)
    if thing is None:
        thing = tree.add(name, tags.POINTS, cloud, POINTS)
        build_cloud.set_material(thing, nodes.point_material())
    else:
        _swap_cloud(thing, cloud)
    build_cloud.ensure_sliders(thing, choices)
    if len(table) < table.n_in_file:
        made.notes.append(f"{len(table):,} of {table.n_in_file:,} points taken (Max Points)")


def _swap_cloud(thing: bpy.types.Object, cloud: bpy.types.PointCloud) -> None:
    """New points in the same object; the user's material stays."""
    old = thing.data
    material = thing.material_slots[0].material if len(thing.material_slots) else None
    thing.data = cloud
    build_cloud.set_material(thing, material or nodes.point_material())
    name = old.name
    if old.users == 0:
        bpy.data.pointclouds.remove(old)
        cloud.name = name


def _set_up_scene(context: bpy.types.Context, made: Imported, choices: ImportChoices, timeline: Timeline | None) -> None:
    """Render size, camera, timeline and colours of the Blender scene, each only when asked for."""
    settings = context.scene
    first = made.tree.first(tags.PATH) or made.tree.first(tags.VIEW)
    if choices.set_timeline and timeline is not None and made.tree.first(tags.PATH) is not None:
        settings.render.fps, settings.render.fps_base = split_fps(timeline.fps)
        settings.frame_start, settings.frame_end = max(0, timeline.first), timeline.last
    if choices.set_render and first is not None:
        look_through(context, first, turn_viewport=False)
    if choices.match_colors and settings.view_settings.view_transform != STANDARD_TRANSFORM:
        settings.view_settings.view_transform = STANDARD_TRANSFORM
        made.notes.append("the scene's view transform is now Standard, so that renders match the photos' colours")
    if choices.material_preview and compat.show_material_preview(context):
        made.notes.append("solid 3D views now show Material Preview: solid shading draws points grey")

"""Orientation, scale, reliefs, meshes in real Blender."""

import json
from pathlib import Path

import bmesh
import bpy
import kit
import numpy as np
import pytest
from blender_host import part
from mathutils import Matrix


def _do_import(folder: Path, **options: object) -> bpy.types.Object:
    assert bpy.ops.import_scene.amb3r(filepath=str(folder), **options) == {"FINISHED"}
    bpy.context.view_layer.update()
    return next(thing for thing in bpy.data.objects if thing.get("amb3r_kind") == "root")


def _marker(place: tuple[float, float, float]) -> bpy.types.Object:
    bpy.context.scene.cursor.location = place
    before = set(bpy.data.objects)
    assert bpy.ops.amb3r.add_marker() == {"FINISHED"}
    [marker] = set(bpy.data.objects) - before
    bpy.context.view_layer.update()
    assert tuple(marker.matrix_world.translation) == pytest.approx(place, abs=1e-5)
    return marker


def _world_points(root: bpy.types.Object) -> np.ndarray:
    cloud = next(thing for thing in root.children if thing.type == "POINTCLOUD")
    positions = part("build_cloud").positions_of(cloud.data).astype(np.float64)
    world = np.array(cloud.matrix_world, dtype=np.float64)
    return positions @ world[:3, :3].T + world[:3, 3]


def test_camera_average_stands_a_fallen_scene_up(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path)
    root = _do_import(tmp_path)
    root.matrix_world = Matrix.Translation((0, 0, 1)) @ Matrix.Rotation(2.0, 4, (1, 1, 0)) @ root.matrix_world
    assert bpy.ops.amb3r.orient_ground(method="CAMERAS") == {"FINISHED"}
    bpy.context.view_layer.update()
    tops = [thing.matrix_world.to_3x3().col[1] for thing in root.children if thing.type == "CAMERA"]
    assert np.array(tops).mean(axis=0) == pytest.approx([0, 0, 1], abs=1e-5)


def test_plane_fit_puts_the_floor_at_zero(tmp_path: Path) -> None:
    path = kit.simple_scene(tmp_path, n_points=4000)
    random = np.random.default_rng(0)
    rows = kit.points_table(4000)
    rows["y"][:2500] = 1.4 + 0.2 * rows["z"][:2500] + random.normal(0, 0.002, 2500)
    kit.write_points(path.parent / "points.ply", rows)
    root = _do_import(tmp_path)
    assert bpy.ops.amb3r.orient_ground(method="PLANE") == {"FINISHED"}
    bpy.context.view_layer.update()
    points = _world_points(root)
    assert np.abs(points[:2500, 2]).max() < 0.03
    assert all(thing.matrix_world.translation.z > 0.5 for thing in root.children if thing.type == "CAMERA")


def test_three_markers_level_the_scene(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path)
    _do_import(tmp_path)
    bpy.ops.object.select_all(action="DESELECT")
    with pytest.raises(RuntimeError, match="exactly three markers, objects or mesh corners, not 0"):
        bpy.ops.amb3r.orient_ground(method="POINTS")
    markers = [_marker(place) for place in ((0, 1, -1), (1, 2, -0.8), (-1, 3, -0.9))]
    assert bpy.ops.amb3r.orient_ground(method="POINTS") == {"FINISHED"}
    bpy.context.view_layer.update()
    assert [marker.matrix_world.translation.z for marker in markers] == pytest.approx([0, 0, 0], abs=1e-5)


def test_set_scale_rewrites_every_length_and_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kit.simple_scene(tmp_path, unit="unit", metric=False, scale={"kind": "relative", "source": "none", "relative_spread": None})
    root = _do_import(tmp_path, scale=3.0, cameras="BOTH", relief=True)
    assert root["amb3r_scale_kind"] == "relative"
    bpy.ops.object.select_all(action="DESELECT")
    one, two = _marker((1, 1, 1)), _marker((1, 4, 5))
    before = _world_points(root)
    children = {thing.name: np.array(thing.matrix_world.translation) for thing in root.children}
    assert bpy.ops.amb3r.set_scale(distance=0.5) == {"FINISHED"}
    assert "Scale of AMB3R" in capfd.readouterr().out
    bpy.context.view_layer.update()
    assert (two.matrix_world.translation - one.matrix_world.translation).length == pytest.approx(0.5, rel=1e-5)
    assert _world_points(root) == pytest.approx(before * 0.1, abs=1e-5)
    bpy.context.scene.frame_set(bpy.context.scene.frame_current)
    for thing in root.children:
        assert np.array(thing.matrix_world.translation) == pytest.approx(children[thing.name] * 0.1, abs=1e-5)
    assert tuple(root.scale) == pytest.approx((1, 1, 1))
    assert root["amb3r_scale_kind"] == "metric"
    assert root["amb3r_scale_source"] == "two points 0.5 m apart, set in Blender"
    assert root["amb3r_scale_factor"] == pytest.approx(0.3)
    radius = np.empty(500, np.float32)
    cloud = next(thing for thing in root.children if thing.type == "POINTCLOUD")
    cloud.data.attributes["radius"].data.foreach_get("value", radius)
    assert radius == pytest.approx(kit.points_table(500)["radius"] * 0.3, rel=1e-5)


def test_a_second_import_keeps_a_scale_that_was_set(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kit.simple_scene(tmp_path)
    root = _do_import(tmp_path)
    bpy.ops.object.select_all(action="DESELECT")
    _marker((0, 0, 0)), _marker((0, 0, 2))
    bpy.ops.amb3r.set_scale(distance=1.0)
    bpy.context.view_layer.update()
    points = _world_points(root)
    _do_import(tmp_path)
    assert _world_points(root) == pytest.approx(points, abs=1e-6)
    assert root["amb3r_scale_source"] == "two points 1 m apart, set in Blender"
    kit.simple_scene(tmp_path, n_views=4)
    _do_import(tmp_path)
    assert "the scene file has changed, so the scale that was set by hand is gone" in capfd.readouterr().out
    assert (root["amb3r_scale_factor"], root["amb3r_scale_source"]) == (1.0, "two views 0.52 m apart")
    assert _world_points(root) == pytest.approx(points * 2, abs=1e-5)


def test_set_scale_measures_and_rewrites_mesh_corners_in_edit_mode(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path)
    root = _do_import(tmp_path, relief=True)
    thing = bpy.data.objects["photo_000 Depth"]
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.mode_set(mode="EDIT")
    corners = bmesh.from_edit_mesh(thing.data)
    for vertex in corners.verts:
        vertex.select_set(vertex.index in (0, 63))
    width = 3.0 * 63 * 10 / 500
    points = part("ops_place").selected_points(bpy.context)
    assert np.linalg.norm(points[1] - points[0]) == pytest.approx(width, rel=1e-5)
    assert bpy.ops.amb3r.set_scale(distance=2 * width) == {"FINISHED"}
    assert bpy.context.mode == "EDIT_MESH"
    bpy.ops.object.mode_set(mode="OBJECT")
    assert (thing.data.vertices[0].co - thing.data.vertices[63].co).length == pytest.approx(2 * width, rel=1e-5)
    assert root["amb3r_scale_factor"] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("places", "message"),
    [([(0, 0, 0)], "exactly two markers, objects or mesh corners, not 1"), ([(1, 1, 1)] * 2, "the same place")],
)
def test_scale_needs_two_places(tmp_path: Path, places: list[tuple[float, float, float]], message: str) -> None:
    kit.simple_scene(tmp_path)
    _do_import(tmp_path)
    bpy.ops.object.select_all(action="DESELECT")
    for place in places:
        _marker(place)
    with pytest.raises(RuntimeError, match=message):
        bpy.ops.amb3r.set_scale(distance=1.0)


def test_reliefs_of_selected_views_are_made_and_renewed(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path)
    _do_import(tmp_path)
    bpy.ops.object.select_all(action="DESELECT")
    with pytest.raises(RuntimeError, match="Select the cameras"):
        bpy.ops.amb3r.depth_relief()
    bpy.data.objects["photo_001"].select_set(True)
    assert bpy.ops.amb3r.depth_relief() == {"FINISHED"}
    [mesh] = bpy.data.meshes
    assert (len(mesh.vertices), len(mesh.polygons)) == (64 * 48, 63 * 47)
    assert mesh.materials[0].node_tree.nodes["Image Texture"].image.name == "photo_001.png"
    assert bpy.ops.amb3r.depth_relief(step=2) == {"FINISHED"}
    [mesh] = bpy.data.meshes
    assert len(mesh.vertices) == 32 * 24
    assert bpy.ops.amb3r.depth_relief(scope="ALL") == {"FINISHED"}
    assert len(bpy.data.meshes) == 3


def test_reliefs_are_made_of_the_depth_that_is_trusted(tmp_path: Path) -> None:
    scene = kit.simple_scene(tmp_path)
    trust = part("vendor.amb3r_core.scene.trust")
    most, trusted = trust.LEAST_WEIGHT["most"], trust.LEAST_WEIGHT["trusted"]
    weight = np.where(np.arange(64) < 12, most / 2, np.where(np.arange(64) < 36, (most + trusted) / 2, (1 + trusted) / 2))
    confidence = np.broadcast_to(1 / (1 - weight), (3, 48, 64)).astype(np.float32).copy()
    confidence[2] = 1.01
    np.save(tmp_path / "dense" / "confidence.npy", confidence)
    _do_import(tmp_path, relief=True)
    assert {len(mesh.vertices) for mesh in bpy.data.meshes} == {64 * 48}, "weights that are no probabilities cut nothing"
    document = json.loads(scene.read_text())
    document["dense"]["weight_is_probability"] = True
    scene.write_text(json.dumps(document))
    bpy.ops.object.select_all(action="SELECT")
    for keep, n_columns, n_reliefs in (("most", 52, 2), ("trusted", 28, 2), ("all", 64, 3)):
        assert bpy.ops.amb3r.depth_relief(scope="ALL", keep=keep) == {"FINISHED"}
        assert [len(mesh.vertices) for mesh in bpy.data.meshes] == [n_columns * 48] * n_reliefs
    _do_import(tmp_path, relief=True)
    assert [len(mesh.vertices) for mesh in bpy.data.meshes] == [28 * 48] * 2
    _do_import(tmp_path, relief=True, keep="most")
    assert [len(mesh.vertices) for mesh in bpy.data.meshes] == [52 * 48] * 2
    offered = bpy.context.scene.amb3r.bl_rna.properties["keep"].enum_items
    assert tuple(item.identifier for item in offered) == trust.KEEPS


def test_a_mesh_in_the_scenes_axes_lands_among_the_points(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path / "scene")
    root = _do_import(tmp_path / "scene")
    lines = ["v 0 1 5 0.2 0.4 0.6", "v 1 1 5 0.2 0.4 0.6", "v 0 1 6 0.2 0.4 0.6", "f 1 2 3"]
    (tmp_path / "mesh.obj").write_text("\n".join(lines) + "\n")
    assert bpy.ops.amb3r.import_mesh(filepath=str(tmp_path / "mesh.obj")) == {"FINISHED"}
    thing = next(thing for thing in bpy.data.objects if thing.get("amb3r_kind") == "mesh")
    bpy.context.view_layer.update()
    corners = np.array([thing.matrix_world @ corner.co for corner in thing.data.vertices])
    assert corners == pytest.approx(np.array([[0, 5, -1], [1, 5, -1], [0, 6, -1]]), abs=1e-5)
    assert thing.parent == root
    assert thing.data.materials[0].node_tree.nodes["Attribute"].attribute_name == thing.data.color_attributes[0].name
    with pytest.raises(RuntimeError, match="is no PLY or OBJ file"):
        bpy.ops.amb3r.import_mesh(filepath=str(tmp_path / "mesh.stl"))


def test_tools_wait_for_a_scene() -> None:
    for name in ("add_marker", "orient_ground", "set_scale", "depth_relief", "import_mesh", "next_view", "render_views"):
        assert not getattr(bpy.ops.amb3r, name).poll()

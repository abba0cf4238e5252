"""Files and pictures: meshes, datasets, splats, renderings, camera frusta."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import amb3r_open3d as a3
import numpy as np
import open3d as o3d
import pytest
import trimesh
from amb3r_open3d.mesh_files import to_core, to_open3d
from amb3r_open3d.meshing import MeshJob, fused_mesh, make_mesh
from amb3r_open3d.scene import Scene
from PIL import Image

from amb3r_core import SurfaceOptions, make_surface
from amb3r_core.errors import DependencyError, FormatError, InputError
from amb3r_core.export import export_scene
from tests.fakes import Room, calibrated, fake_room
from tests.paths import ROOT

SCRIPTS = Path(o3d.__file__).parent / "examples"


@pytest.fixture(scope="module")
def mesh(scene: Scene) -> o3d.t.geometry.TriangleMesh:
    return (a3.MaskDepth() >> a3.FuseTSDF() >> a3.CleanMesh())(scene)


@pytest.mark.parametrize("suffix", ["ply", "obj", "glb", "stl"])
def test_every_mesh_format_keeps_the_triangles(mesh, scene: Scene, tmp_path: Path, suffix: str):
    path = a3.write_mesh(mesh, tmp_path / f"room.{suffix}", scene)
    read = o3d.io.read_triangle_mesh(path)
    assert len(read.triangles) == len(mesh.triangle.indices)
    assert read.has_vertex_colors() == (suffix != "stl")
    assert [one.name for one in tmp_path.iterdir()] == [f"room.{suffix}"]
    with pytest.raises(InputError, match="exists already"):
        a3.write_mesh(mesh, path, scene)


def test_a_glb_stands_upright_with_linear_colours(mesh, scene: Scene, tmp_path: Path):
    loaded = trimesh.load(a3.write_mesh(mesh, tmp_path / "room.glb", scene))
    up_scene = np.array(scene.reconstruction.up_world)
    turn = loaded.graph.get(loaded.graph.nodes_geometry[0])[0][:3, :3]
    assert np.allclose(turn @ up_scene, [0, 1, 0], atol=1e-6)
    with pytest.raises(a3.EmptyMeshError, match="the mesh has no triangle"):
        a3.write_mesh(o3d.t.geometry.TriangleMesh(), tmp_path / "none.glb", scene)
    with pytest.raises(InputError, match=r"written as \.ply, \.obj, \.glb"):
        a3.write_mesh(mesh, tmp_path / "room.fbx", scene)


@pytest.mark.parametrize("mixed", [False, True])
def test_a_dataset_is_read_back_as_the_same_scene(tmp_path: Path, mixed: bool):
    scene = Scene(fake_room(4, 64, 48, mixed=mixed).reconstruction)
    a3.write_dataset(scene, tmp_path / "set")
    back = a3.read_dataset(tmp_path / "set")
    assert back.names == scene.names
    assert np.abs(back.reconstruction.cam_to_world - scene.reconstruction.cam_to_world).max() < 1e-9
    both = (np.asarray(back.dense.depth) > 0) & (np.asarray(scene.dense.depth) > 0)
    if not mixed:
        assert back.camera(0) == scene.camera(0)
        assert np.abs(back.dense.depth - scene.dense.depth)[both].max() < 6e-4
    with pytest.raises(FormatError, match="not a dataset of write_dataset"):
        a3.read_dataset(tmp_path)


def test_a_scene_of_unknown_unit_fills_the_sixteen_bits(tmp_path: Path):
    room = fake_room(3, 48, 36, scale_kind="relative")
    scene = Scene(room.reconstruction.scaled(1e-4, room.reconstruction.scale))
    a3.write_dataset(scene, tmp_path / "set")
    back = a3.read_dataset(tmp_path / "set")
    assert np.abs(back.dense.depth / scene.dense.depth - 1).max() < 1e-3


def run_open3ds_script(path: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs one of Open3D's example scripts as it is, in this process, and takes back the level of messages that it may set."""
    script = SCRIPTS / path
    monkeypatch.setattr(sys, "argv", [script.name, *arguments])
    monkeypatch.syspath_prepend(str(script.parent))
    with o3d.utility.VerbosityContextManager(o3d.utility.get_verbosity_level()):
        runpy.run_path(str(script), run_name="__main__")


@pytest.mark.slow
def test_open3ds_own_integration_script_runs_on_the_dataset(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    a3.write_dataset(scene, tmp_path / "set: 1 # one")
    shown: list = []
    monkeypatch.setattr(o3d.visualization, "draw", shown.extend)
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "set: 1 # one" / "config.yml"
    run_open3ds_script("t_reconstruction_system/integrate.py", "--config", str(config), monkeypatch=monkeypatch)
    assert len(shown[1].triangles) > 1000


@pytest.mark.slow
def test_open3ds_older_colour_map_script_runs_on_the_dataset(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    a3.write_dataset(scene, tmp_path / "set")
    (tmp_path / "set" / "scene").mkdir()
    mesh = a3.FuseTSDF(a3.FuseTSDFOptions(voxel_size=0.12))(scene)
    a3.write_mesh(mesh, tmp_path / "set" / "scene" / "integrated.ply", scene)
    monkeypatch.setattr(o3d.visualization, "draw_geometries", lambda geometries: None)
    script = "reconstruction_system/color_map_optimization_for_reconstruction_system.py"
    config = str(tmp_path / "set" / "config.json")
    run_open3ds_script(script, "--config", config, "--sample_rate", "3", monkeypatch=monkeypatch)
    for stage in ("before", "after"):
        coloured = o3d.io.read_triangle_mesh(tmp_path / "set" / "scene" / f"color_map_{stage}_optimization.ply")
        assert np.asarray(coloured.vertex_colors).std() > 0.05


@pytest.mark.slow
def test_the_older_integration_loop_finds_the_walls(room: Room, scene: Scene, tmp_path: Path):
    """As in the examples of Open3D: files, a trajectory, an RGBDImage and a TSDF volume."""
    a3.write_dataset(scene, tmp_path / "set")
    intrinsic = o3d.io.read_pinhole_camera_intrinsic(tmp_path / "set" / "intrinsic.json")
    trajectory = o3d.io.read_pinhole_camera_trajectory(tmp_path / "set" / "trajectory.log")
    volume = o3d.pipelines.integration.UniformTSDFVolume(
        length=8.0,
        resolution=256,
        sdf_trunc=0.12,
        color_type=o3d.pipelines.integration.TSDFVolumeColorType.RGB8,
        origin=np.array([-4.0, -4.0, -1.0]),
    )
    for index, parameters in enumerate(trajectory.parameters):
        color = o3d.io.read_image(tmp_path / "set" / "color" / f"{index:05d}.jpg")
        depth = o3d.io.read_image(tmp_path / "set" / "depth" / f"{index:05d}.png")
        rgbd = o3d.geometry.RGBDImage.create_from_color_and_depth(
            color, depth, depth_scale=1000.0, depth_trunc=10.0, convert_rgb_to_intensity=False
        )
        volume.integrate(rgbd, intrinsic, parameters.extrinsic)
    vertices = np.asarray(volume.extract_triangle_mesh().vertices)
    assert len(vertices) > 5000
    assert np.median(room.distance_to_surface(vertices)) < 0.02


@pytest.mark.skipif(o3d.__version__ < "0.20", reason="Open3D reads splats from 0.20 on")
def test_splats_are_open3ds_splats_and_the_same_as_the_cores(scene: Scene, tmp_path: Path):
    splats = scene.to_splats()
    export_scene(scene.reconstruction, tmp_path / "splat.ply", "splat")
    read = o3d.t.io.read_point_cloud(tmp_path / "splat.ply")
    for name in ("positions", "f_dc", "opacity", "scale", "rot"):
        assert np.allclose(splats.point[name].numpy(), read.point[name].numpy().reshape(splats.point[name].shape), atol=1e-5), (
            name
        )


def test_frusta_stand_at_the_cameras(scene: Scene):
    lines = a3.frusta(scene, size=0.2)
    points = np.asarray(lines.points).reshape(len(scene), 5, 3)
    assert np.allclose(points[:, 0], scene.reconstruction.cam_to_world[:, :3, 3], atol=1e-6)
    assert len(lines.lines) == 8 * len(scene)


def test_the_viewer_shows_the_mesh_or_the_points_with_the_cameras(mesh, scene: Scene, monkeypatch: pytest.MonkeyPatch):
    """What goes to Open3D's window; the window itself needs a display."""
    shown: list = []
    monkeypatch.setattr(o3d.visualization, "draw_geometries", lambda geometries, **options: shown.append(geometries))
    a3.show(scene, mesh)
    a3.show(scene)
    assert [[type(one).__name__ for one in geometries] for geometries in shown] == [
        ["TriangleMesh", "LineSet"],
        ["PointCloud", "LineSet"],
    ]
    assert len(shown[0][0].triangles) == len(mesh.triangle.indices)


def test_a_mesh_of_the_core_goes_out_and_comes_back(scene: Scene):
    made, _ = make_surface(scene.reconstruction, SurfaceOptions(voxel_size=0.06))
    back = to_core(to_open3d(made))
    for name in ("vertices", "triangles", "normals", "colors"):
        assert np.array_equal(getattr(back, name), getattr(made, name)), name


def test_the_jobs_mesh_is_the_cores_without_small_pieces(scene: Scene, tmp_path: Path):
    job = MeshJob(output=tmp_path / "m.ply", voxel_size=0.06)
    made, _ = make_surface(scene.reconstruction, SurfaceOptions(voxel_size=0.06))
    assert 0.95 * len(made.triangles) <= len(fused_mesh(scene, job).triangle.indices) <= len(made.triangles)
    assert make_mesh(scene, job)["mesh"] == str(tmp_path / "m.ply")


def test_a_screenshot_is_of_a_mesh(scene: Scene, tmp_path: Path):
    with pytest.raises(InputError, match="a screenshot shows a mesh, not a PointCloud"):
        a3.screenshot(scene.point_cloud(), tmp_path / "s.png", scene)


@pytest.mark.slow
def test_a_picture_of_the_mesh_looks_like_the_photo():
    if not a3.can_render():
        pytest.skip("no Vulkan driver here")
    scene = Scene(fake_room(6, 200, 150).reconstruction)
    mesh = (a3.MaskDepth() >> a3.FuseTSDF())(scene)
    picture = a3.render(mesh, scene.camera(2), scene.view(2).cam_to_world)
    seen = np.isfinite(picture.depth)
    assert seen.mean() > 0.9
    assert np.median(np.abs(picture.depth - scene.dense.depth[2])[seen]) < 0.01
    error = (picture.rgb[seen].astype(float) - scene.dense.rgb[2][seen]) ** 2
    assert 10 * np.log10(255**2 / error.mean()) > 20


def test_a_renderer_that_dies_is_an_error_and_not_an_abort(mesh, scene: Scene, monkeypatch: pytest.MonkeyPatch):
    def dead(*arguments, **options) -> subprocess.CompletedProcess:
        return subprocess.CompletedProcess(arguments, -6, "", "no Vulkan")

    monkeypatch.setattr(subprocess, "run", dead)
    with pytest.raises(DependencyError, match=r"could not render here \(exit -6\): it needs a Vulkan driver"):
        a3.render(mesh, scene.camera(0), np.eye(4))


def test_public_names_resolve_and_examples_are_short():
    assert all(getattr(a3, name) is not None for name in a3.__all__)
    examples = sorted((ROOT / "plugins" / "open3d" / "examples").glob("*.py"))
    assert len(examples) == 2
    assert all(len(path.read_text().splitlines()) <= 40 for path in examples)


def test_a_dataset_holds_the_depth_that_is_kept(tmp_path: Path):
    scene = a3.Scene(calibrated(fake_room(3, 60, 45).reconstruction))
    for keep, first in (("trusted", 36), ("most", 12), ("all", 0)):
        a3.write_dataset(scene, tmp_path / keep, keep=keep)
        for index in range(3):
            with Image.open(tmp_path / keep / "depth" / f"{index:05d}.png") as image:
                depth = np.asarray(image)
            assert not depth[:, :first].any()
            assert depth[:, first:].all()
    told = json.loads((tmp_path / "most" / "amb3r.json").read_text())["amb3r"]["depth"]
    assert (told["keep"], told["kept"]) == ("most", 0.8)

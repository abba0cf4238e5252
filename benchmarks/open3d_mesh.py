"""How good the meshes of the Open3D stages are, beside Open3D's own RGB-D integration of the same depth.

    python benchmarks/open3d_mesh.py room                          # known room: noise, flying pixels, confidence, speed
    python benchmarks/open3d_mesh.py truth DEV/7s_a_few            # true depth and poses of a ground-truth folder
    python benchmarks/open3d_mesh.py scene SCENE DEV/7s_a_few      # a reconstructed scene, aligned to the true poses

Accuracy: distance of points on the mesh from the nearest true point. Completeness: share of true points within 20 mm of the mesh.
"""

import argparse
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "plugins" / "open3d"))

import amb3r_open3d as a3
import numpy as np
import open3d as o3d
from amb3r_open3d.cameras import to_parameters
from amb3r_open3d.mesh_files import to_open3d
from numpy.typing import NDArray
from PIL import Image

from amb3r_core import load_scene, make_surface
from amb3r_core.inputs.known import read_cameras
from amb3r_core.inputs.pixels import load_rgb
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.confidence import confidence_of_weight
from amb3r_core.scene.evaluate import depth_m_from_mm, image_names, true_poses
from amb3r_core.scene.reconstruction import Reconstruction
from benchmarks.records import Results, add_json_option, recorded
from tests.fakes import Room, fake_room

REACH_M = 0.02
SAMPLES = 200_000
NAIVE = a3.FuseTSDFOptions(confidence="ignore")


def main() -> None:
    """Runs one of the three parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["room", "truth", "scene"], nargs="?", default="room")
    parser.add_argument("paths", type=Path, nargs="*")
    add_json_option(parser)
    arguments = parser.parse_args()
    with recorded(f"open3d_mesh {arguments.part}", arguments) as results:
        if arguments.part == "room":
            room_rows(results)
        elif arguments.part == "truth":
            scene = true_scene(arguments.paths[0])
            real_rows(scene, true_points(scene), results)
        else:
            reconstructed_rows(*arguments.paths, results)


def reconstructed_rows(folder: Path, true_folder: Path, results: Results) -> None:
    """A reconstructed scene against the truth, and beside it what Open3D makes of the true depth."""
    truth = true_scene(true_folder)
    scene = a3.AlignTo(true_poses_by_name(true_folder))(a3.Scene(load_scene(folder)))
    print(f"aligned: {scene.alignment}")
    points = true_points(truth)
    print("reconstructed depth")
    real_rows(scene, points, results)
    print("Open3D's integration of the true depth")
    report("naive, true depth", a3.FuseTSDF(NAIVE)(truth), points, results)


def real_rows(scene: a3.Scene, points: NDArray, results: Results) -> None:
    """The stages with each use of confidence, and plain fusion."""
    masked = a3.MaskDepth()(scene)
    for use in ("ignore", "mask", "weight"):
        mesh = (a3.FuseTSDF(a3.FuseTSDFOptions(confidence=use)) >> a3.CleanMesh())(masked)
        report(f"MaskDepth, confidence={use}", mesh, points, results)
    report("naive (no mask, no confidence)", a3.FuseTSDF(NAIVE)(scene), points, results)
    report("amb3r mesh", to_open3d(make_surface(scene.reconstruction)[0]), points, results)


def report(name: str, mesh: o3d.t.geometry.TriangleMesh, points: NDArray, results: Results) -> None:
    """Prints and keeps one line of a mesh against true points (M, 3) in metres."""
    distances = distances_to_points(mesh, points)
    mean_mm, median_mm = 1e3 * distances.mean(), 1e3 * np.quantile(distances, 0.5)
    complete = float((distances_to_mesh(mesh, points) <= REACH_M).mean())
    results.append({"mesh": name, "mean_mm": mean_mm, "median_mm": median_mm, "complete_at_20_mm": complete})
    print(
        f"{name:34s} accuracy mean {mean_mm:6.2f} median {median_mm:6.2f} mm, "
        f"completeness at 20 mm {complete:6.1%}, {len(mesh.triangle.indices):,} triangles",
        flush=True,
    )


def distances_to_points(mesh: o3d.t.geometry.TriangleMesh, points: NDArray) -> NDArray:
    """Distances (S,) of points spread over the mesh from the nearest of `points` (M, 3)."""
    o3d.utility.random.seed(0)
    samples = mesh.to_legacy().sample_points_uniformly(SAMPLES)
    return np.asarray(samples.compute_point_cloud_distance(o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points))))


def distances_to_mesh(mesh: o3d.t.geometry.TriangleMesh, points: NDArray) -> NDArray:
    """Distances (M,) of points from the surface."""
    caster = o3d.t.geometry.RaycastingScene()
    caster.add_triangles(o3d.core.Tensor(mesh.vertex.positions.numpy()), mesh.triangle.indices.to(o3d.core.uint32))
    return caster.compute_distance(o3d.core.Tensor(points.astype(np.float32))).numpy()


def true_scene(folder: Path) -> a3.Scene:
    """The scene of a ground-truth folder's depth maps, poses and intrinsics; frames without depth are left out."""
    poses, known = true_poses(folder), read_cameras(folder / "gt" / "intrinsics.json").shared
    assert known is not None
    assert known.cx is not None
    assert known.cy is not None
    size = {"width": int(known.width), "height": int(known.height)}
    camera = PinholeCamera(**size, fx=known.fx, fy=known.fy, cx=known.cx, cy=known.cy)
    trajectory = o3d.camera.PinholeCameraTrajectory()
    colors, depths, parameters, names = [], [], [], []
    for name in image_names(folder):
        stem = Path(name).stem
        path = folder / "gt" / "depth" / f"{stem}.png"
        if path.is_file():
            colors.append(load_rgb(folder / "images" / name))
            depths.append(depth_m_from_mm(np.asarray(Image.open(path))).astype(np.float32))
            parameters.append(to_parameters(camera, poses[stem]))
            names.append(name)
    trajectory.parameters = parameters
    return a3.scene_from_rgbd(colors, depths, trajectory, names=names)


def true_points(scene: a3.Scene, step: int = 2) -> NDArray:
    """Every `step`-th pixel of every row of the true depth, in the world (M, 3)."""
    maps = [scene.vertex_map(index).numpy()[::step, ::step].reshape(-1, 3) for index in range(len(scene))]
    points = np.concatenate(maps).astype(np.float64)
    return points[np.isfinite(points).all(axis=1)]


def true_poses_by_name(folder: Path) -> dict[str, NDArray]:
    """Camera-to-world poses by image name."""
    poses = true_poses(folder)
    return {name: poses[Path(name).stem] for name in image_names(folder) if Path(name).stem in poses}


def room_rows(results: Results) -> None:
    """The known room, exact, noisy and with flying pixels, and the speed of the exact one."""
    room = fake_room(10, 640, 480)
    scene, points = a3.Scene(room.reconstruction), room_points(room)
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    fuse = a3.FuseTSDF(a3.FuseTSDFOptions(voxel_size=0.01))
    grid = fuse.integrate(scene)
    fused, mesh = time.perf_counter(), fuse.mesh(grid, n_views=10)
    meshed = time.perf_counter()
    print(f"10 x 640x480 at 10 mm: fuse {fused - started:.1f} s, mesh {meshed - fused:.1f} s, ", end="")
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {after / 1e6:.2f} GB (+{(after - before) / 1e6:.2f})")
    results.append({"fuse_s": fused - started, "mesh_s": meshed - fused, "peak_memory_gb": after / 1e6})
    room_row("exact, 10 mm voxels", mesh, room, points, results)
    bad = a3.Scene(spoiled(room, np.random.default_rng(0)))
    options = a3.FuseTSDFOptions(voxel_size=0.01, confidence="ignore")
    stages = a3.MaskDepth() >> a3.FuseTSDF(options) >> a3.CleanMesh()
    room_row("1 % noise, 5 % flying: naive", a3.FuseTSDF(options)(bad), room, points, results)
    room_row("1 % noise, 5 % flying: MaskDepth", stages(bad), room, points, results)
    uneven = a3.MaskDepth()(a3.Scene(unevenly_noisy(room, np.random.default_rng(0))))
    for use in ("ignore", "mask", "weight"):
        options = a3.FuseTSDFOptions(voxel_size=0.01, confidence=use, keep_percent=80.0)
        room_row(f"0.3-3 % noise, confidence={use}", a3.FuseTSDF(options)(uneven), room, points, results)


def room_row(name: str, mesh: o3d.t.geometry.TriangleMesh, room: Room, points: NDArray, results: Results) -> None:
    """Prints and keeps one line of a mesh of the room, against its walls."""
    samples = np.asarray(mesh.to_legacy().sample_points_uniformly(SAMPLES).points)
    errors = room.distance_to_surface(samples)
    complete = float((distances_to_mesh(mesh, points) <= REACH_M).mean())
    mean_mm, median_mm = 1e3 * errors.mean(), 1e3 * np.quantile(errors, 0.5)
    results.append({"mesh": name, "mean_mm": mean_mm, "median_mm": median_mm, "complete_at_20_mm": complete})
    print(f"{name:34s} mean {mean_mm:6.2f} median {median_mm:6.2f} mm, complete {complete:6.1%}", flush=True)


def room_points(room: Room, step: int = 4) -> NDArray:
    """True surface points (M, 3) that at least two views see, which is what fusion can know."""
    return true_points(a3.MaskDepth(a3.MaskDepthOptions(edges=False))(a3.Scene(room.reconstruction)), step)


def spoiled(room: Room, random: np.random.Generator) -> Reconstruction:
    """The room's depth with 1 % noise, and 5 % of the pixels anywhere between 0.3 and 1.3 of their depth."""
    dense = room.reconstruction.dense
    assert dense is not None
    depth = dense.depth * random.normal(1.0, 0.01, dense.depth.shape)
    flying = random.random(depth.shape) < 0.05
    depth = np.where(flying, depth * random.uniform(0.3, 1.3, depth.shape), depth).astype(np.float32)
    return replace(room.reconstruction, dense=replace(dense, depth=depth))


def unevenly_noisy(room: Room, random: np.random.Generator) -> Reconstruction:
    """Depth whose noise is 0.3 % to 3 %, in patches, with confidence that tells it: weight ~ 1 / variance."""
    dense = room.reconstruction.dense
    assert dense is not None
    n, height, width = dense.depth.shape
    patches = random.uniform(np.log(0.003), np.log(0.03), (n, height // 40, width // 40))
    sigma = np.exp(np.kron(patches, np.ones((1, 40, 40))))
    shift = np.kron(random.normal(size=(n, height // 8, width // 8)), np.ones((1, 8, 8)))
    depth = (dense.depth * (1.0 + sigma * shift)).astype(np.float32)
    weight = 0.9 * (0.003 / sigma) ** 2
    return replace(
        room.reconstruction, dense=replace(dense, depth=depth, confidence=confidence_of_weight(weight).astype(np.float32))
    )


if __name__ == "__main__":
    main()

"""What the Blender extension costs: points from file to object, and a camera path.

    python benchmarks/blender.py [--points 1000000 10000000] [--poses 1000] [--repeats R]

Run it with a Python that has bpy. Every cloud is read from a PLY that was just written; "extra" is the largest resident memory
above the one before the import (Linux only).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "plugins" / "blender"))

from amb3r_blender import build_cameras, build_cloud, opened_scene
from amb3r_blender.points_table import PointsTable
from amb3r_blender.timeline import timeline_of

from benchmarks.records import Results, add_json_option, recorded
from tests.plugins.blender import kit


def main() -> None:
    """Measures and prints one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--poses", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    add_json_option(parser)
    arguments = parser.parse_args()
    print(f"Blender {bpy.app.version_string}, best of {arguments.repeats}")
    with tempfile.TemporaryDirectory() as folder, recorded("blender", arguments) as results:
        results.append({"blender": bpy.app.version_string})
        for n_points in arguments.points:
            measure_points(Path(folder) / "points.ply", n_points, arguments.repeats, results)
        measure_path(Path(folder), arguments.poses, arguments.repeats, results)


def measure_points(path: Path, n_points: int, repeats: int, kept: Results) -> None:
    """From the file to a point cloud with every attribute."""
    kit.write_points(path, np.resize(kit.points_table(min(n_points, 100_000)), n_points))
    size_mb = path.stat().st_size / 1e6
    results = [with_peak(lambda: import_points(path, n_points)) for _ in range(repeats)]
    seconds, extra_mb = min(result[0] for result in results), results[0][1]
    kept.append({"points": n_points, "seconds": seconds, "extra_mb": extra_mb})
    print(f"{n_points:>12,} points ({size_mb:.0f} MB): {seconds:.3f} s, {extra_mb:.0f} MB extra at the peak")


def import_points(path: Path, n_points: int) -> bpy.types.PointCloud:
    """One import."""
    cloud = build_cloud.make_cloud(bpy.context, "Points", PointsTable(path), factor=1.0, fixed_radius=0.0)
    assert len(cloud.points) == n_points
    return cloud


def with_peak(work: Callable[[], bpy.types.PointCloud]) -> tuple[float, float]:
    """Seconds, and megabytes above the memory held before; the cloud is removed again."""
    before = reset_peak()
    started = time.perf_counter()
    cloud = work()
    seconds = time.perf_counter() - started
    extra = status_mb("VmHWM") - before
    bpy.data.pointclouds.remove(cloud)
    return seconds, extra


def reset_peak() -> float:
    """Forgets the largest memory so far; what is held now, in MB."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")
    return status_mb("VmRSS")


def status_mb(name: str) -> float:
    """A line of this process's status in MB; not a number where the system has none."""
    if sys.platform != "linux":
        return float("nan")
    return float(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) * 1024 / 1e6


def measure_path(folder: Path, n_poses: int, repeats: int, kept: Results) -> None:
    """One camera through many views."""
    random = np.random.default_rng(0)
    K = np.array([[500.0, 0.0, 320.0], [0.0, 500.0, 240.0], [0.0, 0.0, 1.0]])
    views = [
        kit.view_document(f"{index}.jpg", (640, 480), K, kit.random_pose(random), timestamp_s=index / 30)
        for index in range(n_poses)
    ]
    scene = opened_scene.open_scene(kit.write_scene(folder, kit.scene_document(views)))
    thing = bpy.data.objects.new("Path", bpy.data.cameras.new("Path"))
    line = timeline_of([view.timestamp_s for view in scene.views], "TIME", 30.0)
    seconds: list[float] = []
    for _ in range(repeats):
        started = time.perf_counter()
        build_cameras.animate_path(thing, scene.views, line, 1.0)
        seconds.append(time.perf_counter() - started)
    kept.append({"poses": n_poses, "seconds": min(seconds)})
    print(f"{n_poses:>12,} poses: {1000 * min(seconds):.1f} ms")


if __name__ == "__main__":
    main()

"""Runs stages of one tree on prepared inputs and prints their processor and wall seconds; `stages.py` starts it.

    PYTHONPATH=TREE python benchmarks/stage_worker.py INPUTS dense|points

Stands alone: of the project it imports what TREE has, and it knows where older trees kept it.
"""

import importlib
import json
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DENSE_FILE, SCENE_FILE = "dense.pt", "scene.json"
MAPS = ("depth", "confidence", "rgb")
EXPORTS = ("colmap", "colmap-text", "nerfstudio", "splat", "glb", "ply", "npz", "tum")

Seconds = dict[str, tuple[float, float]]


def main() -> None:
    """Measures the named part and prints one JSON line."""
    inputs, part = Path(sys.argv[1]), sys.argv[2]
    stages: Seconds = {}
    facts = run_dense(inputs, stages) if part == "dense" else run_points(inputs, stages)
    print(json.dumps({"stages": stages, "peak_memory_mb": peak_memory_mb(), **facts}))


def peak_memory_mb() -> float:
    """The most memory this process held at once; `ru_maxrss` would count what its parent held when it started it."""
    status = Path("/proc/self/status")
    if status.is_file():
        return int(re.findall(r"VmHWM:\s*(\d+) kB", status.read_text())[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def timed(stages: Seconds, name: str, work: Callable[[], Any]) -> Any:
    """What the work gives; its processor and wall seconds are noted."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    stages[name] = (time.process_time() - processor, time.perf_counter() - wall)
    return result


def run_dense(inputs: Path, stages: Seconds) -> dict[str, object]:
    """Dense depth of the model `colmap` from the cameras and sparse points in `INPUTS/dense.pt`."""
    import torch

    given = torch.load(inputs / DENSE_FILE, weights_only=True)
    densify = first_of("amb3r_core.models.colmap.stereo.dense", "amb3r_core.models.colmap.dense").densify
    sparse = first_of("amb3r_core.models.colmap.stereo.neighbours", "amb3r_core.models.colmap.neighbours").SparseScene
    scene = sparse(**{**given["scene"], "observed": tuple(given["scene"]["observed"]), "size": tuple(given["scene"]["size"])})
    depth = timed(stages, "dense", lambda: densify(given["pixels"], given["valid"], scene))[0]
    return {"answered": float((depth > 0).float().mean())}


def run_points(inputs: Path, stages: Seconds) -> dict[str, object]:
    """The fused cloud and every export of the scene in INPUTS, as one job makes them."""
    from amb3r_core import fuse
    from amb3r_core.export import find_exporters

    scene = load(inputs)
    cloud = timed(stages, "fuse", lambda: fuse(scene))
    try:
        from amb3r_core.export.points import ScenePoints
    except ImportError:  # each exporter made everything of the cloud alone
        shared = cloud
    else:
        shared = ScenePoints(scene, cloud)
    with tempfile.TemporaryDirectory(dir=inputs) as folder:
        for name, exporter in find_exporters(EXPORTS).items():
            timed(stages, name, lambda: exporter(scene, Path(folder) / exporter.default_name, shared))  # noqa: B023
    return {"points": len(cloud)}


def load(inputs: Path) -> Any:
    """The scene in INPUTS, its maps memory-mapped."""
    types = first_of("amb3r_core.scene.reconstruction", "amb3r_core.scene")
    cameras = first_of("amb3r_core.scene.camera", "amb3r_core.scene")
    record = json.loads((inputs / SCENE_FILE).read_text())
    maps = {name: np.load(inputs / f"{name}.npy", mmap_mode="r") for name in MAPS}

    def view(fields: dict[str, Any]) -> Any:
        box = fields["letterbox"]
        place = {"letterbox": cameras.Letterbox(**box)} if hasattr(cameras, "Letterbox") else {"crop": cameras.Crop(**box)}
        return types.View(
            name=fields["name"],
            path=fields["path"],
            camera=cameras.PinholeCamera(**fields["camera"]),
            cam_to_world=np.array(fields["cam_to_world"]),
            **place,
        )

    return types.Reconstruction(
        views=tuple(view(fields) for fields in record["views"]),
        scale=types.Scale(kind="relative", source="none"),
        provenance=types.Provenance(model="colmap", version="0"),
        dense=types.Dense(**maps),
        up_world=record["up_world"] and tuple(record["up_world"]),
    )


def first_of(*names: str) -> Any:
    """The first module of these that the tree has."""
    for name in names[:-1]:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise
    return importlib.import_module(names[-1])


if __name__ == "__main__":
    main()

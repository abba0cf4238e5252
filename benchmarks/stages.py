"""Processor and wall seconds of dense depth, of fusing and of every export, in this tree and in another commit, in one run.

    python benchmarks/stages.py [PHOTOS] [--against COMMIT] [--rounds N] [--stages dense points] [--threads N] [--json FILE]
    python benchmarks/stages.py --room 200 [--size 640x480] [--photo 4000x3000] [--against COMMIT]

PHOTOS, the bundled sample when left out, are reconstructed once by this tree; both trees then get the same inputs: the cameras
and sparse points for dense depth, the cameras and maps for the rest. `--room N` measures the rest alone, on N exact views of a
synthetic room. Each measurement is a process of its own, the trees take turns, and the least of all rounds counts. Exports share
what their tree lets them share, as in one job of `amb3r reconstruct`. On one thread unless told otherwise, since threads that
wait count as processor time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from amb3r_core import reconstruct
from amb3r_core.jobs.sample import SAMPLE
from amb3r_core.models.colmap import model as colmap_model
from amb3r_core.options import ReconstructOptions
from amb3r_core.scene.reconstruction import Reconstruction
from benchmarks.records import ROOT, Results, add_json_option, recorded
from benchmarks.stage_worker import DENSE_FILE, MAPS, SCENE_FILE
from tests.fakes import fake_room

WORKER = Path(__file__).resolve().parent / "stage_worker.py"
PARTS = ("dense", "points")
HERE = "this tree"
TOTAL = {"dense": "dense", "points": "fuse + exports"}

Measured = dict[str, dict[str, Any]]


def main() -> None:
    """Prints one line per stage, and one for the sum of fusing and exports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="?", default=SAMPLE / "images")
    parser.add_argument("--against", metavar="COMMIT", help="measure this commit too, and give the ratios")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--stages", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--room", type=int, metavar="N", help="N views of a synthetic room instead of photos; no dense depth")
    parser.add_argument("--size", type=_size, default=(640, 480), help="of the room's dense maps")
    parser.add_argument("--photo", type=_size, default=(4000, 3000), help="of the room's photos")
    add_json_option(parser)
    arguments = parser.parse_args()
    parts = ["points"] if arguments.room else arguments.stages
    with (
        recorded("stages", arguments) as results,
        tempfile.TemporaryDirectory(prefix="amb3r-stages-") as folder,
        trees(arguments.against) as places,
    ):
        inputs = Path(folder)
        if arguments.room:
            prepare_room(inputs, arguments.room, arguments.size, arguments.photo)
        else:
            prepare_photos(inputs, arguments.photos)
        for part in parts:
            runs: dict[str, list[dict[str, Any]]] = {name: [] for name in places}
            for _ in range(arguments.rounds):
                for name, place in reversed(places.items()):
                    runs[name].append(run(place, inputs, part, arguments.threads))
            tell(part, {name: least(measured) for name, measured in runs.items()}, results)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


@contextmanager
def trees(commit: str | None) -> Generator[dict[str, Path]]:
    """This tree and, checked out for as long as it is needed, the other commit's."""
    if commit is None:
        yield {HERE: ROOT}
        return
    with tempfile.TemporaryDirectory(prefix="amb3r-tree-") as folder:
        other = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(other), commit], cwd=ROOT, check=True)
        try:
            yield {HERE: ROOT, commit: other}
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(other)], cwd=ROOT, check=True)


def prepare_photos(inputs: Path, photos: Path) -> None:
    """Reconstructs the photos, and keeps what dense depth was made of and what came out."""
    densify, given = colmap_model.densify, {}

    def watched(pixels: Any, valid: Any, scene: Any, *rest: Any) -> Any:
        fields = {name: getattr(scene, name) for name in ("intrinsics", "cam_to_world", "size", "points", "observed")}
        given.update(pixels=pixels.clone(), valid=valid.clone(), scene={**fields, "observed": list(scene.observed)})
        return densify(pixels, valid, scene, *rest)

    with mock.patch.object(colmap_model, "densify", watched):
        keep(inputs, reconstruct(photos, options=ReconstructOptions(model="colmap", device="cpu")))
    torch.save(given, inputs / DENSE_FILE)


def prepare_room(inputs: Path, n_views: int, size: tuple[int, int], photo: tuple[int, int]) -> None:
    """A room seen from all sides, and one photo of the wanted size that stands for all."""
    scene = fake_room(n_views, *size, original_scale=photo[0] / size[0]).reconstruction
    ramp = np.indices((photo[1], photo[0]), dtype=np.uint8).sum(axis=0, dtype=np.uint8)
    Image.fromarray(np.stack([ramp, ramp // 2, 255 - ramp], axis=-1)).save(inputs / "photo.png")
    keep(inputs, scene, inputs / "photo.png")


def keep(inputs: Path, scene: Reconstruction, photo: Path | None = None) -> None:
    """Writes a scene for the worker; photo: what stands for every view's file."""
    if scene.dense is None:
        raise SystemExit("no depth was found, so that there is nothing to measure")
    for name in MAPS:
        np.save(inputs / f"{name}.npy", getattr(scene.dense, name))
    views = [
        {
            "name": view.name,
            "path": str(photo or view.path),
            "camera": {name: getattr(view.camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")},
            "letterbox": {name: getattr(view.letterbox, name) for name in ("x", "y", "width", "height")},
            "cam_to_world": view.cam_to_world.tolist(),
        }
        for view in scene.views
    ]
    (inputs / SCENE_FILE).write_text(json.dumps({"views": views, "up_world": scene.up_world}))


def run(place: Path, inputs: Path, part: str, threads: int) -> dict[str, Any]:
    """One measurement in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(place), "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, str(WORKER), str(inputs), part], cwd=inputs, env=environment, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def least(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each stage the least processor and the least wall seconds; the most memory."""
    stages = {name: tuple(min(one["stages"][name][clock] for one in runs) for clock in (0, 1)) for name in runs[0]["stages"]}
    return {**runs[0], "stages": stages, "peak_memory_mb": max(one["peak_memory_mb"] for one in runs)}


def tell(part: str, measured: Measured, results: Results) -> None:
    """Prints and keeps the seconds of one part of the work."""
    names = list(measured)
    print(f"{'':16s}" + "".join(f"{name:>24s}" for name in names) + ("   ratio" if len(names) > 1 else ""))
    print(f"{'':16s}" + f"{'processor s':>15s}{'wall s':>9s}" * len(names))
    stages = [measured[name]["stages"] for name in names]
    rows = {stage: [seconds[stage] for seconds in stages] for stage in stages[0]}
    if len(rows) > 1:
        rows[TOTAL[part]] = [tuple(map(sum, zip(*seconds.values(), strict=True))) for seconds in stages]
    for stage, seconds in rows.items():
        ratio = seconds[0][0] / max(seconds[-1][0], 1e-9)
        text = "".join(f"{processor:15.2f}{wall:9.2f}" for processor, wall in seconds)
        print(f"{stage:16s}{text}" + (f"{ratio:8.1%}" if len(names) > 1 else ""))
        for name, (processor, wall) in zip(names, seconds, strict=True):
            results.append({"stage": stage, "tree": name, "processor_seconds": processor, "wall_seconds": wall})
    print(f"{'peak memory MB':16s}" + "".join(f"{measured[name]['peak_memory_mb']:15.0f}{'':9s}" for name in names))
    for name in names:
        facts = {key: value for key, value in measured[name].items() if key != "stages"}
        results.append({"part": part, "tree": name, **facts})
    print("; ".join(f"{name}: {_fact(measured[name])}" for name in names), flush=True)


def _fact(measured: dict[str, Any]) -> str:
    return f"{measured['points']} points" if "points" in measured else f"{measured['answered']:.1%} of pixels answered"


if __name__ == "__main__":
    main()

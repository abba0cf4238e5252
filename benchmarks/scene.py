"""Poses, depth, time and memory of one scene folder with ground truth.

    python benchmarks/scene.py SCENE [--model colmap] [--keep OUT] [--json FILE]

SCENE holds images/ and gt/ as described in amb3r_core/scene/evaluate.py.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from amb3r_core.compute.machine import peak_memory_mb
from amb3r_core.export.scene_dir import load_scene
from amb3r_core.jobs.sample import accuracy_rows, true_depth
from amb3r_core.jobs.write_scene import write_scene
from amb3r_core.options import ReconstructOptions
from amb3r_core.scene.evaluate import score_depth, score_poses
from amb3r_core.scene.reconstruction import Reconstruction
from benchmarks.records import Results, add_json_option, recorded

DECILES = tuple(share / 10 for share in range(10, 0, -1))


def main() -> None:
    """Reconstructs, scores and prints one scene."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path)
    parser.add_argument("--model", default="colmap")
    parser.add_argument("--intrinsics")
    parser.add_argument("--poses", type=Path)
    parser.add_argument("--keep", type=Path, help="keep the scene folder here")
    add_json_option(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, recorded("scene", arguments) as results:
        output = arguments.keep or Path(folder) / "scene"
        options = ReconstructOptions(model=arguments.model, intrinsics=arguments.intrinsics, poses=arguments.poses)
        started = time.perf_counter()
        written = write_scene([arguments.scene / "images"], output, options, overwrite=True)
        seconds = time.perf_counter() - started
        reconstruction = load_scene(written.folder)
        results.append(
            {"seconds": seconds, "stages": dict(reconstruction.provenance.seconds), "peak_memory_mb": peak_memory_mb()}
        )
        print(f"scene          {arguments.scene.name}")
        print(f"views          {reconstruction.n_views} placed, {len(reconstruction.unregistered)} not")
        results.append({"placed": reconstruction.n_views, "lost": len(reconstruction.unregistered)})
        score(reconstruction, arguments.scene, results)
        stages = ", ".join(f"{stage} {value:.1f}" for stage, value in reconstruction.provenance.seconds.items())
        print(f"seconds        {seconds:.1f} ({stages})")
        print(f"peak memory    {peak_memory_mb():.0f} MB")
        for note in reconstruction.provenance.notes:
            print(f"note           {note}")


def score(reconstruction: Reconstruction, scene: Path, results: Results) -> None:
    """Prints and keeps the errors of poses and depth, where the scene has a truth for them."""
    if (scene / "gt" / "poses.txt").is_file():
        for name, value in accuracy_rows(reconstruction, scene).items():
            print(f"{name:<14} {value}")
        poses = score_poses(reconstruction, scene)
        results.append({"auc30": poses.auc30, "ate_m": poses.ate, "ate_relative": poses.ate_relative})
    truth = true_depth(scene)
    if truth:
        depth = score_depth(reconstruction, truth, DECILES)
        print("kept  AbsRel  delta<1.25")
        for share in DECILES:
            print(f"{share:4.0%}  {depth.abs_rel[share]:.4f}  {depth.delta_125[share]:.4f}")
            results.append({"kept": share, "abs_rel": depth.abs_rel[share], "delta_125": depth.delta_125[share]})


if __name__ == "__main__":
    sys.exit(main())

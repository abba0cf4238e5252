"""Measures the incremental pipelines over a model that knows the truth: memory, time per frame, drift, accuracy.

`python benchmarks/pipelines.py long --frames 2000` | `growth --images 100 2000` | `loop` | `accuracy`. Times are of the pipeline
itself, the model excluded; `growth` is that of structure from motion with the number of images, along an ever longer street.
`real --scene FOLDER --pipeline vo|sfm|auto --model colmap --work WORK`: a real model against a ground-truth folder; stopped and
started again with the same work folder it goes on. `--json FILE` appends one line about the run.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from amb3r_core.inputs.images import Frame, FrameList
from amb3r_core.jobs.job import ReconstructionJob, reconstructed
from amb3r_core.options import PipelineName, ReconstructOptions
from amb3r_core.pipelines.sfm.run import run_sfm
from amb3r_core.pipelines.vo.run import VisualOdometry, run_vo
from amb3r_core.pipelines.vo.state import VoConfig
from amb3r_core.progress import silent
from amb3r_core.scene.evaluate import score_poses
from amb3r_core.scene.reconstruction import Reconstruction
from benchmarks.records import Results, add_json_option, recorded
from tests.paths import SHARED
from tests.pipelines.fake_model import FakeDescribingModel, FakeModel
from tests.pipelines.fake_scenes import BoxScene, RgbdScene, block_loop, orbit_path, room_boxes, shuffled, street
from tests.pipelines.scoring import auc30, end_drift, path_length, position_error


@dataclass
class TimedModel(FakeDescribingModel):
    """Adds up the CPU seconds spent inside the model, and forgets truth that is far behind."""

    seconds: float = 0.0
    kept: int = 200

    def predict(self, batch, **rest):
        started = time.process_time()
        answer = super().predict(batch, **rest)
        self.calls.clear()
        while len(self._truth) > self.kept:
            self._truth.pop(next(iter(self._truth)))
        self.seconds += time.process_time() - started
        return answer

    def describe(self, batch):
        """Alike are views of places at most some 20 m apart: in a long street no two of a kilometre are alike by chance."""
        started = time.process_time()
        rng = np.random.default_rng(7)
        waves, phases = rng.standard_normal((3, 1024)) / 10.0, rng.uniform(0, 2 * np.pi, 1024)
        poses = np.array([self.scene.pose(name) for name in batch.names])
        seen = poses[:, :3, 3] + 10.0 * poses[:, :3, 2]
        rows = np.cos(seen @ waves + phases).astype(np.float32)
        self.seconds += time.process_time() - started
        return torch.as_tensor(rows)


def long_run(n_frames: int, width: int, results: Results) -> None:
    """Peak memory and the pipeline's own CPU time per frame along a long walk around a room."""
    torch.set_num_threads(1)  # Threads that wait for one another spin, which counts as CPU time.
    scene = BoxScene(room_boxes(), orbit_path(n_frames, turns=n_frames / 250), image_width=width)
    model = TimedModel(scene, noise=0.02, long_side_px=width)
    picture = scene.rgb(scene.names[0])
    own: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        session = VisualOdometry().start(model, work=Path(folder), n_frames=n_frames)
        for name in scene.names:
            frame = Frame(name=name, width=picture.shape[1], height=picture.shape[0], decode=lambda: picture, path=Path(name))
            started, inside = time.process_time(), model.seconds
            session.feed([frame])
            own.append(time.process_time() - started - (model.seconds - inside))
        result = session.finish()
        print(f"{result.n_views} of {n_frames} frames placed, {sum(view.is_keyframe for view in result.views)} keyframes")
        error = position_error(result, scene) / path_length(result, scene)
        print(f"ATE {error:.4%} of the path")
    for first in range(0, n_frames, 200):
        cpu_ms = 1000 * float(np.mean(own[first : first + 200]))
        results.append({"first_frame": first, "cpu_ms_per_frame": cpu_ms})
        print(f"frames {first:5d} to {first + 199:5d}: {cpu_ms:.1f} ms CPU each")
    results.append({"placed": result.n_views, "ate_of_path": error, "peak_memory_mb": peak_mb()})
    print(f"peak memory {peak_mb():.0f} MB")


@dataclass
class LongStreet(BoxScene):
    """A street of which a camera sees only what is near, so that a frame costs the same however long the street is."""

    reach_m: float = 90.0

    def _cast(self, pose, width, height):
        near = np.flatnonzero((self.boxes[:, 1, 2] > pose[2, 3] - 10) & (self.boxes[:, 0, 2] < pose[2, 3] + self.reach_m))
        depth, points, box = BoxScene(self.boxes[near], self.path[:0], focal=self.focal)._cast(pose, width, height)
        return depth, points, near[box]


def growth(sizes: list[int], results: Results) -> None:
    """The pipeline's own CPU time per image of ever larger sets of images of an ever longer street."""
    torch.set_num_threads(1)
    first_ms = 0.0
    for n_images in sorted(sizes):
        scene = LongStreet(**vars(street(n_images)))
        picture = scene.rgb(scene.names[0])
        frames = [replace(frame, decode=partial(np.array, picture)) for frame in scene.frames()]
        model = TimedModel(scene, noise=0.02, long_side_px=scene.image_width, kept=n_images)
        with tempfile.TemporaryDirectory() as folder:
            started = time.process_time()
            result = run_sfm(model, shuffled(FrameList(tuple(frames)), 1), Path(folder))
            own_ms = 1000 * (time.process_time() - started - model.seconds) / n_images
            first_ms = first_ms or own_ms
            keyframes = sum(view.is_keyframe for view in result.views)
            row = {"images": n_images, "placed": result.n_views, "keyframes": keyframes, "own_ms_per_image": own_ms}
            results.append({**row, "ratio": own_ms / first_ms, "model_s": model.seconds, "peak_memory_mb": peak_mb()})
            print(f"{n_images:5d} images, {result.n_views} placed, {keyframes} keyframes: {own_ms:.1f} ms CPU each", end=" ")
            print(f"({own_ms / first_ms:.2f} of the first; the model {model.seconds:.0f} s), peak {peak_mb():.0f} MB", flush=True)


def peak_mb() -> float:
    """The most memory this process held at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def loop(seeds: int, results: Results) -> None:
    """Drift at the end of a loop, with and without re-entry."""
    truth, lap = block_loop(180, turns=1.3), round(179 / 1.3)
    for seed in range(seeds):
        drift = {}
        for reentry in ("on", "off"):
            config = VoConfig()
            config = replace(config, resample=replace(config.resample, reentry=reentry, loop_gap=60))
            model = FakeModel(truth, noise=0.02, bend_deg_per_m=0.2, long_side_px=48, seed=seed)
            with tempfile.TemporaryDirectory() as folder:
                drift[reentry] = end_drift(run_vo(model, truth.frames(), Path(folder), config=config), truth, lap)
        results.append({"seed": seed, "drift_m": drift["on"], "drift_without_reentry_m": drift["off"]})
        print(f"seed {seed}: drift {drift['on']:.2f} m with re-entry, {drift['off']:.2f} m without", flush=True)


def accuracy(results: Results) -> None:
    """Errors of both pipelines at 0 and 2 % noise."""
    scenes = {"orbit": BoxScene(room_boxes(), orbit_path(100)), "street": street(70)}
    if (SHARED / "data" / "dev" / "7s_a_video").is_dir():
        scenes["7s_a_video"] = RgbdScene(SHARED / "data" / "dev" / "7s_a_video")
    for name, scene in scenes.items():
        for noise in (0.0, 0.02):
            with tempfile.TemporaryDirectory() as folder:
                vo = run_vo(FakeModel(scene, noise=noise), scene.frames(), Path(folder) / "vo")
                model = FakeDescribingModel(scene, noise=noise)
                sfm = run_sfm(model, shuffled(scene.frames(), 1), Path(folder) / "sfm")
                error, auc = position_error(vo, scene) / path_length(vo, scene), auc30(sfm, scene)
                results.append({"scene": name, "noise": noise, "vo_ate": error, "sfm_placed": sfm.n_views, "sfm_auc30": auc})
                print(
                    f"{name} noise {noise:.0%}: vo ATE {error:.4%} of the path; "
                    f"sfm {sfm.n_views}/{len(scene.names)} placed, AUC@30 {auc:.2f}",
                    flush=True,
                )


def real(scene: Path, pipeline: PipelineName, model: str, work: Path, results: Results) -> None:
    """Pose accuracy of a pipeline with a real model; wall and processor seconds are those of this start alone."""
    options = ReconstructOptions(model=model, pipeline=pipeline)
    started, cpu_before = time.perf_counter(), processor_seconds()
    with reconstructed(ReconstructionJob(groups=[[scene / "images"]], options=options, beside=work), silent) as result:
        pass
    seconds, score = time.perf_counter() - started, score_poses(result, scene)
    cpu_s = (processor_seconds() - cpu_before) / max(result.n_views + len(result.unregistered), 1)
    focal_error = focal_error_of(result, scene)
    kept = {"placed": result.n_views, "lost": len(result.unregistered), "auc30": score.auc30, "ate_relative": score.ate_relative}
    kept |= {"processor_s_per_frame": cpu_s, "focal_error": focal_error, "keyframes": sum(v.is_keyframe for v in result.views)}
    results.append({"scene": scene.name, "pipeline": result.provenance.pipeline, "seconds": seconds, **kept})
    print(f"{scene.name}, {model}: {seconds:.0f} s, {cpu_s:.2f} processor seconds a frame, {kept['keyframes']} keyframes")
    print(f"focal length {focal_error:+.1%}" if focal_error is not None else "no true focal length")
    print(*result.provenance.notes, sep="\n")
    print(score)
    for view in result.unregistered:
        print(f"{view.name}: {view.reason}")


def processor_seconds() -> float:
    """Of this process and of those it has started that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def focal_error_of(result: Reconstruction, scene: Path) -> float | None:
    """The median relative error of the focal lengths, with its sign; None where the truth is not known."""
    truth = scene / "gt" / "intrinsics.json"
    if not truth.is_file():
        return None
    return float(np.median([view.camera.fx for view in result.views])) / json.loads(truth.read_text())["fx"] - 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["long", "growth", "loop", "accuracy", "real"])
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--images", type=int, nargs="+", default=[100, 500, 2000])
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scene", type=Path, default=SHARED / "data" / "dev" / "7s_a_few")
    parser.add_argument("--pipeline", choices=["auto", "one-shot", "vo", "sfm"], default="auto")
    parser.add_argument("--model", default="colmap")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "amb3r-benchmark")
    add_json_option(parser)
    options = parser.parse_args()
    with recorded(f"pipelines {options.what}", options) as results:
        if options.what == "long":
            long_run(options.frames, options.width, results)
        elif options.what == "growth":
            growth(options.images, results)
        elif options.what == "loop":
            loop(options.seeds, results)
        elif options.what == "real":
            real(options.scene, options.pipeline, options.model, options.work / options.scene.name / options.pipeline, results)
        else:
            accuracy(results)


if __name__ == "__main__":
    main()

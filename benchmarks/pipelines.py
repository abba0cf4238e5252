"""Measures the incremental pipelines over a model that knows the truth: memory, time per frame, drift, accuracy.

`python benchmarks/pipelines.py long --frames 2000` | `loop` | `accuracy`. Times are of the pipeline itself, the model excluded.
`real --scene FOLDER --pipeline vo|sfm|auto --model colmap --work WORK`: a real model against a ground-truth folder; stopped and
started again with the same work folder it goes on.
"""

import argparse
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from amb3r_core.inputs.images import Frame
from amb3r_core.jobs.job import ReconstructionJob, reconstructed
from amb3r_core.options import PipelineName, ReconstructOptions
from amb3r_core.pipelines.sfm.run import run_sfm
from amb3r_core.pipelines.vo.run import VisualOdometry, VoConfig, run_vo
from amb3r_core.progress import silent
from amb3r_core.scene.evaluate import score_poses
from tests.paths import SHARED
from tests.pipelines.fake_model import FakeDescribingModel, FakeModel
from tests.pipelines.fake_scenes import BoxScene, RgbdScene, block_loop, orbit_path, room_boxes, shuffled, street
from tests.pipelines.scoring import auc30, end_drift, path_length, position_error


@dataclass
class TimedModel(FakeModel):
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


def long_run(n_frames: int, width: int) -> None:
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
        print(f"ATE {position_error(result, scene) / path_length(result, scene):.4%} of the path")
    for first in range(0, n_frames, 200):
        print(f"frames {first:5d} to {first + 199:5d}: {1000 * np.mean(own[first : first + 200]):.1f} ms CPU each")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def loop(seeds: int) -> None:
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
        print(f"seed {seed}: drift {drift['on']:.2f} m with re-entry, {drift['off']:.2f} m without", flush=True)


def accuracy() -> None:
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
                print(
                    f"{name} noise {noise:.0%}: vo ATE {position_error(vo, scene) / path_length(vo, scene):.4%} of the path; "
                    f"sfm {sfm.n_views}/{len(scene.names)} placed, AUC@30 {auc30(sfm, scene):.2f}",
                    flush=True,
                )


def real(scene: Path, pipeline: PipelineName, model: str, work: Path) -> None:
    """Pose accuracy of a pipeline with a real model; the wall seconds are those of this start alone."""
    options = ReconstructOptions(model=model, pipeline=pipeline)
    started = time.perf_counter()
    with reconstructed(ReconstructionJob(groups=[[scene / "images"]], options=options, beside=work), silent) as result:
        pass
    print(f"{scene.name}, {model}: {time.perf_counter() - started:.0f} s")
    print(*result.provenance.notes, sep="\n")
    print(score_poses(result, scene))
    for view in result.unregistered:
        print(f"{view.name}: {view.reason}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["long", "loop", "accuracy", "real"])
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scene", type=Path, default=SHARED / "data" / "dev" / "7s_a_few")
    parser.add_argument("--pipeline", choices=["auto", "one-shot", "vo", "sfm"], default="auto")
    parser.add_argument("--model", default="colmap")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "amb3r-benchmark")
    options = parser.parse_args()
    if options.what == "long":
        long_run(options.frames, options.width)
    elif options.what == "loop":
        loop(options.seeds)
    elif options.what == "real":
        real(options.scene, options.pipeline, options.model, options.work / options.scene.name / options.pipeline)
    else:
        accuracy()


if __name__ == "__main__":
    main()

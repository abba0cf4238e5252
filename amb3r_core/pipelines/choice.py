"""Which pipeline runs, and why."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from amb3r_core._version import __version__
from amb3r_core.compute.devices import choose_device
from amb3r_core.errors import ResourceError
from amb3r_core.inputs.images import FrameList
from amb3r_core.models.api import ReconstructionModel
from amb3r_core.options import ReconstructOptions
from amb3r_core.pipelines.one_shot import run_one_shot
from amb3r_core.pipelines.sfm.executor import InProcess, RayWorkers
from amb3r_core.pipelines.sfm.run import run_sfm
from amb3r_core.pipelines.sfm.state import SfmConfig
from amb3r_core.pipelines.vo.run import run_vo
from amb3r_core.progress import Monitor
from amb3r_core.scene.reconstruction import Reconstruction

Pipeline = Literal["one-shot", "vo", "sfm"]


@dataclass(frozen=True, slots=True)
class PipelineChoice:
    """The pipeline and the reason, as a sentence part for the user."""

    name: Pipeline
    reason: str


def choose_pipeline(model: ReconstructionModel, frames: FrameList, options: ReconstructOptions) -> PipelineChoice:
    """One shot while the views fit the model; beyond that visual odometry for a walk and structure from motion for a set."""
    if options.pipeline != "auto":
        return PipelineChoice(options.pipeline, "as asked")
    limit = model.input_spec.max_views
    if not limit or len(frames) <= limit:
        return PipelineChoice("one-shot", f"model {model.name} takes all {len(frames)} views at once")
    return _choose_incremental(frames, f"{len(frames)} views are more than model {model.name} takes at once ({limit})")


def _choose_incremental(frames: FrameList, why: str) -> PipelineChoice:
    if frames.is_ordered:
        return PipelineChoice("vo", f"{why}, and they follow one another")
    return PipelineChoice("sfm", f"{why}, and they are in no order")


def run_pipeline(
    model: ReconstructionModel, frames: FrameList, options: ReconstructOptions, work: Path, monitor: Monitor
) -> Reconstruction:
    """The scene of the asked or chosen pipeline; the choice is noted in the provenance. work: folder for its journal.

    Where the choice was free and one call for all views runs out of memory, the views go through in windows.
    """
    choice = choose_pipeline(model, frames, options)
    try:
        scene = _run(choice, model, frames, options, work, monitor)
    except ResourceError as error:
        if options.pipeline != "auto" or choice.name != "one-shot":
            raise
        choice = _choose_incremental(frames, f"all {len(frames)} views at once did not fit ({error})")
        scene = _run(choice, model, frames, options, work, monitor)
    note = f"pipeline: {choice.name}, {choice.reason}"
    return replace(scene, provenance=replace(scene.provenance, notes=(note, *scene.provenance.notes)))


def _run(
    choice: PipelineChoice,
    model: ReconstructionModel,
    frames: FrameList,
    options: ReconstructOptions,
    work: Path,
    monitor: Monitor,
) -> Reconstruction:
    if choice.name == "one-shot":
        return run_one_shot(model, frames, version=__version__, monitor=monitor)
    if choice.name == "vo":
        return run_vo(model, frames, work / "vo", monitor=monitor)
    return _run_sfm(model, frames, options, work / "sfm", monitor)


def _run_sfm(
    model: ReconstructionModel, frames: FrameList, options: ReconstructOptions, work: Path, monitor: Monitor
) -> Reconstruction:
    config = SfmConfig(seed=options.seed)
    if options.executor == "local":
        return run_sfm(model, frames, work, config=config, executor=InProcess(model), monitor=monitor)
    gpus_per_worker = 1.0 if choose_device(options.device).startswith("cuda") else 0.0
    workers = RayWorkers(model, n_workers=options.workers, gpus_per_worker=gpus_per_worker)
    try:
        return run_sfm(model, frames, work, config=config, executor=workers, monitor=monitor)
    finally:
        workers.close()

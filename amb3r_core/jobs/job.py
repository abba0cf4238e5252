"""The main job: what the user hands over and knows in, one reconstruction out.

The story, in order: read the evidence, find the input, choose a model, open the input, check the evidence against it, load the
model, run a pipeline, bring the scene to scale, keep its images.
"""

import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from amb3r_core._version import __version__
from amb3r_core.inputs.images import FrameList
from amb3r_core.jobs.evidence import Evidence, apply_scale, attach, check_frames, check_groups, check_names, read_evidence
from amb3r_core.jobs.findings import tell_findings
from amb3r_core.jobs.source import Inputs, Source, VideoFile, find_source
from amb3r_core.options import ReconstructOptions
from amb3r_core.progress import NOTICE, Monitor, Progress
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.storage.work import job_key, work_folder

if TYPE_CHECKING:
    from amb3r_core.models.registry import ModelOptions

Arrange = Callable[[Sequence[FrameList]], FrameList]
"""What a host does to the opened frames of each group before anything is computed: choose, cut, join them."""


class StageClock:
    """A monitor that passes everything on and adds up the wall seconds of each stage."""

    def __init__(self, monitor: Monitor) -> None:
        self.seconds: dict[str, float] = {}
        self._monitor = monitor
        self._stage = ""
        self._since = time.perf_counter()

    def __call__(self, progress: Progress, /) -> None:
        if progress.stage not in (self._stage, NOTICE):
            self.close()
            self._stage = progress.stage
        self._monitor(progress)

    def close(self) -> None:
        """Ends the running stage."""
        now = time.perf_counter()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = "", now


def only_group(groups: Sequence[FrameList]) -> FrameList:
    """The frames of a job that has one group."""
    (frames,) = groups
    return frames


@dataclass(frozen=True, kw_only=True)
class ReconstructionJob:
    """What one reconstruction works on."""

    groups: Sequence[Inputs]
    """What the user hands over; a host may keep sets apart, as training and held-out photos."""
    options: ReconstructOptions
    beside: Path | None = None
    """Output beside which the work folder stands, from which a killed run goes on; None: a temporary one."""
    keep: Path | Literal["work"] | None = None
    """Folder under which the scene's images are written; work: in the work folder, for the length of the block; None: nowhere."""
    arrange: Arrange = only_group
    settings: Sequence[object] = field(default=())
    """Whatever else the result depends on: choices of `arrange`."""


@contextmanager
def reconstructed(job: ReconstructionJob, monitor: Monitor) -> Generator[Reconstruction]:
    """The job's reconstruction for the length of the block, after which the work folder goes.

    Raises the errors of `amb3r_core.errors`, all that the options and the listing of the input can tell before any work; passes
    `Cancelled` through.
    """
    evidence, sources = _found(job)
    files = [file for source in sources for file in source.files or ()]
    can_resume = all(source.files is not None for source in sources)
    key = job_key(files, [_of_the_work(job.options), *job.settings], __version__) if can_resume else ""
    with work_folder(job.beside, key, resume=job.options.resume and can_resume) as work:
        yield _run(job, evidence, sources, work, StageClock(monitor))


def check(job: ReconstructionJob, monitor: Monitor) -> None:
    """The first step of a job alone: finds, reads and joins all that the user hands over, and tells the findings as notices.

    Raises the errors that the job would raise before its work.
    """
    from amb3r_core.models.registry import choose_model

    evidence, sources = _found(job)
    with work_folder(None, "", resume=False) as work:
        load_options = model_options(job.options, work)
        choice = choose_model(job.options.model, load_options)
        frames, notes = _open(job, evidence, sources, work, monitor)
        tell_findings(choice, load_options, frames, notes, monitor)


def _found(job: ReconstructionJob) -> tuple[Evidence, list[Source]]:
    """What the options tell and where the input is, checked as far as a look at the files' names goes."""
    evidence = read_evidence(job.options)
    check_groups(evidence, len(job.groups))
    sources = [find_source(inputs, job.options) for inputs in job.groups]
    if job.arrange is only_group and sources[0].names is not None:
        check_names(evidence, sources[0].names)
    return evidence, sources


def _of_the_work(options: ReconstructOptions) -> ReconstructOptions:
    """The options without those that only the end depends on, so that a command with other ones goes on from the same work."""
    end = ReconstructOptions()
    return replace(
        options,
        scale_from=end.scale_from,
        poses_in_metres=end.poses_in_metres,
        images=end.images,
        keep=end.keep,
        executor=end.executor,
        workers=end.workers,
        resume=end.resume,
    )


def _run(job: ReconstructionJob, evidence: Evidence, sources: Sequence[Source], work: Path, clock: StageClock) -> Reconstruction:
    from amb3r_core.models.registry import choose_model

    load_options = model_options(job.options, work)
    choice = choose_model(job.options.model, load_options)
    frames, notes = _open(job, evidence, sources, work, clock)
    tell_findings(choice, load_options, frames, notes, clock)
    clock(Progress(stage="load model", message=choice.reason))
    model = choice.entry.load(load_options, clock)
    from amb3r_core.pipelines.choice import run_pipeline

    reconstruction = run_pipeline(model, frames, job.options, work, clock)
    reconstruction, scale_notes = apply_scale(reconstruction, frames, evidence)
    reconstruction = _with_images(job, reconstruction, frames, work, clock)
    clock.close()
    notes = (f"model: {choice.reason}", *reconstruction.provenance.notes, *notes, *scale_notes, *_lens_notes(reconstruction))
    provenance = replace(reconstruction.provenance, seconds=clock.seconds, notes=notes)
    video = sources[0].video if isinstance(sources[0], VideoFile) else None
    return replace(reconstruction, provenance=provenance, video=video)


def _open(
    job: ReconstructionJob, evidence: Evidence, sources: Sequence[Source], work: Path, monitor: Monitor
) -> tuple[FrameList, tuple[str, ...]]:
    """The frames to reconstruct, with what is known of them, and notes on that; checked against the evidence."""
    groups: list[FrameList] = []
    notes: tuple[str, ...] = ()
    for index, source in enumerate(sources):
        opened = source.open(job.options, work / (f"frames_{index}" if index else "frames"), monitor)
        attached, told = attach(evidence, opened)
        groups.append(attached)
        notes += (*opened.notes, *told)
    frames = job.arrange(groups)
    check_frames(evidence, frames)
    return frames, notes


def _with_images(
    job: ReconstructionJob, reconstruction: Reconstruction, frames: FrameList, work: Path, monitor: Monitor
) -> Reconstruction:
    """The reconstruction with its images where the job wants them."""
    if job.keep is None:
        return reconstruction
    from amb3r_core.inputs.keep_images import keep_images

    folder = work / "kept" if job.keep == "work" else job.keep
    if job.keep == "work":
        shutil.rmtree(folder, ignore_errors=True)
    return keep_images(reconstruction, frames.frames, folder, images=job.options.images, monitor=monitor)


def _lens_notes(reconstruction: Reconstruction) -> tuple[str, ...]:
    n_bent = sum(not view.lens.is_straight for view in reconstruction.views)
    return (f"the lens bends straight lines: the scene's images of {n_bent} views are undistorted copies",) if n_bent else ()


def model_options(options: ReconstructOptions, work: Path) -> "ModelOptions":
    """What a model is loaded with, from the user's options and the job's work folder."""
    from amb3r_core.compute.devices import choose_device
    from amb3r_core.models.registry import ModelOptions

    return ModelOptions(
        device=choose_device(options.device),
        dtype=options.dtype,
        backend=options.backend,
        weights=options.weights,
        commercial_ok=options.commercial_ok,
        long_side_px=options.long_side,
        seed=options.seed,
        features=options.features,
        scratch=work / "model",
    )

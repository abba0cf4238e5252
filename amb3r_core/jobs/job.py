"""The main job: the user's files and options in, one reconstruction out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from amb3r_core.errors import InputError
from amb3r_core.inputs.images import FrameList, find_images, open_photos
from amb3r_core.inputs.ordering import looks_like_walk
from amb3r_core.inputs.video import extract_frames, is_video, probe_video
from amb3r_core.jobs.evidence import apply_scale, attach, check_frames, read_evidence
from amb3r_core.options import ReconstructOptions
from amb3r_core.progress import Monitor, Progress
from amb3r_core.scene.reconstruction import Reconstruction, VideoSource

if TYPE_CHECKING:
    from amb3r_core.models.registry import ModelOptions

Inputs = Sequence[Path] | FrameList


class StageClock:
    """A monitor that passes everything on and adds up the wall seconds of each stage."""

    def __init__(self, monitor: Monitor) -> None:
        self.seconds: dict[str, float] = {}
        self._monitor = monitor
        self._stage = ""
        self._since = time.perf_counter()

    def __call__(self, progress: Progress, /) -> None:
        if progress.stage != self._stage:
            self.close()
            self._stage = progress.stage
        self._monitor(progress)

    def close(self) -> None:
        """Ends the running stage."""
        now = time.perf_counter()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._stage, self._since = "", now


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one reconstruction works on. keep: folder under which the scene's images are written, None to keep none."""

    inputs: Inputs
    options: ReconstructOptions
    work: Path
    keep: Path | None


def run_job(job: Job, monitor: Monitor) -> Reconstruction:
    """The reconstruction of the job's input; raises the errors of `amb3r_core.errors`, passes `Cancelled` through."""
    from amb3r_core.inputs.keep_images import keep_images
    from amb3r_core.models.registry import choose_model

    evidence = read_evidence(job.options)
    clock = StageClock(monitor)
    choice = choose_model(job.options.model, model_options(job.options, job.work))
    frames, video = open_input(job, clock)
    frames, poses_note = attach(evidence, frames)
    check_frames(evidence, frames)
    clock(Progress(stage="load model", message=choice.reason))
    model = choice.entry.load(model_options(job.options, job.work), clock)
    from amb3r_core.pipelines.choice import run_pipeline

    reconstruction = run_pipeline(model, frames, job.options, job.work, clock)
    reconstruction, scale_notes = apply_scale(reconstruction, frames, evidence)
    if job.keep is not None:
        reconstruction = keep_images(reconstruction, frames.frames, job.keep, images=job.options.images, monitor=clock)
    clock.close()
    notes = (f"model: {choice.reason}", *reconstruction.provenance.notes, *poses_note, *scale_notes, *_lens_notes(reconstruction))
    provenance = replace(reconstruction.provenance, seconds=clock.seconds, notes=notes)
    return replace(reconstruction, provenance=provenance, video=video)


def open_input(job: Job, monitor: Monitor) -> tuple[FrameList, VideoSource | None]:
    """The frames of the input, in order, and the video they come from."""
    options = job.options
    if isinstance(job.inputs, FrameList):
        return job.inputs, None
    videos = [path for path in job.inputs if is_video(path) and path.is_file()]
    if not videos:
        frames = open_photos(job.inputs, masks=options.masks, bad_files="skip" if options.skip_bad else "stop", monitor=monitor)
        return replace(frames, is_ordered=_is_ordered(frames, options)), None
    if len(job.inputs) > 1:
        raise InputError(f"{videos[0]}: give one video alone, or photos; not both and not several videos")
    if options.masks is not None:
        raise InputError("`masks` works with photos; extract the video's frames first to mask them", option="masks")
    path = videos[0]
    frames = extract_frames(path, job.work / "frames", fps=options.fps, max_frames=options.max_frames, monitor=monitor)
    video = VideoSource(path=str(path.resolve()), frames_per_second=probe_video(path).frames_per_second)
    return replace(frames, is_ordered=options.order != "unordered"), video


def _is_ordered(frames: FrameList, options: ReconstructOptions) -> bool:
    return options.order == "video" or (options.order == "auto" and looks_like_walk(frames.frames))


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
        scratch=work / "model",
    )


def input_files(inputs: Sequence[Path]) -> list[Path]:
    """The files a job depends on; `InputError` for inputs that do not exist."""
    if any(is_video(path) for path in inputs):
        missing = [path for path in inputs if not path.exists()]
        if missing:
            raise InputError(f"{missing[0]}: no such file or folder")
        return list(inputs)
    return find_images(inputs)

"""Which pipeline runs, and why."""

from dataclasses import replace
from pathlib import Path

from amb3r_core import __version__
from amb3r_core.errors import InputError
from amb3r_core.images import FrameList
from amb3r_core.models.api import ReconstructionModel
from amb3r_core.options import ReconstructOptions
from amb3r_core.pipelines.assemble import PipelineResult
from amb3r_core.pipelines.one_shot import run_one_shot
from amb3r_core.progress import Monitor


def run_pipeline(
    model: ReconstructionModel, frames: FrameList, options: ReconstructOptions, work: Path, monitor: Monitor
) -> PipelineResult:
    """The result of the asked or chosen pipeline; the choice is noted in the provenance. work: folder for its journal."""
    if options.pipeline not in ("auto", "one-shot"):
        raise InputError(f"--pipeline {options.pipeline}: this version has one-shot only")
    result = run_one_shot(model, frames, version=__version__, monitor=monitor)
    note = f"pipeline: one-shot, all {len(frames)} views at once"
    provenance = replace(result.reconstruction.provenance, notes=(note, *result.reconstruction.provenance.notes))
    return replace(result, reconstruction=replace(result.reconstruction, provenance=provenance))

"""The Python door: `reconstruct`."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from amb3r_core.errors import InputError
from amb3r_core.inputs.images import FrameList, frames_from_arrays
from amb3r_core.jobs.job import ReconstructionJob, reconstructed
from amb3r_core.jobs.write_scene import write_scene
from amb3r_core.options import PipelineName, ReconstructOptions
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.arrays import UInt8
from amb3r_core.scene.reconstruction import Reconstruction

PathLike = str | os.PathLike[str]
Images = PathLike | Sequence[PathLike] | Sequence[UInt8] | FrameList


def reconstruct(
    images: Images,
    *,
    model: str | None = None,
    pipeline: PipelineName | None = None,
    options: ReconstructOptions | None = None,
    output: PathLike | None = None,
    overwrite: bool = False,
    monitor: Monitor = silent,
) -> Reconstruction:
    """The scene in photos or a video.

    images: a folder, a video, a list of image files, RGB arrays (H, W, 3) uint8, or frames. model, pipeline: as in `options`,
    which holds every other choice. output: scene folder to write; the result is then read back from it, memory-mapped.
    monitor: sees progress and may raise `Cancelled`. Raises `Amb3rError` with a message for the user.
    """
    chosen = options or ReconstructOptions()
    chosen = replace(chosen, model=model or chosen.model, pipeline=pipeline or chosen.pipeline).parsed()
    inputs = _inputs(images)
    if output is not None:
        return write_scene(inputs, Path(output), chosen, overwrite=overwrite, monitor=monitor).reconstruction
    with reconstructed(ReconstructionJob(groups=[inputs], options=chosen), monitor) as reconstruction:
        return reconstruction


def _inputs(images: Images) -> list[Path] | FrameList:
    if isinstance(images, FrameList):
        return images
    if isinstance(images, (str, os.PathLike)):
        return [Path(images)]
    if not images:
        raise InputError("no images were given")
    if all(isinstance(image, (str, os.PathLike)) for image in images):
        return [Path(image) for image in cast(Sequence[PathLike], images)]
    return frames_from_arrays(cast(Sequence[UInt8], images))

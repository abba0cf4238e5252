# SPDX-License-Identifier: GPL-3.0-or-later
"""From the panel's settings to a running job, and from its scene to objects: what both ways to run share."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

from collections.abc import Sequence
from pathlib import Path

import bpy

from . import engine, failures
from .build_scene import Imported, import_scene
from .core import Amb3rError, is_doubtful, poses_told
from .job import Job
from .output_places import place_for, scenes_folder
from .prefs import engine_command, preferences
from .props import AMB3R_PG_settings, choices_of
from .runtime import RUNTIME


class RunError(Exception):
    """A run cannot start or gave nothing; the message is for the user."""


def inputs_of(settings: AMB3R_PG_settings) -> tuple[str, ...]:
    """The photos, folder or video that were chosen; raises `RunError`."""
    chosen = [item.path for item in settings.input_files] or ([settings.input_path] if settings.input_path else [])
    paths = [Path(bpy.path.abspath(path)) for path in chosen]
    if not paths:
        raise RunError("Choose photos, a folder of photos or a video first")
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise RunError(f"{missing[0]} does not exist")
    return tuple(str(path) for path in paths)


def output_of(context: bpy.types.Context, settings: AMB3R_PG_settings, inputs: Sequence[str]) -> str:
    """The scene folder to write."""
    if settings.output_path:
        return str(Path(bpy.path.abspath(settings.output_path)))
    blend_file = bpy.data.filepath if bpy.data.is_saved else ""
    folder = scenes_folder(blend_file, bpy.path.abspath(preferences(context).cache_folder), Path.home())
    return str(place_for(folder, inputs))


def start_job(context: bpy.types.Context) -> Job:
    """Starts the engine with the scene's settings; raises `RunError`."""
    if RUNTIME.job is not None:
        raise RunError("A reconstruction is running already")
    settings, chosen = context.scene.amb3r, preferences(context)
    try:
        inputs = inputs_of(settings)
        request = engine.RunRequest(
            inputs=inputs,
            output=output_of(context, settings, inputs),
            model=settings.model,
            device=chosen.device,
            quality=settings.quality,
            max_frames=settings.max_frames,
            frames_per_second=settings.sample_fps,
            masks=bpy.path.abspath(settings.masks),
            intrinsics=bpy.path.abspath(settings.intrinsics),
            poses=bpy.path.abspath(settings.poses),
            order="" if settings.order == "AUTO" else settings.order.lower(),
            scale_from=bpy.path.abspath(settings.scale_from),
            keep=settings.keep,
            skip_bad=settings.skip_bad,
            resume=settings.resume,
            extra=f"{chosen.extra_arguments} {settings.more_options}".strip(),
        )
        command = engine.reconstruct_command(engine_command(context), request)
    except (RunError, engine.EngineNotFound, OSError, ValueError) as error:
        RUNTIME.report, RUNTIME.is_error = str(error), True
        raise RunError(str(error)) from error
    job = Job(command)
    job.start()
    RUNTIME.job, RUNTIME.report = job, ""
    return job


def finish_job(context: bpy.types.Context, job: Job) -> Imported:
    """Imports the scene of a job that has ended; raises `RunError` with the one sentence to tell."""
    outcome = job.outcome
    assert outcome is not None
    if not outcome.is_done:
        message = failures.explain(outcome)
        RUNTIME.finish(job, message, is_error=not outcome.was_cancelled)
        raise RunError(message)
    try:
        made = import_scene(context, Path(outcome.scene or ""), choices_of(context.scene.amb3r))
    except (Amb3rError, OSError) as error:
        message = f"The engine's scene cannot be read: {error}"
        RUNTIME.finish(job, message, is_error=True)
        raise RunError(message) from error
    RUNTIME.finish(job, summary(made), is_error=False)
    return made


def summary(made: Imported) -> str:
    """What was imported, in one line."""
    scene = made.scene
    unit = "in metres" if scene.reconstruction.scale.is_metric else "of unknown size (use Set Scale)"
    doubt = f"; poses {poses_told(scene.reconstruction)}" if is_doubtful(scene.reconstruction) else ""
    return f"{scene.name}: {len(scene.views)} of {scene.n_photos} views placed, {scene.n_points:,} points, {unit}{doubt}"

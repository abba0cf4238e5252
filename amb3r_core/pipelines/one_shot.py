"""The plain pipeline: every view in one call of the model."""

from amb3r_core.compute.machine import free_memory_bytes
from amb3r_core.errors import RegistrationError, ResourceError
from amb3r_core.inputs.images import FrameList
from amb3r_core.models.api import Prediction, ReconstructionModel
from amb3r_core.models.batching import choose_layout, prepare
from amb3r_core.pipelines.assemble import UNKNOWN_SCALE, assemble
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.reconstruction import Provenance, Reconstruction, Scale

BYTES_PER_PIXEL = 32
"""Of a view seen together with all others: its picture as float32 and its mask (13), depth and confidence as the model gives
them (8) and as the scene keeps them (8), its colours (3). What the model itself needs comes on top."""


def run_one_shot(model: ReconstructionModel, frames: FrameList, *, version: str, monitor: Monitor = silent) -> Reconstruction:
    """The scene of all frames, seen together.

    Raises `RegistrationError` when no view could be placed, `ResourceError` when memory cannot hold all views at once.
    """
    check_view_count(model, len(frames))
    check_memory(model, frames)
    batch = prepare(frames.frames, model.input_spec, is_ordered=frames.is_ordered, monitor=monitor)
    prediction = model.predict(batch, monitor=monitor)
    if not bool(prediction.registered.any()):
        raise RegistrationError(f"none of the {batch.n_views} views could be placed: do the photos overlap?")
    provenance = Provenance(
        model=model.name,
        version=version,
        pipeline="one-shot",
        weights=model.weights,
        notes=prediction.notes,
        config=dict(prediction.details),
    )
    return assemble(batch, prediction, provenance=provenance, scale=scale_of(model, prediction))


def check_view_count(model: ReconstructionModel, n_views: int) -> None:
    """`RegistrationError` or `ResourceError` when the model cannot take this many views at once."""
    spec = model.input_spec
    if n_views < spec.min_views:
        raise RegistrationError(f"{n_views} image(s) given, but model {model.name} needs at least {spec.min_views} that overlap")
    if spec.max_views and n_views > spec.max_views:
        raise ResourceError(
            f'{n_views} views are more than model {model.name} takes at once ({spec.max_views}); use `pipeline="sfm"`',
            option="pipeline",
        )


def check_memory(model: ReconstructionModel, frames: FrameList) -> None:
    """`ResourceError` when the pictures and maps of all frames are more than the memory that is free, before any is loaded."""
    height, width = choose_layout([(frame.width, frame.height) for frame in frames], model.input_spec).grid
    needed, free = BYTES_PER_PIXEL * len(frames) * height * width, free_memory_bytes()
    if needed > free:
        raise ResourceError(
            f"{len(frames)} views of {width} x {height} pixels at once take at least {needed / 1e9:.1f} GB of memory, and "
            f'{free / 1e9:.1f} GB are free: use `pipeline="sfm"`, which holds a few at a time, or a smaller `long_side`',
            option="pipeline",
        )


def scale_of(model: ReconstructionModel, prediction: Prediction) -> Scale:
    """What the model says about metres."""
    if prediction.metric_scale is None:
        return UNKNOWN_SCALE
    return Scale(kind="metric", source=f"metric-scale head of {model.name}")

"""Structure from motion for large unordered sets, over any model.

Images that look alike are seen together; the surest group starts the map, and group after group is seen beside the keyframes it
resembles, brought onto the map by what the model says of those keyframes, and fused in. Frames are taken in the order of their
names, so that the order in which they come does not matter. No training, no optimisation.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from amb3r_core.errors import InputError
from amb3r_core.inputs.images import FrameList, natural_key
from amb3r_core.models.api import InputSpec, ReconstructionModel
from amb3r_core.pipelines.mapping.records import RecordFolder
from amb3r_core.pipelines.mapping.store import FrameStore
from amb3r_core.pipelines.one_shot import check_view_count
from amb3r_core.pipelines.sfm.executor import Executor, InProcess
from amb3r_core.pipelines.sfm.refine import polish_frames, refine_keyframes
from amb3r_core.pipelines.sfm.register import place_leftovers, register_clusters
from amb3r_core.pipelines.sfm.seed import score_clusters, start_map
from amb3r_core.pipelines.sfm.state import SfmConfig, SfmRun, Stage
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.reconstruction import Reconstruction

MIN_WINDOW = 8


def run_sfm(
    model: ReconstructionModel,
    frames: FrameList,
    work: Path,
    *,
    config: SfmConfig | None = None,
    executor: Executor | None = None,
    monitor: Monitor = silent,
) -> Reconstruction:
    """The scene of an unordered set of frames; goes on from what `work` holds of an earlier run of the same frames.

    Raises `RegistrationError` when nothing could be placed.
    """
    check_view_count(model, min(len(frames), 2))
    config = fitted(config or SfmConfig(), model.input_spec)
    order = sorted(range(len(frames)), key=lambda i: (natural_key(frames[i].name), frames[i].name))
    ordered = FrameList(tuple(frames[i] for i in order))
    place = {original: row for row, original in enumerate(order)}
    with closing(open_run(model, ordered, work, config, executor or InProcess(model), monitor)) as run:
        for stage, steps in STEPS.items():
            if run.state.stage == stage:
                for step in steps:
                    step(run)
        reasons = dict.fromkeys(range(len(frames)), "the model could not relate it to the other views")
        return run.finish([place[i] for i in range(len(frames))], reasons)


STEPS: dict[Stage, tuple[Callable[[SfmRun], None], ...]] = {
    "score": (score_clusters, start_map),
    "register": (register_clusters,),
    "leftovers": (place_leftovers,),
    "refine": (refine_keyframes,),
    "polish": (polish_frames,),
}


def fitted(config: SfmConfig, spec: InputSpec) -> SfmConfig:
    """The same with windows that the model can take. Raises `InputError` when even the smallest are too large."""
    limit, images, keyframes = spec.max_views, config.images, config.keyframes
    if not limit or limit >= keyframes.max_alone + images.max_size:
        return config
    if limit < MIN_WINDOW:
        raise InputError(
            f"structure from motion needs windows of {MIN_WINDOW} views, but the model takes {limit} at once: "
            "try a smaller `long_side`",
            option="long_side",
        )
    half = limit // 2
    return replace(
        config,
        images=replace(images, max_size=min(images.max_size, half), min_size=min(images.min_size, max(half - 1, 2))),
        keyframes=replace(keyframes, max_size=min(keyframes.max_size, half), max_alone=half),
        max_anchors=min(config.max_anchors, limit - 1),
    )


def open_run(
    model: ReconstructionModel, frames: FrameList, work: Path, config: SfmConfig, executor: Executor, monitor: Monitor
) -> SfmRun:
    """The run of these frames, where the journal in `work` left it."""
    store = FrameStore(RecordFolder(work), model.input_spec, is_ordered=False)
    for frame in frames:
        store.add(frame)
    return SfmRun(model, store, config, executor, monitor)

"""Coarse registration: group after group joins the map, the surest first; what cannot be placed waits for another try."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from amb3r_core.errors import RegistrationError
from amb3r_core.models.api import Draft, ReconstructionModel, RefinableModel
from amb3r_core.pipelines.mapping.alignment import WindowAlignment
from amb3r_core.pipelines.mapping.arbitration import ArbitrationConfig, refined_or_draft
from amb3r_core.pipelines.mapping.windows import Window, WindowInput, predict, to_window, unplaced
from amb3r_core.pipelines.sfm.retrieval import group_means, mean_similarities, similarities
from amb3r_core.pipelines.sfm.seed import near_and_far_mean
from amb3r_core.pipelines.sfm.state import SfmRun
from amb3r_core.scene.arrays import Float64


@dataclass(frozen=True, kw_only=True)
class Tries:
    """One group of frames, shown beside several keyframe clusters in turn."""

    windows: tuple[WindowInput, ...]
    hopeless_margin: float
    arbitration: ArbitrationConfig


def run_tries(model: ReconstructionModel, tries: Tries) -> list[Window]:
    """The answers worth having: after the first try, the back end runs only when some frame may become surer.

    A window that keeps the map's poses and places all frames leaves no doubt between places: it is the last.
    """
    best: dict[int, float] = {}
    answers: list[Window] = []
    for window in tries.windows:
        draft, quick = _first_look(model, window)
        weights = quick.weight_by_view
        if best and all(weights[frame] <= best[frame] - tries.hopeless_margin for frame in window.frames):
            continue
        best = {frame: max(weights[frame], best.get(frame, 0.0)) for frame in window.frames}
        if draft is not None and isinstance(model, RefinableModel):
            quick = refined_or_draft(model, draft, window, tries.arbitration)
        answers.append(quick)
        if quick.in_map_frame and all(quick.places(frame, 0.0) for frame in quick.frames):
            break
    return answers


def _first_look(model: ReconstructionModel, window: WindowInput) -> tuple[Draft | None, Window]:
    """The front end's draft and answer; the full answer of a model without a front end, or one that places nothing."""
    if not isinstance(model, RefinableModel):
        return None, predict(model, window)
    try:
        draft = model.draft(window.batch())
    except RegistrationError as error:
        return None, unplaced(window, error)
    return draft, to_window(draft.prediction, window)


@dataclass(frozen=True)
class Placement:
    """A frame's best aligned answer: the window it comes from and its weight there."""

    window: Window
    alignment: WindowAlignment
    weight: float
    anchor_weight: float
    """The largest weight of a keyframe in that window."""


@dataclass
class Candidate:
    """An image cluster (its place in the state's list) and where its frames could go."""

    index: int
    placements: dict[int, Placement] = field(default_factory=dict[int, Placement])

    def mean_weight(self, n_frames: int) -> float:
        return sum(placement.weight for placement in self.placements.values()) / n_frames


def register_clusters(run: SfmRun) -> None:
    """Places clusters until none is left, lets deferred frames try again alone, and goes on while that helps."""
    state, config = run.state, run.config
    while True:
        while state.clusters:
            _place_next(run)
            run.report("register")
            run.checkpoint()
        fewer = state.last_deferred < 0 or len(state.deferred) < state.last_deferred
        if not state.deferred or not fewer or state.n_rounds >= config.max_rounds:
            break
        state.last_deferred, state.n_rounds = len(state.deferred), state.n_rounds + 1
        state.clusters, state.deferred = [[frame] for frame in state.deferred], []
        run.commit()
    state.stage = "leftovers"
    run.commit()


def _place_next(run: SfmRun) -> None:
    """Lets the nearest clusters compete; the winner joins the map, and so do sure frames of the others."""
    state, config = run.state, run.config
    is_early = state.n_committed < config.early_share * state.n_clusters
    factor = config.early_factor if is_early else 1
    near = cluster_distances(run)
    order = np.argsort(near_and_far_mean(np.sort(near, axis=1), config), kind="stable")
    ranked = [int(k) for k in order[: config.n_candidates * factor]]
    inputs = (_tries(run, k, np.argsort(near[k], kind="stable")[: config.n_tries * factor].tolist()) for k in ranked)
    seen: list[Candidate] = []
    for k, windows in zip(ranked, run.executor.map(run_tries, inputs), strict=False):
        candidate = Candidate(k, best_placements(run, windows))
        seen.append(candidate)
        frames = state.clusters[k]
        if len(candidate.placements) == len(frames) and all(_is_settled(run, p) for p in candidate.placements.values()):
            break
    else:
        candidate = max(seen, key=lambda c: c.mean_weight(len(state.clusters[c.index])))
    _commit_candidate(run, candidate, seen)


def _is_settled(run: SfmRun, placement: Placement) -> bool:
    """Whether no rival need be asked: the frame is sure, or was placed among keyframes whose poses the model kept."""
    return placement.window.in_map_frame or placement.weight > run.config.accept_weight


def cluster_distances(run: SfmRun) -> Float64:
    """Mean descriptor distance (clusters, keyframe clusters)."""
    descriptors, state = run.state.descriptors, run.state
    return 1.0 - mean_similarities(group_means(descriptors, state.clusters), group_means(descriptors, state.keyframe_clusters))


def _tries(run: SfmRun, index: int, keyframe_clusters: Sequence[int]) -> Tries:
    frames = run.state.clusters[index]
    known = [run.state.keyframe_clusters[k] for k in keyframe_clusters]
    windows = tuple(run.window(frames, anchors) for anchors in known)
    return Tries(
        windows=windows,
        hopeless_margin=run.config.hopeless_margin,
        arbitration=run.config.arbitration,
    )


def best_placements(run: SfmRun, windows: Sequence[Window]) -> dict[int, Placement]:
    """For each frame, its surest answer among the windows that can be aligned with the map."""
    best: dict[int, Placement] = {}
    for window in windows:
        aligned = run.align(window, window.anchors)
        if aligned is None:
            continue
        weights = window.weight_by_view
        surest = max(weights[anchor] for anchor in window.anchors)
        for frame in window.frames:
            if window.places(frame, 0.0) and (frame not in best or weights[frame] > best[frame].weight):
                best[frame] = Placement(aligned[0], aligned[1], weights[frame], surest)
    return best


def _commit_candidate(run: SfmRun, winner: Candidate, seen: Sequence[Candidate]) -> None:
    """Fuses the winner's frames and the sure frames of the others, each once; the winner's unsure frames are deferred."""
    state, config = run.state, run.config
    frames = state.clusters[winner.index]
    good = {frame: p for frame, p in winner.placements.items() if p.window.places(frame, config.defer_weight)}
    state.deferred += [frame for frame in frames if frame not in good]
    sure: dict[int, Placement] = {}
    for candidate in seen:
        if candidate is not winner:
            limit = config.accept_weight
            sure |= {f: p for f, p in candidate.placements.items() if p.weight > limit and p.anchor_weight > limit}
    fuse_placements(run, good | sure)
    state.clusters = list(_remaining(run, winner.index, set(sure)))
    state.n_committed += 1
    run.add_keyframes([*good, *sure])


def _remaining(run: SfmRun, winner: int, gone: set[int]) -> Iterator[list[int]]:
    """The other clusters without frames that are placed; where a head left, the member nearest to it leads."""
    descriptors = run.state.descriptors
    for k, cluster in enumerate(run.state.clusters):
        rest = [frame for frame in cluster if frame not in gone]
        if k == winner or not rest:
            continue
        if rest[0] != cluster[0]:
            alike = similarities(descriptors[[cluster[0], *rest]])[0, 1:]
            head = rest[int(np.argmax(alike))]
            rest = [head, *(frame for frame in rest if frame != head)]
        yield rest


def fuse_placements(run: SfmRun, placements: dict[int, Placement]) -> None:
    """Takes the frames into the map, window by window; keyframes only where the window is surer of them than the map."""
    by_window: dict[int, list[int]] = {}
    for frame, placement in placements.items():
        by_window.setdefault(id(placement.window), []).append(frame)
    for frames in by_window.values():
        placement = placements[frames[0]]
        weights = placement.window.weight_by_view
        surer = [anchor for anchor in placement.window.anchors if weights[anchor] > run.scene.weight(anchor)]
        run.scene.fuse(placement.window, [*surer, *frames], placement.alignment)


def place_leftovers(run: SfmRun) -> None:
    """The last try for deferred frames, the most alike first: beside every keyframe cluster until one is sure."""
    state, config = run.state, run.config
    while state.deferred:
        state.clusters = [[frame] for frame in state.deferred]
        near = cluster_distances(run)
        frame = state.deferred[int(np.argmin(near.min(axis=1)))]
        k = state.deferred.index(frame)
        known = [state.keyframe_clusters[int(place)] for place in np.argsort(near[k], kind="stable")]
        inputs = (run.window([frame], anchors) for anchors in known)
        best: dict[int, Placement] = {}
        for window in run.executor.map(predict, inputs):
            found = best_placements(run, [window])
            if frame in found and (frame not in best or found[frame].weight > best[frame].weight):
                best = found
            if best and _is_settled(run, best[frame]):
                break
        if best and best[frame].window.places(frame, config.defer_weight):
            fuse_placements(run, best)
            run.add_keyframes([frame])
        state.deferred = [other for other in state.deferred if other != frame]
        state.clusters = []
        run.report("leftovers")
        run.checkpoint()
    state.stage = "refine"
    run.commit()

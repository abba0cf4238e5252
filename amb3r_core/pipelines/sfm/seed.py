"""The start of structure from motion: which images belong together, which group to begin with, and a careful first map."""

import numpy as np

from amb3r_core.errors import RegistrationError
from amb3r_core.models.api import ReconstructionModel
from amb3r_core.pipelines.mapping.priors import lens_of
from amb3r_core.pipelines.mapping.windows import Window, WindowInput, predict
from amb3r_core.pipelines.sfm.clusters import Groups, cluster_images
from amb3r_core.pipelines.sfm.retrieval import describe_frames, group_means, mean_similarities, similarities
from amb3r_core.pipelines.sfm.state import SfmConfig, SfmRun
from amb3r_core.scene.arrays import Float64


def score_clusters(run: SfmRun) -> None:
    """Groups the images and runs each group once, to see how sure the model is of every frame in it."""
    state, config = run.state, run.config
    if not state.clusters:
        state.descriptors = describe_frames(run.model, run.store, range(len(run.store.frames)), run.monitor)
        state.clusters = cluster_images(similarities(state.descriptors), config.images, config.seed)
        run.commit()
    n_run = _clusters_scored(state.clusters, len(state.scores))
    inputs = (run.store.window(cluster) for cluster in state.clusters[n_run:])
    for weights, focal_px in run.executor.map(first_sight, inputs):
        state.scores += weights
        state.focal_px += focal_px
        run.report("score groups")
        run.checkpoint()


def first_sight(model: ReconstructionModel, window: WindowInput) -> tuple[list[float], list[float]]:
    """Mean weight and focal length (grid pixels) of each frame; 0 where it is not placed, or the window is too small."""
    nothing = [0.0] * len(window.views)
    if len(window.views) < model.input_spec.min_views:
        return nothing, nothing
    answer = predict(model, window)
    focal_px = np.where(answer.registered, answer.intrinsics[:, 0, 0], 0.0)
    return [float(weight) for weight in answer.frame_weight], [float(value) for value in focal_px]


def _clusters_scored(clusters: Groups, n_scores: int) -> int:
    sizes = np.cumsum([len(cluster) for cluster in clusters])
    return int(np.count_nonzero(sizes <= n_scores))


def start_map(run: SfmRun) -> None:
    """The first map, from the group that is sure of itself and close to the others; the next one where that fails.

    Raises `RegistrationError` when no group gives a map.
    """
    state, config = run.state, run.config
    frames = [frame for cluster in state.clusters for frame in cluster]
    weights = dict(zip(frames, state.scores, strict=True))
    healthy, isolated = split_isolated(state.clusters, weights, config.isolated_weight)
    order = seed_order(healthy, weights, state.descriptors, config)
    stretch = focal_stretch(run, dict(zip(frames, state.focal_px, strict=True)))
    for k in sorted(order, key=lambda k: max(stretch[frame] for frame in healthy[k]) > config.max_focal_stretch):
        placed = _begin_with(run, healthy[k])
        if placed:
            state.deferred = [frame for frame in healthy[k] if frame not in placed]
            state.clusters = [cluster for i, cluster in enumerate(healthy) if i != k] + [[frame] for frame in isolated]
            state.n_clusters = len(state.clusters)
            state.stage = "register"
            run.report("first map")
            run.commit()
            return
    raise RegistrationError("no group of images that look alike could be placed: do the photos overlap?")


def split_isolated(clusters: Groups, weights: dict[int, float], limit: float) -> tuple[Groups, list[int]]:
    """The clusters without frames below the limit, and those frames; where a head falls, the surest member leads.

    A cluster that is unsure as a whole stays together: it lacks parallax or texture, not a common place.
    """
    healthy: Groups = []
    isolated: list[int] = []
    for cluster in clusters:
        kept = [frame for frame in cluster if weights[frame] >= limit]
        if not kept and len(cluster) > 1:
            kept = list(cluster)
        isolated += [frame for frame in cluster if frame not in kept]
        if kept and kept[0] != cluster[0]:
            head = max(kept, key=lambda frame: weights[frame])
            kept = [head, *(frame for frame in kept if frame != head)]
        if kept:
            healthy.append(kept)
    return healthy, isolated


def seed_order(clusters: Groups, weights: dict[int, float], descriptors: Float64, config: SfmConfig) -> list[int]:
    """Clusters of at least two frames by mean weight times affinity to the other clusters, best first."""
    means = group_means(descriptors, clusters)
    affinity = mean_similarities(means, means)
    scores: list[float] = []
    for k, cluster in enumerate(clusters):
        others = np.delete(affinity[k], k)
        sure = float(np.mean([weights[frame] for frame in cluster]))
        scores.append(sure * float(near_and_far_mean(-np.sort(-others), config)) if len(others) else sure)
    order = sorted(range(len(clusters)), key=lambda k: -scores[k])
    return [k for k in order if len(clusters[k]) > 1]


def focal_stretch(run: SfmRun, focal_px: dict[int, float]) -> dict[int, float]:
    """How many times longer or shorter each frame's focal length is than the median of its lens; 1 for frames without one.

    A group seen from nearly one place leaves the focal length open, and its depth is stretched with it.
    """
    by_lens: dict[object, list[float]] = {}
    for frame, value in focal_px.items():
        if value > 0:
            by_lens.setdefault(lens_of(run.store.frames[frame]), []).append(value)
    usual = {lens: float(np.median(values)) for lens, values in by_lens.items()}
    return {
        frame: float(np.exp(abs(np.log(value / usual[lens_of(run.store.frames[frame])])))) if value > 0 else 1.0
        for frame, value in focal_px.items()
    }


def near_and_far_mean(best_first: Float64, config: SfmConfig) -> Float64:
    """0.3 times the mean of the best few plus 0.7 times the mean of all, along the last axis."""
    near = best_first[..., : config.n_nearest].mean(axis=-1)
    return config.nearest_share * near + (1.0 - config.nearest_share) * best_first.mean(axis=-1)


def _begin_with(run: SfmRun, cluster: list[int]) -> list[int]:
    """The frames placed by running the cluster with each member as the first view and fusing all answers; none on failure.

    The answer whose first view is surest is the reference; it counts once.
    """
    orders = [[first, *(frame for frame in cluster if frame != first)] for first in cluster]
    windows = list(run.executor.map(predict, (run.store.window(order) for order in orders)))
    usable = [window for window in windows if window.registered[0] and window.registered.sum() > 1]
    if not usable:
        return []
    usable.sort(key=lambda window: -float(window.raw_confidence[0]))
    reference, others = usable[0], usable[1:]
    good = _sure_frames(reference, run.config.isolated_weight)
    if len(good) < 2:
        return []
    run.scene.start(reference.select(good))
    for window in others:
        run.fuse(window, good, good)
    run.state.keyframes = [reference.frames[0]]
    run.add_keyframes(good)
    return good


def _sure_frames(window: Window, limit: float) -> list[int]:
    weights = window.frame_weight
    return [frame for row, frame in enumerate(window.frames) if window.registered[row] and weights[row] >= limit]

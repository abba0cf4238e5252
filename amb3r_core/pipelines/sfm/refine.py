"""The global pass: every keyframe is seen once more with its neighbours, then the other frames with the keyframes near them."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from amb3r_core.pipelines.mapping.priors import with_intrinsics_priors
from amb3r_core.pipelines.mapping.windows import predict
from amb3r_core.pipelines.sfm.state import PlannedWindow, SfmRun
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.conventions import invert
from amb3r_core.scene.geometry import mean_pose, pose_distance

AT_ONCE = 256
"""Frames whose distances to all keyframes are in memory together."""
SIDES = 2
"""Keyframes whose moves a frame takes part in."""
MIN_DISTANCE = 1e-3
"""A keyframe nearer than this (as in `pose_distance`) moves a frame as if it were so far."""


def refine_keyframes(run: SfmRun) -> None:
    """From the first keyframe on, the surest next: each is run with the keyframes around it, and all of them are fused."""
    state = run.state
    if not state.visited:
        state.poses_before = run.scene.poses(state.keyframes)
    while True:
        current = _next_keyframe(run)
        if current is None:
            break
        state.visited.append(current)
        state.queue = [frame for frame in state.queue if frame != current]
        anchors = nearest_keyframes(run, [current], run.config.max_anchors)
        if anchors:
            _refine(run, current, anchors)
            state.queue += [frame for frame in anchors if frame not in state.visited and frame not in state.queue]
        run.report("refine keyframes")
        run.checkpoint()
    propagate_to_others(run)
    state.stage = "polish"
    state.plan = plan_windows(run)
    run.commit()


def _next_keyframe(run: SfmRun) -> int | None:
    """The surest waiting keyframe; with none waiting, the first one, then the surest that was not visited."""
    state = run.state
    visited = set(state.visited)
    free = state.queue or [frame for frame in state.keyframes if frame not in visited]
    if not free:
        return None
    if not state.visited:
        return state.keyframes[0]
    return max(free, key=lambda frame: (run.scene.weight(frame), -frame))


def nearest_keyframes(run: SfmRun, frames: Sequence[int], limit: int) -> list[int]:
    """At most `limit` keyframes within the anchor radius of any of these frames, nearest first."""
    keyframes = [frame for frame in run.state.keyframes if frame not in frames]
    if not keyframes or limit <= 0:
        return []
    apart = pose_distance(run.scene.poses(keyframes)[:, None], run.scene.poses(frames)[None]).min(axis=1)
    order = np.argsort(apart, kind="stable")[:limit]
    return [keyframes[row] for row in order if apart[row] <= run.config.anchor_radius]


def _refine(run: SfmRun, current: int, anchors: Sequence[int]) -> None:
    """Sees a keyframe once more among its neighbours, all of them anchors.

    Without pose priors: together they may find better poses than one by one.
    """
    shown = run.store.window((), anchors=(current, *anchors))
    window = predict(run.model, with_intrinsics_priors(shown, run.scene), run.monitor)
    good = [frame for frame in window.anchors if window.places(frame, run.config.defer_weight)]
    run.fuse(window, good, window.anchors)


def propagate_to_others(run: SfmRun) -> None:
    """Moves every other frame as the two keyframes nearest to it moved since `poses_before`, the nearer one counting more."""
    keyframes, poses_before = run.state.keyframes, run.state.poses_before
    moves = run.scene.poses(keyframes) @ invert(poses_before)
    others = [frame for frame in run.scene.placed() if frame not in set(keyframes)]
    if not others or not keyframes:
        return
    for first in range(0, len(others), AT_ONCE):
        frames = others[first : first + AT_ONCE]
        poses = run.scene.poses(frames)
        apart = pose_distance(poses_before[None], poses[:, None])
        nearest = np.argsort(apart, axis=1, kind="stable")[:, :SIDES]
        weights = 1.0 / np.maximum(np.take_along_axis(apart, nearest, axis=1), MIN_DISTANCE) ** 2
        after = [mean_pose(moves[near] @ pose, weight) for near, pose, weight in zip(nearest, poses, weights, strict=True)]
        run.scene.set_poses(frames, np.array(after))


def plan_windows(run: SfmRun) -> list[PlannedWindow]:
    """Windows that cover every frame that is no keyframe once: the surest first, with near frames, then the keyframes around."""
    config, scene = run.config, run.scene
    rest = [frame for frame in scene.placed() if frame not in set(run.state.keyframes)]
    rest.sort(key=lambda frame: (-scene.weight(frame), frame))
    groups: list[list[int]] = []
    covered: set[int] = set()
    nearby = _Nearby(rest, scene.poses(rest)[:, :3, 3], config.neighbour_radius)
    for frame in rest:
        if frame in covered:
            continue
        free = [other for other in nearby.of(scene.pose(frame)[:3, 3]) if other not in covered and other != frame]
        group = [frame, *_nearest(run, frame, free, config.max_neighbours)]
        covered |= set(group)
        groups.append(group)
    return _planned(run, groups)


class _Nearby:
    """Which frames have their centre near a place, in cubes as wide as the radius."""

    def __init__(self, frames: Sequence[int], centres: Float64, radius: float) -> None:
        self._frames, self._radius = frames, radius
        self._cubes: dict[tuple[int, ...], list[int]] = {}
        for rank, cube in enumerate(np.floor(centres / radius).astype(int).tolist()):
            self._cubes.setdefault(tuple(cube), []).append(rank)

    def of(self, place: Float64) -> list[int]:
        """All frames within the radius and some beyond it, in the order they were given."""
        x, y, z = np.floor(place / self._radius).astype(int).tolist()
        around = product(range(x - 1, x + 2), range(y - 1, y + 2), range(z - 1, z + 2))
        return [self._frames[rank] for rank in sorted(rank for cube in around for rank in self._cubes.get(cube, ()))]


def _nearest(run: SfmRun, frame: int, others: Sequence[int], limit: int) -> list[int]:
    if not others:
        return []
    apart = pose_distance(run.scene.poses(others), run.scene.pose(frame))
    order = np.argsort(apart, kind="stable")[:limit]
    return [others[row] for row in order if apart[row] <= run.config.neighbour_radius]


def _planned(run: SfmRun, groups: Sequence[list[int]]) -> list[PlannedWindow]:
    """A window for each group of frames that has keyframes near it."""
    windows = [PlannedWindow(group, nearest_keyframes(run, group, run.config.max_anchors - len(group))) for group in groups]
    return [window for window in windows if window.anchors]


def polish_frames(run: SfmRun) -> None:
    """Runs the planned windows; frames that did not become surer get one window of their own.

    A frame that was measured against the map's own poses needs none.
    """
    state = run.state
    while state.plan:
        inputs = (run.window(planned.frames, planned.anchors) for planned in state.plan)
        for answer in run.executor.map(predict, inputs):
            before = {frame: run.scene.weight(frame) for frame in answer.frames}
            good = [frame for frame in answer.frames if answer.places(frame, run.config.defer_weight)]
            run.fuse(answer, good, answer.anchors)
            if len(answer.frames) > 1:
                doubtful = [frame for frame in answer.frames if not (answer.in_map_frame and answer.places(frame, 0.0))]
                state.unsure += [frame for frame in doubtful if run.scene.weight(frame) <= before[frame]]
            state.plan = state.plan[1:]
            run.report("polish")
            run.checkpoint()
        state.plan, state.unsure = _planned(run, [[frame] for frame in state.unsure]), []
        run.commit()
    state.stage = "done"
    run.commit()

"""Which frames represent a scene: greedy spacing, and the choice of the few that the next window sees.

Poses are (N, 4, 4) cam_to_world in map units; distance is `geometry.pose_distance`: angle / 180 degrees + translation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.geometry import pose_distance

CONFIDENCE_TIE = 0.005
"""Candidates within this share of the best confidence are equal; the earliest wins. Published."""


@dataclass(frozen=True, kw_only=True)
class ResampleConfig:
    """Published values; distances in map units."""

    max_active: int = 10
    """More active keyframes than this are resampled."""
    n_active: int = 7
    """How many a resampling leaves."""
    n_nearest: int = 4
    """How many of these are the ones nearest to the newest, besides itself."""
    n_bridge: int = 1
    """Central keyframes, put first as the reference view; 0 leaves the newest first."""
    min_diversity: float = 0.1
    """A near keyframe must be at least this far from all chosen ones, unless it closes a loop."""
    loop_gap: int = 200
    """Frames between the newest keyframe and one that closes a loop."""
    fill_distance: float = 0.4
    """Further keyframes must be this near to a chosen one."""
    max_spread: float = 1.2
    """No two active keyframes may be further apart."""
    reentry: Literal["on", "off"] = "on"
    """off: only keyframes of the last `loop_gap` frames stay active, so that loops do not close. For comparison."""


def distances(poses: Float64) -> Float64:
    """Distances (N, N) between all poses."""
    return pose_distance(poses[:, None], poses[None, :])


def select_keyframes(candidates: Sequence[int], poses: Float64, weights: Float64, existing: Float64, spacing: float) -> list[int]:
    """The candidates that become keyframes, in the order chosen.

    poses, weights: of the candidates. existing: poses (K, 4, 4) of the keyframes so far. A candidate farther than `spacing` from
    every keyframe may join; the most confident goes first, the earliest among equals.
    """
    nearest = np.full(len(candidates), np.inf)
    if len(existing) and len(candidates):
        nearest = pose_distance(poses[:, None], existing[None]).min(axis=1)
    chosen: list[int] = []
    while True:
        free = nearest > spacing
        if not free.any():
            return chosen
        best = weights[free].max()
        row = int(np.flatnonzero(free & (weights >= best * (1.0 - CONFIDENCE_TIE)))[0])
        chosen.append(candidates[row])
        nearest = np.minimum(nearest, pose_distance(poses, poses[row]))
        nearest[row] = 0.0


def needs_resampling(active_poses: Float64, newest: int, config: ResampleConfig) -> bool:
    """Whether the active keyframes are too many, or too far from the one at row `newest`."""
    if len(active_poses) > config.max_active:
        return True
    return bool((pose_distance(active_poses, active_poses[newest]) >= config.max_spread).any())


def resample(frames: Sequence[int], poses: Float64, newest: int, config: ResampleConfig) -> list[int]:
    """The keyframes the next window sees, the reference view first.

    frames: all keyframes ever made, with poses. newest: the row of the newest. Old places that are near again come back, which
    closes loops.
    """
    rows = [row for row, frame in enumerate(frames) if config.reentry == "on" or frames[newest] - frame <= config.loop_gap]
    to_newest = pose_distance(poses, poses[newest])
    chosen = [newest]
    _add_nearest(chosen, rows, frames, poses, to_newest, config)
    _fill(chosen, rows, frames, poses, config)
    bridges = _bridges(chosen, rows, poses, config.n_bridge)
    return [frames[row] for row in [*bridges, *chosen]]


def _add_nearest(
    chosen: list[int],
    rows: Sequence[int],
    frames: Sequence[int],
    poses: Float64,
    to_newest: Float64,
    config: ResampleConfig,
) -> None:
    """Up to `n_nearest` rows near the newest: loop closers as they come, the others if they add something."""
    newest = chosen[0]
    for row in sorted(rows, key=lambda row: float(to_newest[row])):
        if len(chosen) > min(config.n_nearest, config.n_active - config.n_bridge - 1):
            return
        if row == newest:
            continue
        closes_loop = abs(frames[newest] - frames[row]) > config.loop_gap
        if closes_loop or (pose_distance(poses[chosen], poses[row]) > config.min_diversity).all():
            chosen.append(row)


def _fill(chosen: list[int], rows: Sequence[int], frames: Sequence[int], poses: Float64, config: ResampleConfig) -> None:
    """The earliest rows that touch the chosen ones, again and again, until all places but the bridges' are taken."""
    wanted = config.n_active - config.n_bridge
    in_time = np.array(sorted(rows, key=lambda row: frames[row]), dtype=np.intp)
    nearest = np.full(len(in_time), np.inf)
    farthest = np.zeros(len(in_time))
    for row in chosen:
        apart = pose_distance(poses[in_time], poses[row])
        nearest, farthest = np.minimum(nearest, apart), np.maximum(farthest, apart)
    is_free = ~np.isin(in_time, chosen)
    while len(chosen) < wanted:
        fits = np.flatnonzero(is_free & (nearest <= config.fill_distance) & (farthest <= config.max_spread))
        if len(fits) == 0:
            return
        row = int(in_time[fits[0]])
        chosen.append(row)
        is_free[fits[0]] = False
        apart = pose_distance(poses[in_time], poses[row])
        nearest, farthest = np.minimum(nearest, apart), np.maximum(farthest, apart)


def _bridges(chosen: Sequence[int], rows: Sequence[int], poses: Float64, n_bridge: int) -> list[int]:
    """The unchosen rows with the smallest summed distance to the chosen ones; fewer when there are no more."""
    free = [row for row in rows if row not in chosen]
    if n_bridge == 0 or not free:
        return []
    summed = np.sum([pose_distance(poses[free], poses[row]) for row in chosen], axis=0)
    return [free[place] for place in np.argsort(summed, kind="stable")[:n_bridge]]

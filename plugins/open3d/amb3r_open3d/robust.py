"""The similarity that most pairs agree on: RANSAC over Umeyama's closed form, for camera poses and for matched points."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core import AlignmentError, Sim3
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.geometry import rotation_angle, umeyama

Mask = NDArray[np.bool_]
MAX_POSE_PAIRS = 3000
POINT_TRIALS = 20_000
"""Triples of matched points that are tried; nine in ten wrong matches leave one good triple in a thousand."""
TRIALS_AT_ONCE = 2000
REFINEMENTS = 10
NOISE_SIGMAS = 3.0
SIGMA_PER_MEDIAN = 1.4826
"""Standard deviation of a normal distribution over the median of its absolute values."""
LEAST_TOLERANCE_SHARE = 1e-6


@dataclass(frozen=True)
class Consensus:
    """The similarity, which pairs (N,) follow it, and how far every pair (N,) is off in the target's unit."""

    similarity: Sim3
    inliers: Mask
    distances: Float64


@dataclass(frozen=True, kw_only=True)
class PoseTolerance:
    """How far a camera may be off to follow: distance in the target's unit, angle in degrees."""

    distance: float
    angle_deg: float


def similarity_of_poses(
    source: Float64, target: Float64, tolerance: PoseTolerance, *, with_scale: bool = True, seed: int = 0
) -> Consensus:
    """The similarity that moves camera poses `source` (N, 4, 4) onto `target` (N, 4, 4), whatever the outliers say.

    Two cameras with their rotations fix a similarity, so every pair of cameras (or `MAX_POSE_PAIRS` of them) is one trial; the
    trial that most cameras follow is fitted again to those. `AlignmentError` when fewer than three cameras follow any.
    """
    if len(source) < 3:
        raise AlignmentError(f"{len(source)} cameras are known in both worlds, three are needed to align them")
    turns = target[:, :3, :3] @ np.swapaxes(source[:, :3, :3], 1, 2)
    best: tuple[float, Consensus] | None = None
    for i, j in _pairs(len(source), seed):
        trial = _from_two(source, target, turns, (i, j), np.deg2rad(tolerance.angle_deg), with_scale)
        if trial is None:
            continue
        consensus = _followers(trial, source, target, tolerance)
        cost = float(np.minimum(np.where(consensus.inliers, consensus.distances / tolerance.distance, 1.0), 1.0).sum())
        if best is None or cost < best[0]:
            best = cost, consensus
    if best is None or best[1].inliers.sum() < 3:
        raise AlignmentError(
            f"fewer than three of {len(source)} cameras agree on one similarity within {tolerance.distance:.3g} "
            f"and {tolerance.angle_deg:g} degrees: wrong order or names, or a larger max_distance is needed"
        )
    return _refined(best[1], source, target, tolerance, with_scale)


def similarity_of_points(
    source: Float64, target: Float64, max_distance: float, *, with_scale: bool = True, scale_range: float = 1.5, seed: int = 0
) -> Consensus:
    """The similarity that most matched points (N, 3) follow within `max_distance`; its scale lies within `scale_range` of 1.

    `AlignmentError` when fewer than four follow any.
    """
    if len(source) < 4:
        raise AlignmentError(f"{len(source)} matched points, four are needed to align two clouds")
    random = np.random.default_rng(seed)
    best: Consensus | None = None
    for _ in range(POINT_TRIALS // TRIALS_AT_ONCE):
        triples = _random_rows(random, len(source), (TRIALS_AT_ONCE, 3))
        for triple in _plausible(source, target, triples, with_scale, scale_range):
            try:
                trial = umeyama(source[triple], target[triple], with_scale=with_scale)
            except AlignmentError:  # the three stand in a line
                continue
            distances = np.linalg.norm(trial.apply(source) - target, axis=1)
            inliers = distances <= max_distance
            if best is None or inliers.sum() > best.inliers.sum():
                best = Consensus(trial, inliers, distances)
    if best is None or best.inliers.sum() < 4:
        raise AlignmentError("no similarity brings the two clouds together: they share too little, or look too different")
    fitted = umeyama(source[best.inliers], target[best.inliers], with_scale=with_scale)
    distances = np.linalg.norm(fitted.apply(source) - target, axis=1)
    return Consensus(fitted, distances <= max_distance, distances)


def trajectory_extent(poses: Float64) -> float:
    """The median distance of the camera centres (N, 4, 4) from their median; outliers hardly change it."""
    centres = poses[:, :3, 3]
    distances: Float64 = np.linalg.norm(centres - np.quantile(centres, 0.5, axis=0), axis=1)
    return float(np.quantile(distances, 0.5))


def _pairs(n: int, seed: int) -> list[tuple[int, int]]:
    if n * (n - 1) // 2 <= MAX_POSE_PAIRS:
        return [(i, j) for i in range(n) for j in range(i + 1, n)]
    chosen = _random_rows(np.random.default_rng(seed), n, (MAX_POSE_PAIRS, 2))
    return [(int(i), int(j)) for i, j in chosen if i != j]


def _random_rows(random: np.random.Generator, n: int, shape: tuple[int, int]) -> NDArray[np.int64]:
    return random.integers(n, size=shape)  # pyright: ignore[reportUnknownMemberType] - numpy leaves dtypes open


def _from_two(
    source: Float64, target: Float64, turns: Float64, pair: tuple[int, int], max_angle: float, with_scale: bool
) -> Sim3 | None:
    """The similarity two cameras fix; None when their rotations disagree or one of the worlds has them in one place."""
    i, j = pair
    if float(rotation_angle(turns[i].T @ turns[j])) > max_angle:
        return None
    both: Float64 = turns[i] + turns[j]
    u, _, vt = np.linalg.svd(both)
    rotation: Float64 = np.asarray(u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt, dtype=np.float64)
    lengths = [float(np.linalg.norm(poses[i, :3, 3] - poses[j, :3, 3])) for poses in (source, target)]
    if min(lengths) <= 0.0:
        return None
    scale = lengths[1] / lengths[0] if with_scale else 1.0
    middle_source, middle_target = (0.5 * (poses[i, :3, 3] + poses[j, :3, 3]) for poses in (source, target))
    return Sim3(scale, rotation, middle_target - scale * rotation @ middle_source)


def _followers(trial: Sim3, source: Float64, target: Float64, tolerance: PoseTolerance) -> Consensus:
    moved = trial.apply_pose(source)
    distances = np.linalg.norm(moved[:, :3, 3] - target[:, :3, 3], axis=1)
    angles = rotation_angle(np.swapaxes(moved[:, :3, :3], 1, 2) @ target[:, :3, :3])
    return Consensus(trial, (distances <= tolerance.distance) & (angles <= np.deg2rad(tolerance.angle_deg)), distances)


def _refined(start: Consensus, source: Float64, target: Float64, tolerance: PoseTolerance, with_scale: bool) -> Consensus:
    """The fit to all followers, with a tolerance that shrinks to the noise they show; repeated until they stay the same."""
    current, limit = start, tolerance
    for _ in range(REFINEMENTS):
        try:
            centres = source[current.inliers][:, :3, 3], target[current.inliers][:, :3, 3]
            fitted = umeyama(*centres, with_scale=with_scale)
        except AlignmentError:  # the followers stand in a line: the two-camera answer uses their rotations
            return current
        fitted_followers = _followers(fitted, source, target, limit)
        if fitted_followers.inliers.sum() < 3:
            return current
        is_same = np.array_equal(fitted_followers.inliers, current.inliers)
        current = fitted_followers
        if is_same:
            break
        noise = NOISE_SIGMAS * SIGMA_PER_MEDIAN * float(np.quantile(current.distances[current.inliers], 0.5))
        floor = LEAST_TOLERANCE_SHARE * trajectory_extent(target)
        limit = PoseTolerance(distance=min(tolerance.distance, max(noise, floor)), angle_deg=tolerance.angle_deg)
    return current


def _plausible(
    source: Float64, target: Float64, triples: NDArray[np.int64], with_scale: bool, scale_range: float
) -> NDArray[np.int64]:
    """The triples (T, 3) whose triangles have one shape, and sizes within the range."""
    ratios = np.stack(
        [
            np.linalg.norm(target[triples[:, i]] - target[triples[:, j]], axis=1)
            / np.maximum(np.linalg.norm(source[triples[:, i]] - source[triples[:, j]], axis=1), 1e-12)
            for i, j in ((0, 1), (1, 2), (2, 0))
        ],
        axis=1,
    )
    limit = scale_range if with_scale else 1.15
    alike = ratios.max(axis=1) <= 1.2 * np.maximum(ratios.min(axis=1), 1e-12)
    return triples[alike & (ratios.min(axis=1) >= 1 / limit) & (ratios.max(axis=1) <= limit)]

"""How a window's own frame and unit are brought into the map's: one scale from points, one rigid move from poses.

The published alignment in our own words: points of the anchors, seen from one reference camera, give two candidates for
the scale, the better one wins; the anchors' poses, averaged by confidence, give the move. The published code computed the
first candidate on 64 distinct points; here every anchor gives up to `samples_per_view` of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import AlignmentError
from amb3r_core.pipelines.mapping.store import FrameDepth
from amb3r_core.pipelines.mapping.windows import Bools, Window
from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.scene.conventions import invert, rigid
from amb3r_core.scene.geometry import mean_pose

MIN_SAMPLES = 16
"""Fewer shared points than this do not fix a scale."""
MAX_TRIMMING_ROUNDS = 20


@dataclass(frozen=True, kw_only=True)
class AlignmentConfig:
    """Published values, in map units (one unit: median depth of the first window), unless said otherwise."""

    samples_per_view: int = 64 * 64
    """Points of each anchor that take part. Ours; the published code meant 64 x 64."""
    min_distance: float = 0.01
    """Points count 1 / distance from the reference camera, but no more than those at this distance. The published code takes the
    depth instead, which is small or negative for what anchors see that look elsewhere."""
    truncation: float = 1.0
    """Weighted residuals above this do not pull on the first scale candidate."""
    max_relative_error: float = 0.3
    """A window whose anchors differ from the map by more than this share of their distance, at half of their pixels, is another
    scene. Ours; half, because a few far pixels, a sky for instance, may differ by any factor."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the map knows of one frame."""

    frame: int
    maps: FrameDepth
    cam_to_world: Float64
    """(4, 4) in map units."""
    intrinsics: Float64
    """(3, 3) in grid pixels."""


@dataclass(frozen=True, slots=True)
class WindowAlignment:
    """How a window comes into the map's frame and unit: scaled, then moved."""

    scale: float
    """Map units per local unit."""
    world_from_local: Float64
    """The rigid move (4, 4) that follows."""
    relative_error: float
    """Median relative error of the anchors' points."""

    def apply(self, window: Window) -> Window:
        """The window in the map's frame and unit."""
        return window.moved(self.world_from_local, self.scale)


@dataclass(frozen=True, slots=True)
class MatchedPoints:
    """The same pixels as a window and the map see them, each in the first shared view's camera frame and in its own unit."""

    local: Float64
    """The window's points (M, 3)."""
    target: Float64
    """The map's points (M, 3)."""
    local_weight: Float64
    """(M,) in [0, 1)."""
    target_weight: Float64
    """(M,) in [0, 1)."""

    def surest_half(self, weight: Float64) -> "MatchedPoints":
        """The points whose weight (M,) is at least the median."""
        keep = weight >= np.median(weight) if len(weight) else np.zeros(0, dtype=np.bool_)
        return MatchedPoints(self.local[keep], self.target[keep], self.local_weight[keep], self.target_weight[keep])

    def __len__(self) -> int:
        return len(self.local)


def align(window: Window, anchors: Sequence[Anchor], config: AlignmentConfig) -> WindowAlignment:
    """The similarity from the window's frame to the map's, from the anchors that the window registered.

    Raises `AlignmentError` when no anchor is registered or the views share too few points.
    """
    seen, known = registered_pairs(window, anchors)
    if not known:
        raise AlignmentError("the model placed none of the frames that the map knows")
    points = match_points(window, anchors, config.samples_per_view)
    points = points.surest_half(points.local_weight)
    if len(points) < MIN_SAMPLES:
        raise AlignmentError(f"the map and the window share {len(points)} points: at least {MIN_SAMPLES} are needed")
    scale, error = choose_scale(points.local, points.target, config)
    if error > config.max_relative_error:
        raise AlignmentError(f"the window and the map disagree by {error:.0%} about what they share")
    return WindowAlignment(scale, _rigid_move(seen, known, scale), error)


def in_place(window: Window, anchors: Sequence[Anchor], config: AlignmentConfig) -> WindowAlignment:
    """No move at all, for a window that keeps to the map's poses; the error is that of its depth against the map's."""
    points = match_points(window, anchors, config.samples_per_view)
    points = points.surest_half(points.local_weight)
    error = _relative_error(points.local, points.target, 1.0) if len(points) else 0.0
    return WindowAlignment(1.0, np.eye(4), error)


def registered_pairs(window: Window, anchors: Sequence[Anchor]) -> tuple[Window, list[Anchor]]:
    """The window of the anchors that it registered, and those anchors."""
    rows = window.rows([anchor.frame for anchor in anchors])
    used = [anchor for row, anchor in zip(rows, anchors, strict=True) if window.registered[row]]
    return window.select([anchor.frame for anchor in used]), used


def match_points(window: Window, anchors: Sequence[Anchor], samples_per_view: int) -> MatchedPoints:
    """The points of the anchors' pixels whose depth both sides know; none when the window registered no anchor."""
    seen, known = registered_pairs(window, anchors)
    parts = [np.zeros((0, 8))]
    for row, anchor in enumerate(known):
        cells = _sampled(seen.depth[row].shape, samples_per_view)
        depth, target_depth = seen.depth[row][cells], anchor.maps.depth[cells]
        both = (depth > 0) & (target_depth > 0)
        local_pose = invert(seen.cam_to_world[0]) @ seen.cam_to_world[row]
        target_pose = invert(known[0].cam_to_world) @ anchor.cam_to_world
        local = _points(depth, seen.intrinsics[row], local_pose, cells, both)
        target = _points(target_depth, anchor.intrinsics, target_pose, cells, both)
        weights = np.stack([seen.weight[row][cells][both], anchor.maps.weight[cells][both]], axis=1)
        parts.append(np.concatenate([local, target, weights.astype(np.float64)], axis=1))
    table = np.concatenate(parts)
    return MatchedPoints(table[:, :3], table[:, 3:6], table[:, 6], table[:, 7])


def choose_scale(local: Float64, target: Float64, config: AlignmentConfig) -> tuple[float, float]:
    """The scale and its median |dz| / |p|: the better one of a robust fit of all coordinates and a median of lengths.

    The published code compares means, which a few far pixels decide.
    """
    lengths: Float64 = np.linalg.norm(local, axis=1)
    target_lengths: Float64 = np.maximum(np.linalg.norm(target, axis=1), 1e-12)
    weights = 1.0 / np.maximum(target_lengths, config.min_distance)
    candidates = (
        robust_scale(local, target, weights, config.truncation),
        float(np.median(target_lengths / np.maximum(lengths, 1e-12))),
    )
    errors = [_relative_error(local, target, scale) for scale in candidates]
    best = int(np.argmin(errors))
    if not np.isfinite(errors[best]) or candidates[best] <= 0:
        raise AlignmentError("the window's points give no positive scale")
    return candidates[best], errors[best]


def _relative_error(local: Float64, target: Float64, scale: float) -> float:
    """Median |dz| over the distance from the reference camera."""
    lengths = np.maximum(np.linalg.norm(target, axis=1), 1e-12)
    errors: Float64 = np.abs(scale * local[:, 2] - target[:, 2]) / lengths
    return float(np.median(errors))


def robust_scale(local: Float64, target: Float64, weights: Float64, truncation: float) -> float:
    """The scale s with least sum of min(w |s x - y|, truncation) over all coordinates of points (M, 3).

    Without truncation this is the weighted median of y / x with weights w |x|, exactly; truncated residuals are dropped and
    the median taken again until the kept set is stable.
    """
    x, y = local.ravel(), target.ravel()
    w = np.repeat(weights, 3)
    usable = np.abs(x) > 1e-9
    x, y, w = x[usable], y[usable], w[usable]
    if len(x) == 0:
        raise AlignmentError("every point lies in the camera's centre: there is no scale")
    ratios, pulls = y / x, w * np.abs(x)
    order = np.argsort(ratios, kind="stable")
    ratios, pulls, x, y, w = ratios[order], pulls[order], x[order], y[order], w[order]
    kept = np.ones(len(x), dtype=np.bool_)
    scale = _sorted_median(ratios, pulls)
    for _ in range(MAX_TRIMMING_ROUNDS):
        now = w * np.abs(scale * x - y) <= truncation
        if bool((now == kept).all()) or not now.any():
            break
        kept = now
        scale = _sorted_median(ratios[kept], pulls[kept])
    return scale


def weighted_median(values: Float64, weights: Float64) -> float:
    """The value at which half of the weight is reached."""
    order = np.argsort(values, kind="stable")
    return _sorted_median(values[order], weights[order])


def _sorted_median(values: Float64, weights: Float64) -> float:
    total: Float64 = np.cumsum(weights)
    return float(values[min(int(np.count_nonzero(total < 0.5 * total[-1])), len(values) - 1)])


Cells = tuple[NDArray[np.intp], NDArray[np.intp]]


def _sampled(shape: tuple[int, ...], limit: int) -> Cells:
    """Rows and columns of an even grid of at most `limit` pixels."""
    height, width = shape
    step = max(int(np.ceil(np.sqrt(height * width / limit))), 1)
    rows, columns = np.mgrid[step // 2 : height : step, step // 2 : width : step]
    return rows.ravel().astype(np.intp), columns.ravel().astype(np.intp)


def _points(depth: Float32, intrinsics: Float64, pose: Float64, cells: Cells, keep: Bools) -> Float64:
    rows, columns = cells
    z = depth[keep].astype(np.float64)
    x = (columns[keep] - intrinsics[0, 2]) / intrinsics[0, 0] * z
    y = (rows[keep] - intrinsics[1, 2]) / intrinsics[1, 1] * z
    return np.stack([x, y, z], axis=1) @ pose[:3, :3].T + pose[:3, 3]


def _rigid_move(window: Window, anchors: Sequence[Anchor], scale: float) -> Float64:
    """The mean rotation of the anchors, then the translation that fits their centres best.

    Anchors count by the mean product of their old and new weights. The published code averages each anchor's own translation,
    which swings with that anchor's rotation error times its distance; where rotations agree the two are the same.
    """
    weights = np.array([float((a.maps.weight * window.weight[row]).mean()) for row, a in enumerate(anchors)])
    if weights.sum() <= 0:
        raise AlignmentError("neither the map nor the window trusts any pixel they share")
    target = np.array([anchor.cam_to_world for anchor in anchors])
    rotation = mean_pose(target @ invert(window.cam_to_world), weights)[:3, :3]
    centres = scale * window.cam_to_world[:, :3, 3] @ rotation.T
    return rigid(rotation, weights / weights.sum() @ (target[:, :3, 3] - centres))

"""Depth maps that agree: each pixel takes the depth that most of the trust of all views stands behind.

Views that differ by one or two percent leave a mesh of layered sheets. Here every pixel collects what the other views say about
its point and moves to the depth with most support among them. It is dropped where more trust speaks against it than for it: views
that see through its point, and views that see something in the way to it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import InputError
from amb3r_core.progress import Monitor, silent, track
from amb3r_core.scene.arrays import Float32
from amb3r_core.scene.conventions import invert
from amb3r_core.scene.depth_maps import depth_edges, normals_camera
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.trust import CLOSE
from amb3r_core.scene.visibility import EDGE, DepthView, overlapping_views

Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

LEAST_TRUST = 0.02
"""What a depth of weight 0 counts: a scene without any confidence is fused too."""
STEEPEST = 2.0
"""A slanted surface lies at most so many times as far off along one view's ray as along another's."""
SMOOTH_STEP = 1.05
"""Four neighbouring pixels whose depths differ by less are one surface, and interpolated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreeConfig:
    """How views are brought together. Tolerances are shares of a depth."""

    neighbour_views: int = 8
    """How many other views are asked."""
    tolerance: float = CLOSE
    """Depths that differ by less speak of one surface."""
    largest_move: float = 0.1
    """No depth moves by more."""
    free_space_tolerance: float = 2 * CLOSE
    """A view whose surface lies farther behind a point than this sees through it."""
    max_depth_jump: float = 0.05
    """Depth step between neighbouring pixels that parts two surfaces; pixels beside it are not used."""


@dataclass(frozen=True, slots=True)
class TrustedView:
    """One view's depth with the trust of each pixel."""

    sight: DepthView
    """Its depth (H, W) is 0 where unknown or dropped."""
    trust: Float32
    """(H, W) in [0, 1]; 0 where there is no depth."""

    @property
    def depth(self) -> Float32:
        return self.sight.depth

    def rays(self) -> Float32:
        """World directions (H, W, 3) of all pixels, one long along the optical axis."""
        camera = self.sight.camera
        x = ((np.arange(camera.width) - camera.cx) / camera.fx).astype(np.float32)
        y = ((np.arange(camera.height) - camera.cy) / camera.fy).astype(np.float32)[:, None]
        shape = (camera.height, camera.width)
        rays = np.stack([np.broadcast_to(x, shape), np.broadcast_to(y, shape), np.ones(shape, np.float32)], axis=-1)
        return rays @ self.sight.world_to_cam[:3, :3].astype(np.float32)

    def centre(self) -> Float32:
        """Where the camera stands (3,)."""
        return invert(self.sight.world_to_cam)[:3, 3].astype(np.float32)

    def normals(self) -> Float32:
        """World normals (H, W, 3) that face the camera; NaN where unknown."""
        return normals_camera(self.sight.camera, self.depth) @ self.sight.world_to_cam[:3, :3].astype(np.float32)


def views_alone(reconstruction: Reconstruction, config: AgreeConfig | None = None) -> list[TrustedView]:
    """Every view's depth off its edges, with its weight as trust. Raises `InputError` for a scene without depth."""
    config = config or AgreeConfig()
    dense = reconstruction.dense
    if dense is None:
        raise InputError("this scene holds cameras only: without depth there is no surface")
    views: list[TrustedView] = []
    for index, view in enumerate(reconstruction.views):
        depth = np.asarray(dense.depth[index])
        inside = np.zeros(depth.shape, dtype=np.bool_)
        inside[view.letterbox.slices] = True
        keep = inside & (depth > 0) & np.isfinite(depth) & ~depth_edges(depth, config.max_depth_jump)
        trust = np.where(keep, np.maximum(dense.weight(index), np.float32(LEAST_TRUST)), np.float32(0))
        sight = replace(DepthView.of(reconstruction, index), depth=np.where(keep, depth, np.float32(0)))
        views.append(TrustedView(sight, trust))
    return views


def agreeing_views(
    reconstruction: Reconstruction, config: AgreeConfig | None = None, monitor: Monitor = silent
) -> list[TrustedView]:
    """Every view's depth after the others were asked; the trust of what stays is the view's own."""
    config = config or AgreeConfig()
    views = views_alone(reconstruction, config)
    judges = overlapping_views(reconstruction, config.neighbour_views)
    order = track(range(len(views)), monitor, stage="bring views together", total=len(views))
    return [_brought_together(views[index], [views[other] for other in judges[index]], config) for index in order]


def _brought_together(view: TrustedView, judges: list[TrustedView], config: AgreeConfig) -> TrustedView:
    known = view.depth > 0
    depth, rays, normals = view.depth[known], view.rays()[known], view.normals()[known]
    shifts = np.zeros((1 + len(judges), len(depth)), dtype=np.float32)
    trust = np.zeros_like(shifts)
    trust[0] = view.trust[known]
    against = sum((_in_front(view, judge, config) for judge in judges), start=np.zeros_like(view.depth))[known]
    points = view.centre() + rays * depth[:, None]
    for row, judge in enumerate(judges, start=1):
        index, shift, weight, through = _answers(judge, points, rays, normals, config)
        shifts[row, index], trust[row, index] = shift / depth[index], weight
        against[index] += through
    move, support = _most_supported(shifts, trust, config)
    stays = support >= against
    new_depth, new_trust = np.zeros_like(view.depth), np.zeros_like(view.trust)
    new_depth[known] = np.where(stays, depth * (1 + move), np.float32(0))
    new_trust[known] = np.where(stays, trust[0], np.float32(0))
    return TrustedView(replace(view.sight, depth=new_depth), new_trust)


def _in_front(view: TrustedView, judge: TrustedView, config: AgreeConfig) -> Float32:
    """The trust (H, W) of what the judge sees clearly in front of the view's depth, on the ray that claims to be free.

    Merrell et al., "Real-time visibility-based fusion of depth maps", ICCV 2007: a violation of free space.
    """
    known = judge.depth > 0
    points = judge.centre() + judge.rays()[known] * judge.depth[known][:, None]
    index, u, v, z = _on_image(view, points)
    pixel = np.rint(v[index]).astype(np.intp) * view.sight.camera.width + np.rint(u[index]).astype(np.intp)
    violates = z[index] * (1 + config.free_space_tolerance) < view.depth.ravel()[pixel]
    trust, pixel = judge.trust[known][index][violates], pixel[violates]
    order = np.argsort(trust, kind="stable")
    most = np.zeros(view.depth.size, dtype=np.float32)
    most[pixel[order]] = trust[order]  # of several the last, the most trusted, stays
    return most.reshape(view.depth.shape)


def _on_image(view: TrustedView, points: Float32) -> tuple[Index, Float32, Float32, Float32]:
    """Which points (M, 3) fall on the view's image (K,), and column, row and depth of all (M,)."""
    pose, camera = view.sight.world_to_cam.astype(np.float32), view.sight.camera
    in_camera = points @ pose[:3, :3].T + pose[:3, 3]
    z = np.maximum(in_camera[:, 2], np.float32(1e-6))
    u = np.float32(camera.fx) * in_camera[:, 0] / z + np.float32(camera.cx)
    v = np.float32(camera.fy) * in_camera[:, 1] / z + np.float32(camera.cy)
    inside = (in_camera[:, 2] > 1e-6) & (u > -EDGE) & (v > -EDGE) & (u < camera.width - 1 + EDGE) & (v < camera.height - 1 + EDGE)
    return np.flatnonzero(inside), u, v, z


def _answers(
    judge: TrustedView, points: Float32, rays: Float32, normals: Float32, config: AgreeConfig
) -> tuple[Index, Float32, Float32, Float32]:
    """What one view says of points (M, 3) on other rays (M, 3).

    Which of them fall on its image (K,), how far along their own rays its surface lies from them (K,), with what trust (K,), and
    with what trust it sees through them (K,). A gap g along the judge's ray r_j is the distance g r_j . n from the plane with
    normal n, and so g (r_j . n) / (r_i . n) along the point's own ray r_i.
    """
    index, u, v, z = _on_image(judge, points)
    z = z[index]
    surface, trust, nearest = _looked_up(judge, u[index], v[index])
    theirs = (points[index] - judge.centre()) / z[:, None]
    across = np.abs((normals[index] * theirs).sum(axis=-1)) / np.maximum(
        np.abs((normals[index] * rays[index]).sum(axis=-1)), 1e-6
    )
    slant = np.nan_to_num(np.clip(across, 1 / STEEPEST, STEEPEST), nan=1.0)
    gap = surface - z
    is_near = (surface > 0) & (np.abs(gap) <= STEEPEST * config.largest_move * z)
    through = np.where(nearest > (1 + config.free_space_tolerance) * z, trust, np.float32(0))
    return index, (gap * slant).astype(np.float32), np.where(is_near, trust, np.float32(0)), through


def _looked_up(judge: TrustedView, u: Float32, v: Float32) -> tuple[Float32, Float32, Float32]:
    """Depth (K,), its trust (K,) and the nearest of the four depths around (K,), at pixels; interpolated on one surface only."""
    height, width = judge.depth.shape
    column, row = np.floor(u).astype(np.intp), np.floor(v).astype(np.intp)
    right, below = u - column.astype(np.float32), v - row.astype(np.float32)
    columns = np.clip(np.stack([column, column + 1, column, column + 1]), 0, width - 1)
    rows = np.clip(np.stack([row, row, row + 1, row + 1]), 0, height - 1)
    four = judge.depth[rows, columns]
    shares = np.stack([(1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below])
    least = four.min(axis=0)
    closest = shares.argmax(axis=0), np.arange(len(u))
    smooth = (least > 0) & (four.max(axis=0) < SMOOTH_STEP * least)
    inverse = np.where(smooth, (shares / np.where(four > 0, four, np.float32(1))).sum(axis=0), np.float32(1))
    depth = np.where(smooth, 1 / inverse, four[closest])
    return depth, judge.trust[rows[closest], columns[closest]], least


def _most_supported(shifts: Float32, trust: Float32, config: AgreeConfig) -> tuple[Float32, Float32]:
    """Of the shifts (V, M) that views propose the one with most trust around it, made the mean there (M,); that trust (M,)."""
    best, most = np.zeros_like(shifts[0]), np.full_like(shifts[0], -1)
    for proposed, whose in zip(shifts, trust, strict=True):
        support = (_nearness(shifts, proposed, config) * trust).sum(axis=0)
        support[(whose <= 0) | (np.abs(proposed) > config.largest_move)] = -1
        better = support > most
        best[better], most[better] = proposed[better], support[better]
    near = _nearness(shifts, best, config) * trust
    best = (near * shifts).sum(axis=0) / np.maximum(near.sum(axis=0), 1e-9)
    return best, (_nearness(shifts, best, config) * trust).sum(axis=0)


def _nearness(shifts: Float32, at: Float32, config: AgreeConfig) -> Float32:
    """1 where the shifts (V, M) are `at` (M,), falling to 0 at the tolerance (Tukey's biweight)."""
    off = np.minimum(np.abs(shifts - at) / np.float32(config.tolerance), np.float32(1))
    return np.square(1 - off * off)

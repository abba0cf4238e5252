"""What one view's depth map says about points that came from elsewhere: seen there, seen through, or hidden."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32, Float64, Floats
from amb3r_core.scene.camera import Letterbox, PinholeCamera
from amb3r_core.scene.reconstruction import Reconstruction

Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

SAMPLES_PER_VIEW = 256
"""Points per view that measure how much two views overlap."""
FULL_PARALLAX_RAD = np.deg2rad(5.0)
"""Angle between two views' rays from which another view counts as fully independent evidence."""
EDGE = 0.499
"""How far outside the outermost pixel centres a point still falls on the image; a hair less than half, for rounding."""
NEAREST = 1e-6
"""Depth beyond which a point is in front of a view."""
SAME_PLACE_SHARE = 0.1
"""What a view from the very same place still counts."""


@dataclass(frozen=True, slots=True)
class DepthView:
    """One view's depth, and what it takes to look points up in it."""

    camera: PinholeCamera
    """Of the dense grid."""
    world_to_cam: Float64
    """(4, 4)."""
    depth: Float32
    """(H, W) on the dense grid."""
    letterbox: Letterbox
    """Where the image lies in the grid."""

    @staticmethod
    def of(reconstruction: Reconstruction, index: int) -> "DepthView":
        """View `index` of a reconstruction with dense maps."""
        camera = reconstruction.dense_camera(index)
        dense, view = reconstruction.dense, reconstruction.views[index]
        if dense is None:
            raise ValueError("this reconstruction holds cameras only, no dense maps")
        return DepthView(camera, view.world_to_cam, np.asarray(dense.depth[index]), view.letterbox)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one view says about those K of M points that are in front of it and inside its image."""

    index: Index
    """(K,): which points."""
    u: Floats
    """(K,): columns on the dense grid."""
    v: Floats
    """(K,): rows."""
    z: Floats
    """(K,): depth of the point in this view."""
    is_seen: Mask
    """(K,): the depth map has a surface there."""
    is_seen_through: Mask
    """(K,): the depth map has a surface clearly behind it all around."""

    @property
    def pixels(self) -> NDArray[np.float32 | np.float64]:
        """(K, 2): columns and rows on the dense grid."""
        return np.stack([self.u, self.v], axis=-1)


def sight(view: DepthView, points: Floats, *, tolerance: float, free_space_tolerance: float = np.inf) -> Sighting:
    """What `view` says about world points (M, 3); tolerances are shares of the point's depth. Keeps the points' precision."""
    index, u, v, z = _inside(view, points)
    depth = view.depth.ravel()
    pixel = np.rint(v).astype(np.intp)
    pixel *= view.depth.shape[1]
    pixel += np.rint(u).astype(np.intp)
    is_seen = np.abs(depth.take(pixel) - z) <= tolerance * z
    is_seen_through = np.zeros_like(is_seen)
    doubtful = np.flatnonzero(~is_seen)
    z_doubtful = z.take(doubtful)
    nearest, interpolated = _around(view.depth, u.take(doubtful), v.take(doubtful))
    is_seen[doubtful] = np.abs(interpolated - z_doubtful) <= tolerance * z_doubtful
    is_seen_through[doubtful] = nearest > (1.0 + free_space_tolerance) * z_doubtful
    return Sighting(index, u, v, z, is_seen, is_seen_through)


def _inside(view: DepthView, points: Floats) -> tuple[Index, Floats, Floats, Floats]:
    """Which world points (M, 3) fall on a pixel of the view's image, and where: column, row and depth (K,)."""
    camera, letterbox = view.camera, view.letterbox
    world_to_cam = view.world_to_cam[:3].astype(points.dtype)
    x, y, z = world_to_cam[:, :3] @ points.T + world_to_cam[:, 3:]
    near = np.flatnonzero(z > NEAREST)
    if len(near) < len(z):
        x, y, z = x.take(near), y.take(near), z.take(near)
    u = camera.fx * x / z + camera.cx
    v = camera.fy * y / z + camera.cy
    inside = (u >= letterbox.x - EDGE) & (u <= letterbox.x + letterbox.width - 1 + EDGE)
    inside &= (v >= letterbox.y - EDGE) & (v <= letterbox.y + letterbox.height - 1 + EDGE)
    index = np.flatnonzero(inside)
    return near.take(index), u.take(index), v.take(index), z.take(index)


def _around(depth: Float32, u: Floats, v: Floats) -> tuple[Float32, Float32]:
    """The least of the four depths around each pixel (K,), and their interpolation (K,), linear in inverse depth.

    The interpolation is 0 where one of the four is unknown.
    """
    height, width = depth.shape
    column, row = np.floor(u), np.floor(v)
    right, below = (u - column).astype(np.float32), (v - row).astype(np.float32)
    columns = [np.clip(column + step, 0, width - 1).astype(np.intp) for step in (0, 1)]
    rows = [np.clip(row + step, 0, height - 1).astype(np.intp) * width for step in (0, 1)]
    flat = depth.ravel()
    corners = [flat.take(start + step) for start in rows for step in columns]
    least = np.minimum(np.minimum(corners[0], corners[1]), np.minimum(corners[2], corners[3]))
    shares = ((1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = sum(share / corner for share, corner in zip(shares, corners, strict=True))
    interpolated = np.zeros(len(u), dtype=np.float32)
    np.divide(1.0, inverse, out=interpolated, where=least > 0)
    return least, interpolated


def overlapping_views(reconstruction: Reconstruction, count: int) -> list[list[int]]:
    """For each view the up to `count` other views that can judge it best: much overlap and some parallax, best first."""
    world_to_cam = np.array([view.world_to_cam for view in reconstruction.views])
    cameras = [reconstruction.dense_camera(index) for index in range(reconstruction.n_views)]
    chosen: list[list[int]] = []
    for index in range(reconstruction.n_views):
        points = _sample(reconstruction, index)
        scores = _overlap(reconstruction, cameras, world_to_cam, index, points)
        order = np.argsort(-scores, kind="stable")[:count]
        chosen.append([int(other) for other in order if scores[other] > 0])
    return chosen


def _sample(reconstruction: Reconstruction, index: int) -> Float64:
    """World points of about `SAMPLES_PER_VIEW` evenly spread pixels with known depth (S, 3)."""
    view = DepthView.of(reconstruction, index)
    rows, columns = view.letterbox.slices
    step = max(1, int(np.sqrt(view.letterbox.width * view.letterbox.height / SAMPLES_PER_VIEW)))
    row, column = np.mgrid[rows.start + step // 2 : rows.stop : step, columns.start + step // 2 : columns.stop : step]
    z = view.depth[row, column].astype(np.float64)
    known = z > 0
    x = (column[known] - view.camera.cx) / view.camera.fx * z[known]
    y = (row[known] - view.camera.cy) / view.camera.fy * z[known]
    pose = reconstruction.views[index].cam_to_world
    return np.stack([x, y, z[known]], axis=-1) @ pose[:3, :3].T + pose[:3, 3]


def _overlap(
    reconstruction: Reconstruction, cameras: list[PinholeCamera], world_to_cam: Float64, index: int, points: Float64
) -> Float64:
    """Score (N,) of every view as a judge of view `index`: visible points, weighted by the parallax of their rays."""
    centres = reconstruction.cam_to_world[:, :3, 3]
    rays = points[None] - centres[:, None]
    rays /= np.maximum(np.linalg.norm(rays, axis=-1, keepdims=True), 1e-12)
    angle = np.arccos(np.clip((rays * rays[index]).sum(axis=-1), -1.0, 1.0))
    worth = np.maximum(np.minimum(angle / FULL_PARALLAX_RAD, 1.0), SAME_PLACE_SHARE)
    scores = np.zeros(reconstruction.n_views)
    for other, view in enumerate(reconstruction.views):
        if other != index:
            blind = DepthView(cameras[other], world_to_cam[other], np.zeros((0, 0), dtype=np.float32), view.letterbox)
            scores[other] = worth[other][_inside(blind, points)[0]].sum()
    return scores

"""From depth maps to one point cloud: confident, off the depth edges, confirmed by other views, one point per voxel."""

from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import InputError
from amb3r_core.progress import Monitor, silent, track
from amb3r_core.scene.arrays import Float32
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.confidence import confidence_of_weight
from amb3r_core.scene.depth_maps import depth_edges, grazing_pixels, pixel_footprint
from amb3r_core.scene.geometry import transform_points
from amb3r_core.scene.reconstruction import Dense, Reconstruction
from amb3r_core.scene.thinning import VoxelThinner
from amb3r_core.scene.threads import map_in_order
from amb3r_core.scene.visibility import DepthView, overlapping_views, sight

Mask = NDArray[np.bool_]

JUDGED_AT_ONCE = 20_000
"""So many points of a view are held against all its judges at a time, so that temporaries stay in the processor's cache."""
STATISTICS_STEP = 3
"""Percentiles are taken over every third pixel of every third row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionConfig:
    """What becomes a point."""

    min_weight: float = 0.0
    """Least confidence as a weight in [0, 1)."""
    keep_percent: float = 100.0
    """The most confident share of all known pixels, in percent (0, 100]."""
    max_depth_jump: float = 0.05
    """Depth step between neighbouring pixels that parts two surfaces, as a share of the farther depth."""
    max_grazing_deg: float = 85.0
    """Angle between ray and surface normal beyond which depth is not trusted, degrees."""
    min_agreeing_views: int = 2
    """How many OTHER views must see the point where it is; lowered to half the number of views, so one view needs none and two
    need one."""
    neighbour_views: int = 8
    """How many other views are asked."""
    depth_tolerance: float = 0.02
    """How far another view's depth may differ to agree, as a share of the point's depth there."""
    free_space_tolerance: float = 0.05
    """How far behind the point another view's surface must lie to contradict it; a point that more views contradict than confirm
    is dropped."""
    voxel_size: float | None = None
    """In scene units; None: the median pixel footprint."""
    max_points: int | None = 2_000_000
    """Voxels grow until the cloud is no larger; None: no limit."""

    def __post_init__(self) -> None:
        _check("min_weight", self.min_weight, 0.0 <= self.min_weight < 1.0, "in [0, 1)")
        _check("keep_percent", self.keep_percent, 0.0 < self.keep_percent <= 100.0, "in (0, 100]")
        _check("max_depth_jump", self.max_depth_jump, self.max_depth_jump > 0, "positive")
        _check("max_grazing_deg", self.max_grazing_deg, 0 < self.max_grazing_deg <= 90, "in (0, 90]")
        _check("min_agreeing_views", self.min_agreeing_views, self.min_agreeing_views >= 0, "0 or more")
        _check("neighbour_views", self.neighbour_views, self.neighbour_views >= 0, "0 or more")
        _check("depth_tolerance", self.depth_tolerance, self.depth_tolerance > 0, "positive")
        _check("free_space_tolerance", self.free_space_tolerance, self.free_space_tolerance > 0, "positive")
        is_size = self.voxel_size is None or (np.isfinite(self.voxel_size) and self.voxel_size > 0)
        _check("voxel_size", self.voxel_size, bool(is_size), "positive and finite, or None")
        _check("max_points", self.max_points, self.max_points is None or self.max_points > 0, "positive, or None")

    def agreeing_views_needed(self, n_views: int) -> int:
        """How many other views must agree in a scene of `n_views`."""
        return min(self.min_agreeing_views, self.neighbour_views, n_views // 2)


def _check(name: str, value: object, is_good: bool, wanted: str) -> None:
    if not is_good:
        raise ValueError(f"{name} must be {wanted}: {value}")


def fuse(reconstruction: Reconstruction, config: FusionConfig | None = None, monitor: Monitor = silent) -> PointCloud:
    """The scene's point cloud in world coordinates and scene units; the same input gives the same bytes.

    A point's radius is half its pixel's footprint (depth / focal length / 2), or half a voxel where that is more. Works on
    memory-mapped maps, a few views at a time. Raises `InputError` for a scene without depth.
    """
    config = config or FusionConfig()
    dense = reconstruction.dense
    if dense is None:
        raise InputError("this scene holds cameras only: without depth there are no points to fuse")
    min_confidence = _least_confidence(reconstruction, dense, config)
    thinner = VoxelThinner(config.voxel_size or _median_footprint(reconstruction, dense), config.max_points)
    judges = overlapping_views(reconstruction, config.neighbour_views)

    def confirmed(index: int) -> PointCloud:
        candidates = view_points(reconstruction, index, config, min_confidence)
        return candidates.selected(_confirmed(reconstruction, judges[index], candidates.points, config))

    clouds = map_in_order(confirmed, reconstruction.n_views)
    with closing(clouds):
        for cloud in track(clouds, monitor, stage="fuse", total=reconstruction.n_views):
            thinner.add(cloud)
    return thinner.cloud()


def view_points(reconstruction: Reconstruction, index: int, config: FusionConfig, min_confidence: float = 1.0) -> PointCloud:
    """The points of one view that pass the tests which need no other view, one per pixel, in row order."""
    dense = reconstruction.dense
    if dense is None:
        raise InputError("this scene holds cameras only: without depth there are no points to fuse")
    view, camera = reconstruction.views[index], reconstruction.dense_camera(index)
    depth, confidence = np.asarray(dense.depth[index]), np.asarray(dense.confidence[index])
    depth = np.where(_in_letterbox(depth.shape, view.letterbox.slices), depth, np.float32(0))
    keep = (depth > 0) & (confidence >= min_confidence)
    keep &= ~depth_edges(depth, config.max_depth_jump)
    keep &= ~grazing_pixels(camera, depth, config.max_grazing_deg)
    pixel = np.flatnonzero(keep)
    z = depth.ravel().take(pixel)
    return PointCloud(
        points=transform_points(view.cam_to_world, camera.unproject_pixels(pixel, z)),
        colors=np.asarray(dense.rgb[index]).reshape(-1, 3).take(pixel, axis=0),
        confidence=confidence.ravel().take(pixel),
        view_index=np.full(len(pixel), index, dtype=np.int32),
        radius=pixel_footprint(camera, z) / 2,
    )


def _in_letterbox(shape: tuple[int, ...], slices: tuple[slice, slice]) -> Mask:
    mask = np.zeros(shape, dtype=np.bool_)
    mask[slices] = True
    return mask


def _confirmed(reconstruction: Reconstruction, judges: list[int], points: Float32, config: FusionConfig) -> Mask:
    """Which points (M, 3) enough other views confirm and not more contradict."""
    views = [DepthView.of(reconstruction, other) for other in judges]
    needed = config.agreeing_views_needed(reconstruction.n_views)
    confirmed = np.zeros(len(points), dtype=np.bool_)
    for start in range(0, len(points), JUDGED_AT_ONCE):
        some = points[start : start + JUDGED_AT_ONCE]
        agreeing, contradicting = np.zeros(len(some), dtype=np.int16), np.zeros(len(some), dtype=np.int16)
        for view in views:
            sighting = sight(view, some, tolerance=config.depth_tolerance, free_space_tolerance=config.free_space_tolerance)
            agreeing[sighting.index] += sighting.is_seen
            contradicting[sighting.index] += sighting.is_seen_through
        confirmed[start : start + len(some)] = (agreeing >= needed) & (contradicting <= agreeing)
    return confirmed


def _least_confidence(reconstruction: Reconstruction, dense: Dense, config: FusionConfig) -> float:
    """The raw confidence a pixel must reach."""
    by_weight = confidence_of_weight(config.min_weight)
    if config.keep_percent >= 100.0:
        return by_weight
    known = [_sampled(dense.confidence, dense, reconstruction, index) for index in range(dense.n_views)]
    pooled = np.concatenate(known)
    by_share = float(np.percentile(pooled, 100.0 - config.keep_percent)) if len(pooled) else 1.0
    return max(by_weight, by_share)


def _median_footprint(reconstruction: Reconstruction, dense: Dense) -> float:
    """The median pixel footprint of the scene in its unit; 1 when no depth is known."""
    footprints = [
        pixel_footprint(reconstruction.dense_camera(index), _sampled(dense.depth, dense, reconstruction, index))
        for index in range(dense.n_views)
    ]
    pooled = np.concatenate(footprints) if footprints else np.zeros(0, dtype=np.float32)
    return float(np.median(pooled)) if len(pooled) else 1.0


def _sampled(maps: Float32, dense: Dense, reconstruction: Reconstruction, index: int) -> Float32:
    """Values (S,) of one view's map at evenly spread pixels whose depth is known."""
    rows, columns = reconstruction.views[index].letterbox.slices
    some = (slice(rows.start, rows.stop, STATISTICS_STEP), slice(columns.start, columns.stop, STATISTICS_STEP))
    known = dense.depth[index][some] > 0
    return maps[index][some][known]

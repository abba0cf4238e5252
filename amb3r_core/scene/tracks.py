"""Which views see which points of a cloud, by depth: the tracks a structure-from-motion file wants."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.thinning import thinned
from amb3r_core.scene.threads import map_in_order
from amb3r_core.scene.visibility import DepthView, sight

Index = NDArray[np.intp]

CANDIDATES_PER_POINT = 3
"""How many points are looked for in the views for each point that may be kept."""
LONG_TRACK = 3
"""Tracks of this many views are kept before shorter ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackConfig:
    """Which points become tracks."""

    depth_tolerance: float = 0.01
    """How far a view's depth may be from the point, as a share of the point's depth, for the view to see it."""
    min_views: int = 2
    """Least views per track; fewer only in a scene with fewer views, and for a view that would have no point at all."""
    max_points: int = 100_000
    """How many tracks are kept."""
    min_points_per_view: int = 100
    """What each view gets, where it sees so many."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """Points, and K observations of them, ordered by view, then point: views[view[k]] sees points[point[k]]."""

    points: Float64
    """(P, 3) float64 in world coordinates."""
    colors: NDArray[np.uint8]
    """(P, 3) uint8."""
    point: Index
    """(K,) into `points`."""
    view: Index
    """(K,) into the scene's views."""

    @property
    def lengths(self) -> Index:
        """Number of views that see each point (P,)."""
        return np.bincount(self.point, minlength=len(self.points))

    def of_view(self, index: int) -> Index:
        """The points that view `index` sees, ascending."""
        start, stop = np.searchsorted(self.view, (index, index + 1))
        return self.point[start:stop]


def no_tracks() -> Tracks:
    """Tracks of no points."""
    nothing = np.zeros(0, dtype=np.intp)
    return Tracks(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.uint8), nothing, nothing)


def visibility_tracks(reconstruction: Reconstruction, cloud: PointCloud, config: TrackConfig | None = None) -> Tracks:
    """Tracks of an even choice of the cloud's points through every view whose depth map has the point."""
    config = config or TrackConfig()
    cloud = thinned(cloud, CANDIDATES_PER_POINT * config.max_points)
    points = cloud.points.astype(np.float64)
    seen = list(
        map_in_order(lambda index: _seen_by(reconstruction, index, points, config.depth_tolerance), reconstruction.n_views)
    )
    chosen = _choose(seen, len(points), config)
    number = np.full(len(points), -1, dtype=np.intp)
    number[chosen] = np.arange(len(chosen))
    kept = [numbered[numbered >= 0] for numbered in (number.take(rows) for rows in seen)]
    return Tracks(
        points=points[chosen],
        colors=cloud.colors[chosen],
        point=np.concatenate([np.zeros(0, dtype=np.intp), *kept]),
        view=np.repeat(np.arange(len(kept)), [len(rows) for rows in kept]),
    )


def _seen_by(reconstruction: Reconstruction, index: int, points: Float64, tolerance: float) -> Index:
    """The points (M, 3) that view `index` sees, ascending."""
    sighting = sight(DepthView.of(reconstruction, index), points, tolerance=tolerance)
    return sighting.index[sighting.is_seen]


def _choose(seen: list[Index], n_points: int, config: TrackConfig) -> Index:
    """The points to keep, ascending: long tracks first, evenly spread, and some for every view."""
    lengths = np.zeros(n_points, dtype=np.intp)
    for rows in seen:
        lengths[rows] += 1
    min_views = min(config.min_views, len(seen))
    is_long, is_enough = lengths >= max(LONG_TRACK, min_views), lengths >= min_views
    long = _evenly(np.flatnonzero(is_long), config.max_points)
    is_chosen = np.zeros(n_points, dtype=np.bool_)
    is_chosen[long] = True
    is_chosen[_evenly(np.flatnonzero(is_enough & ~is_long), config.max_points - len(long))] = True
    for rows in seen:
        missing = config.min_points_per_view - int(is_chosen[rows].sum())
        if missing > 0:
            more = _evenly(rows[is_enough[rows] & ~is_chosen[rows]], missing)
            if missing == config.min_points_per_view and len(more) == 0:
                more = _evenly(rows, missing)
            is_chosen[more] = True
    return np.flatnonzero(is_chosen)


def _evenly(rows: Index, count: int) -> Index:
    """At most `count` of the rows, evenly spaced in their order."""
    if count <= 0:
        return rows[:0]
    if len(rows) <= count:
        return rows
    return rows[np.arange(count) * len(rows) // count]

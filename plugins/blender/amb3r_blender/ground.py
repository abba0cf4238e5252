# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way is up, and where the floor is. Numpy only; everything in Blender's world, z up."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .core import rigid, rotation_between

Array = NDArray[np.float64]

MAX_SAMPLES = 20_000
N_TRIALS = 400
LARGEST_TILT_DEG = 35.0
"""A floor's normal is at most this far from the cameras' mean up."""
INLIER_SHARE_OF_EXTENT = 0.01
LOWEST_SHARE = 0.05
"""A plane that holds less of the points is no floor."""


class GroundError(Exception):
    """No floor can be told; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """The points x with ``normal . x = offset``."""

    normal: Array
    """Direction (3,) of length 1."""
    offset: float


def plane_of_points(points: Array, up: Array) -> Plane:
    """The plane through three points (3, 3), its normal on the side of `up` (3,)."""
    normal = np.cross(points[1] - points[0], points[2] - points[0])
    norm = float(np.linalg.norm(normal))
    longest = float(np.linalg.norm(points - points.mean(axis=0), axis=1).max())
    if norm <= 1e-6 * longest**2 or longest == 0.0:
        raise GroundError("the three points lie on one line: choose three corners of a large triangle on the floor")
    normal = normal / norm
    if normal @ up < 0:
        normal = -normal
    return Plane(normal=normal, offset=float(normal @ points.mean(axis=0)))


def fit_floor(points: Array, cameras: Array, up: Array, seed: int = 0) -> Plane:
    """The floor under a scene: the plane below the cameras that holds the most points.

    points (N, 3), cameras (M, 3) centres, up (3,) a rough up. Random samples of three points (RANSAC), then a least-squares
    fit of what lies near. Raises `GroundError`.
    """
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < 100:
        raise GroundError("there are too few points for a floor")
    random = np.random.default_rng(seed)
    points = points[random.permutation(len(points))[:MAX_SAMPLES]]
    low, high = np.percentile(points, [2, 98], axis=0)
    tolerance = INLIER_SHARE_OF_EXTENT * float(np.linalg.norm(high - low))
    best = _best_sample(points, cameras, up, tolerance, random)
    if best is None:
        raise GroundError("no level plane lies below the cameras; use three points instead")
    return _refined(points, best, up, tolerance)


def levelled(plane: Plane) -> Array:
    """The transform (4, 4) that turns the plane's normal into +z and puts the plane at z = 0."""
    return rigid(rotation_between(plane.normal, np.array([0.0, 0.0, 1.0])), np.array([0.0, 0.0, -plane.offset]))


def _best_sample(points: Array, cameras: Array, up: Array, tolerance: float, random: np.random.Generator) -> Plane | None:
    best, most = None, LOWEST_SHARE * len(points)
    for _ in range(N_TRIALS):
        try:
            rows = random.integers(len(points), size=3)  # pyright: ignore[reportUnknownMemberType] - numpy leaves dtypes open
            plane = plane_of_points(points[rows], up)
        except GroundError:
            continue
        if plane.normal @ up < np.cos(np.radians(LARGEST_TILT_DEG)):
            continue
        if len(cameras) and np.mean(cameras @ plane.normal > plane.offset) < 0.8:
            continue
        count = int(np.count_nonzero(np.abs(points @ plane.normal - plane.offset) < tolerance))
        if count > most:
            best, most = plane, count
    return best


def _refined(points: Array, plane: Plane, up: Array, tolerance: float) -> Plane:
    for _ in range(3):
        near = points[np.abs(points @ plane.normal - plane.offset) < tolerance]
        middle: Array = near.mean(axis=0)
        normal: Array = np.asarray(np.linalg.svd(near - middle, full_matrices=False)[2][-1], dtype=np.float64)
        normal = -normal if normal @ up < 0 else normal
        plane = Plane(normal=normal, offset=float(normal @ middle))
    return plane

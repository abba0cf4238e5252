"""Poses of a file, checked before anyone believes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np

from amb3r_core.errors import FormatError
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.conventions import rigid, rotation_from_quaternion

MAX_ROUNDING = 2e-2
"""How far the columns of a printed rotation may be from unit length and right angles; the nearest rotation is taken."""
MAX_STRETCH = 1e9
"""Beyond it a determinant may overflow, and the matrix is none of a rotation anyway."""
MAX_COORDINATE = 1e9
"""Farther from the origin no camera stands, in any unit; such numbers are read from the wrong place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePose:
    """One camera-to-world pose of a file."""

    cam_to_world: Float64
    """(4, 4), OpenCV axes."""
    name: str = ""
    """The photo's path or name as the file gives it; empty when it gives none."""
    time_s: float | None = None


def pose_of_matrix(rows: Sequence[Sequence[float]], place: str) -> Float64:
    """The rigid transform (4, 4) of a printed matrix (3, 4) or (4, 4). `FormatError` names the place and what is wrong."""
    lengths = {len(row) for row in rows}
    if len(rows) not in (3, 4) or lengths != {4}:
        raise FormatError(f"{place}: a pose has 3 or 4 rows of 4 numbers, not {len(rows)} rows of {sorted(lengths)}")
    matrix = np.array(rows, dtype=np.float64)
    if not np.isfinite(matrix).all():
        raise FormatError(f"{place}: {_first_bad(matrix)} is not a finite number")
    if len(rows) == 4 and np.abs(matrix[3] - [0.0, 0.0, 0.0, 1.0]).max() > MAX_ROUNDING:
        raise FormatError(f"{place}: the last row is {_row(matrix[3])}, wanted 0 0 0 1: is the matrix transposed?")
    return rigid(_rotation(matrix[:3, :3], place), _translation(matrix[:3, 3], place))


def pose_of_quaternion(wxyz: Sequence[float], translation: Sequence[float], place: str) -> Float64:
    """The rigid transform (4, 4) of a quaternion (w, x, y, z) of about unit length and a translation."""
    quaternion = np.array(wxyz, dtype=np.float64)
    length = hypot(*wxyz)
    if not np.isfinite(quaternion).all():
        raise FormatError(f"{place}: {_first_bad(quaternion)} in the quaternion is not a finite number")
    if abs(length - 1.0) > 10 * MAX_ROUNDING:
        raise FormatError(f"{place}: the quaternion {_row(quaternion)} has length {length:.3g}, wanted 1")
    return rigid(rotation_from_quaternion(quaternion / length), _translation(np.array(translation, dtype=np.float64), place))


def check_variety(poses: Sequence[FilePose], file: str) -> None:
    """`FormatError` when several poses are one and the same: a file that nobody filled in."""
    if len(poses) > 1 and all(np.array_equal(pose.cam_to_world, poses[0].cam_to_world) for pose in poses):
        raise FormatError(f"{file}: all {len(poses)} poses are the same")


def _rotation(matrix: Float64, place: str) -> Float64:
    """The rotation nearest to a matrix that printing has rounded."""
    u, stretch, vt = np.linalg.svd(matrix)
    if stretch[0] < 1e-9:
        raise FormatError(f"{place}: the rotation is all zeros")
    if stretch[0] < MAX_STRETCH and np.linalg.det(matrix) < 0:
        raise FormatError(f"{place}: the rotation is mirrored (determinant {np.linalg.det(matrix):.3g}): an axis is flipped")
    if np.abs(stretch - 1.0).max() > MAX_ROUNDING:
        raise FormatError(f"{place}: the rotation stretches by {_row(stretch)}, wanted 1 1 1")
    return np.asarray(u @ vt, dtype=np.float64)


def _translation(values: Float64, place: str) -> Float64:
    if not np.isfinite(values).all():
        raise FormatError(f"{place}: {_first_bad(values)} in the position is not a finite number")
    if np.abs(values).max() > MAX_COORDINATE:
        raise FormatError(f"{place}: the position {_row(values)} is out of any range")
    return values


def _first_bad(values: Float64) -> str:
    return str(values[~np.isfinite(values)].ravel()[0])


def _row(values: Float64) -> str:
    return " ".join(f"{value:.4g}" for value in values)

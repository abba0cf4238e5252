"""The project's conventions and the way to everyone else's.

World: right-handed, metres where the scale is metric. Camera frame: OpenCV (x right, y down, z forward).
`cam_to_world` (4, 4) maps camera points to world points: ``x_world = cam_to_world @ x_cam``. Quaternions are wxyz.
Pixel (0, 0) is the CENTRE of the top-left pixel; COLMAP, Nerfstudio and Blender put that centre at (0.5, 0.5).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OPENCV_FROM_OPENGL: Array = np.diag([1.0, -1.0, -1.0, 1.0])
"""Camera axes: OpenGL and Blender look along -z with y up. The matrix is its own inverse."""

CORNER_MINUS_CENTER = 0.5
"""Pixels to add to a coordinate whose origin is the centre of the top-left pixel to count from that pixel's corner."""

UpAxis = Literal["-y", "y", "z"]


def invert(transform: Array) -> Array:
    """The inverse of rigid transforms (..., 4, 4), exact for rotations."""
    rotation_t = np.swapaxes(transform[..., :3, :3], -1, -2)
    inverse = np.zeros_like(transform)
    inverse[..., :3, :3] = rotation_t
    inverse[..., :3, 3] = -(rotation_t @ transform[..., :3, 3:])[..., 0]
    inverse[..., 3, 3] = 1.0
    return inverse


def rigid(rotation: Array, translation: Array) -> Array:
    """The 4x4 transform of a rotation (3, 3) and a translation (3,).

    >>> rigid(np.eye(3), np.array([1.0, 2.0, 3.0]))[:3, 3].tolist()
    [1.0, 2.0, 3.0]
    """
    transform = np.eye(4)
    transform[:3, :3] = rotation
    transform[:3, 3] = translation
    return transform


def opencv_to_opengl(cam_to_world: Array) -> Array:
    """Camera-to-world (..., 4, 4) with the camera's y and z axes turned; the same call turns them back."""
    return cam_to_world @ OPENCV_FROM_OPENGL


def quaternion_from_rotation(rotation: Array) -> Array:
    """Unit quaternion wxyz (4,) of a rotation (3, 3), with w >= 0.

    Largest eigenvector of Bar-Itzhack's K matrix (J. Guid. Control Dyn. 23(6), 2000): stable for every angle.

    >>> half_turn_about_z = np.diag([-1.0, -1.0, 1.0])
    >>> quaternion_from_rotation(half_turn_about_z).round(6).tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation.tolist()
    k = (
        np.array(
            [
                [xx - yy - zz, 0.0, 0.0, 0.0],
                [yx + xy, yy - xx - zz, 0.0, 0.0],
                [zx + xz, zy + yz, zz - xx - yy, 0.0],
                [zy - yz, xz - zx, yx - xy, xx + yy + zz],
            ]
        )
        / 3.0
    )
    x, y, z, w = np.linalg.eigh(k, UPLO="L")[1][:, -1]
    quaternion = np.array([w, x, y, z])
    return -quaternion if w < 0 else quaternion


def rotation_from_quaternion(quaternion: Array) -> Array:
    """Rotation (3, 3) of a quaternion wxyz (4,) of any length but zero."""
    norm = float(np.linalg.norm(quaternion))
    if norm == 0.0 or not np.isfinite(norm):
        raise ValueError(f"a quaternion must be finite and not zero: {quaternion}")
    w, x, y, z = (quaternion / norm).tolist()
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotation_between(source: Array, target: Array) -> Array:
    """The smallest rotation (3, 3) that turns direction `source` into direction `target`, both (3,)."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    cosine = float(a @ b)
    if cosine < -1.0 + 1e-12:
        normal = skew(a) @ np.eye(3)[int(np.argmin(np.abs(a)))]
        axis = normal / np.linalg.norm(normal)
        return 2.0 * np.outer(axis, axis) - np.eye(3)
    turn = skew(skew(a) @ b)
    return np.eye(3) + turn + turn @ turn / (1.0 + cosine)


def skew(v: Array) -> Array:
    """The matrix (3, 3) of the cross product: ``skew(v) @ x == cross(v, x)``."""
    x, y, z = v.tolist()
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def mean_up_direction(cam_to_world: Array) -> Array:
    """Unit direction (3,) that people who hold cameras upright call up: the mean of the cameras' -y axes (N, 4, 4).

    With a handful of views that all roll or look straight down this is a guess; callers say so.
    """
    up = -cam_to_world[:, :3, 1].mean(axis=0)
    norm = float(np.linalg.norm(up))
    return up / norm if norm > 1e-6 else np.array([0.0, -1.0, 0.0])


def up_axis_rotation(up_world: Array, axis: UpAxis) -> Array:
    """The smallest rotation (3, 3) of the world that turns `up_world` (3,) into the named axis."""
    targets = {"-y": (0.0, -1.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
    return rotation_between(up_world, np.array(targets[axis]))

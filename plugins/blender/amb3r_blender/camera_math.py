# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras between the scene file and Blender. Numpy only.

The scene file: K in pixels counted from the corner of the top-left pixel, camera-to-world poses with OpenCV axes (x right,
y down, z forward). Blender: lens, shift and pixel aspect, cameras that look along -z with y up, a world with z up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SENSOR_WIDTH_MM = 36.0
FLIP_YZ: Array = np.diag([1.0, -1.0, -1.0, 1.0])
"""OpenCV camera axes to Blender camera axes; its own inverse."""

Z_UP_FROM_OPENCV: Array = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Minus 90 degrees about x: forward (+z) becomes +y, up (-y) becomes +z."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intrinsics:
    """A camera without distortion, in pixels of a width x height image; (0, 0) is the corner of the top-left pixel."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @property
    def matrix(self) -> Array:
        """K (3, 3)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """The same camera in Blender's terms, for a horizontal sensor fit.

    pixel_aspect: height of a pixel over its width. shift_x, shift_y: shares of the render's width.
    """

    focal_mm: float
    shift_x: float
    shift_y: float
    pixel_aspect: float
    sensor_width_mm: float = SENSOR_WIDTH_MM

    @property
    def pixel_aspect_xy(self) -> tuple[float, float]:
        """The render settings' pair; Blender wants both at least 1."""
        return (1.0, self.pixel_aspect) if self.pixel_aspect >= 1.0 else (1.0 / self.pixel_aspect, 1.0)


def lens_from_intrinsics(camera: Intrinsics, sensor_width_mm: float = SENSOR_WIDTH_MM) -> Lens:
    """Blender's lens of a pinhole camera; `intrinsics_from_lens` undoes it."""
    aspect = camera.fx / camera.fy
    return Lens(
        focal_mm=camera.fx * sensor_width_mm / camera.width,
        shift_x=(camera.width / 2 - camera.cx) / camera.width,
        shift_y=(camera.cy - camera.height / 2) * aspect / camera.width,
        pixel_aspect=aspect,
        sensor_width_mm=sensor_width_mm,
    )


def intrinsics_from_lens(lens: Lens, width: int, height: int) -> Intrinsics:
    """The pinhole camera of a Blender lens whose sensor fit is horizontal, for a width x height render."""
    fx = lens.focal_mm * width / lens.sensor_width_mm
    return Intrinsics(
        width=width,
        height=height,
        fx=fx,
        fy=fx / lens.pixel_aspect,
        cx=width / 2 - lens.shift_x * width,
        cy=height / 2 + lens.shift_y * width / lens.pixel_aspect,
    )


def horizontal_sensor_width(
    sensor_fit: str, sensor_width_mm: float, sensor_height_mm: float, width: float, height: float
) -> tuple[float, float]:
    """The sensor width that a horizontal fit would need for the same picture, and the factor for both shifts.

    width, height: of the render, each times its pixel aspect. Blender measures lens and shift along the fitted side.
    """
    fits_height = sensor_fit == "VERTICAL" or (sensor_fit == "AUTO" and height > width)
    if not fits_height:
        return sensor_width_mm, 1.0
    fitted = sensor_height_mm if sensor_fit == "VERTICAL" else sensor_width_mm
    return fitted * width / height, height / width


def flip_camera_axes(cam_to_world: Array) -> Array:
    """Poses (..., 4, 4) with OpenCV camera axes as poses with Blender camera axes, and back."""
    return cam_to_world @ FLIP_YZ


def quaternions(rotations: Array) -> Array:
    """Unit quaternions wxyz (N, 4) of rotations (N, 3, 3), neighbours on the same side so that a path never flips.

    Largest eigenvector of Bar-Itzhack's K matrix (J. Guid. Control Dyn. 23(6), 2000).
    """
    r = rotations
    k = np.zeros((len(r), 4, 4))
    k[:, 0, 0] = r[:, 0, 0] - r[:, 1, 1] - r[:, 2, 2]
    k[:, 1, 1] = r[:, 1, 1] - r[:, 0, 0] - r[:, 2, 2]
    k[:, 2, 2] = r[:, 2, 2] - r[:, 0, 0] - r[:, 1, 1]
    k[:, 3, 3] = r[:, 0, 0] + r[:, 1, 1] + r[:, 2, 2]
    k[:, 1, 0] = r[:, 1, 0] + r[:, 0, 1]
    k[:, 2, 0] = r[:, 2, 0] + r[:, 0, 2]
    k[:, 2, 1] = r[:, 2, 1] + r[:, 1, 2]
    k[:, 3, 0] = r[:, 2, 1] - r[:, 1, 2]
    k[:, 3, 1] = r[:, 0, 2] - r[:, 2, 0]
    k[:, 3, 2] = r[:, 1, 0] - r[:, 0, 1]
    wxyz = np.linalg.eigh(k, UPLO="L")[1][:, :, -1][:, [3, 0, 1, 2]]
    if len(wxyz) and wxyz[0, 0] < 0:
        wxyz[0] *= -1
    turned = np.einsum("ij,ij->i", wxyz[1:], wxyz[:-1]) < 0
    wxyz[1:][np.cumsum(turned) % 2 == 1] *= -1
    return wxyz


def rotation_between(source: Array, target: Array) -> Array:
    """The smallest rotation (3, 3) that turns direction `source` (3,) into direction `target` (3,)."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    cosine = float(a @ b)
    if cosine < -1.0 + 1e-12:
        normal = np.cross(a, np.eye(3)[int(np.argmin(np.abs(a)))])
        axis = normal / np.linalg.norm(normal)
        return 2.0 * np.outer(axis, axis) - np.eye(3)
    x, y, z = np.cross(a, b).tolist()
    turn = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + turn + turn @ turn / (1.0 + cosine)


def mean_up(cam_to_world: Array) -> Array:
    """What people who hold cameras upright call up (3,): the mean of the poses' -y axes (N, 4, 4, OpenCV axes)."""
    up = -cam_to_world[:, :3, 1].mean(axis=0) if len(cam_to_world) else np.zeros(3)
    norm = float(np.linalg.norm(up))
    return up / norm if norm > 1e-6 else np.array([0.0, -1.0, 0.0])


def z_up_rotation(up: Array) -> Array:
    """The rotation (3, 3) of the root: OpenCV world to Blender world, with `up` (3,) turned into +z."""
    return rotation_between(Z_UP_FROM_OPENCV @ up, np.array([0.0, 0.0, 1.0])) @ Z_UP_FROM_OPENCV


def camera_display_size(cam_to_world: Array) -> float:
    """A camera icon's size that lets neighbours stand apart: a share of the median distance to the next camera."""
    centres = cam_to_world[:, :3, 3]
    if len(centres) < 2:
        return 0.2
    every = centres[:: max(1, len(centres) // 500)]
    distances = np.linalg.norm(every[:, None] - every[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = float(np.median(distances.min(axis=1)))
    return 0.4 * nearest if nearest > 0 else 0.2

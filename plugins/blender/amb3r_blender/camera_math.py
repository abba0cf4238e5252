# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras between the scene file and Blender. Numpy only.

The core's conventions: pixels counted from the centre of the top-left pixel, camera-to-world poses with OpenCV axes (x right,
y down, z forward). Blender: lens, shift and pixel aspect, cameras that look along -z with y up, a world with z up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .core import CORNER_MINUS_CENTER, PinholeCamera, mean_up_direction, rotation_between

Array = NDArray[np.float64]

SENSOR_WIDTH_MM = 36.0
Z_UP_FROM_OPENCV: Array = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Minus 90 degrees about x: forward (+z) becomes +y, up (-y) becomes +z."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """A pinhole camera in Blender's terms, for a horizontal sensor fit."""

    focal_mm: float
    shift_x: float
    """Share of the render's width, as shift_y."""
    shift_y: float
    pixel_aspect: float
    """Height of a pixel over its width."""
    sensor_width_mm: float = SENSOR_WIDTH_MM

    @property
    def pixel_aspect_xy(self) -> tuple[float, float]:
        """The render settings' pair; Blender wants both at least 1."""
        return (1.0, self.pixel_aspect) if self.pixel_aspect >= 1.0 else (1.0 / self.pixel_aspect, 1.0)


def lens_from_intrinsics(camera: PinholeCamera, sensor_width_mm: float = SENSOR_WIDTH_MM) -> Lens:
    """Blender's lens of a pinhole camera; `intrinsics_from_lens` undoes it."""
    aspect = camera.fx / camera.fy
    cx, cy = camera.cx + CORNER_MINUS_CENTER, camera.cy + CORNER_MINUS_CENTER
    return Lens(
        focal_mm=camera.fx * sensor_width_mm / camera.width,
        shift_x=(camera.width / 2 - cx) / camera.width,
        shift_y=(cy - camera.height / 2) * aspect / camera.width,
        pixel_aspect=aspect,
        sensor_width_mm=sensor_width_mm,
    )


def intrinsics_from_lens(lens: Lens, width: int, height: int) -> PinholeCamera:
    """The pinhole camera of a Blender lens whose sensor fit is horizontal, for a width x height render."""
    fx = lens.focal_mm * width / lens.sensor_width_mm
    return PinholeCamera(
        width=width,
        height=height,
        fx=fx,
        fy=fx / lens.pixel_aspect,
        cx=width / 2 - lens.shift_x * width - CORNER_MINUS_CENTER,
        cy=height / 2 + lens.shift_y * width / lens.pixel_aspect - CORNER_MINUS_CENTER,
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
    products = np.einsum("ij,ij->i", wxyz[1:], wxyz[:-1])  # pyright: ignore[reportUnknownMemberType] - numpy leaves dtypes open
    turned = products < 0
    wxyz[1:][np.cumsum(turned) % 2 == 1] *= -1
    return wxyz


def mean_up(cam_to_world: Array) -> Array:
    """What people who hold cameras upright call up (3,); the scene file's usual up when there are no poses (N, 4, 4)."""
    return mean_up_direction(cam_to_world) if len(cam_to_world) else np.array([0.0, -1.0, 0.0])


def z_up_rotation(up: Array) -> Array:
    """The rotation (3, 3) of the root: OpenCV world to Blender world, with `up` (3,) turned into +z."""
    return rotation_between(Z_UP_FROM_OPENCV @ up, np.array([0.0, 0.0, 1.0])) @ Z_UP_FROM_OPENCV


def camera_display_size(cam_to_world: Array) -> float:
    """A camera icon's size that lets neighbours stand apart: a share of the median distance to the next camera."""
    centres = cam_to_world[:, :3, 3]
    if len(centres) < 2:
        return 0.2
    every = centres[:: max(1, len(centres) // 500)]
    distances: Array = np.linalg.norm(every[:, None] - every[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    to_next: Array = distances.min(axis=1)
    nearest = float(np.median(to_next))
    return 0.4 * nearest if nearest > 0 else 0.2

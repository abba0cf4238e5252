"""One picture of a dataset, to see at a glance whether it is what was photographed."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amb3r_core import PointCloud, Reconstruction
from amb3r_core.export.png import write_png
from amb3r_core.scene.arrays import Float64, UInt8
from amb3r_core.scene.geometry import transform_points

PREVIEW_FILE = "preview.png"
LONG_SIDE_PX = 1024
MARGIN_PX = 40
CAMERA_COLOR = (230, 30, 30)
BACKGROUND = 255
CEILING_SHARE = 0.8
"""Points in the highest part of the scene are left out: a room is looked into from above."""
STRAY_PERCENT = 0.5
"""Percent of the points at either end that may lie outside the picture."""


def write_preview(reconstruction: Reconstruction, cloud: PointCloud, world: Float64, folder: Path) -> None:
    """Writes `preview.png`: the points seen along the dataset's z axis, from above where up is known, and the cameras in red.

    cloud in the scene's world; world (4, 4) leads to the dataset's.
    """
    cameras = transform_points(world, reconstruction.cam_to_world[:, :3, 3])
    write_png(folder / PREVIEW_FILE, seen_from_above(transform_points(world, cloud.points), cloud.colors, cameras))


def seen_from_above(points: NDArray[np.floating[Any]], colors: UInt8, cameras: NDArray[np.floating[Any]]) -> UInt8:
    """RGB (H, W, 3): x to the right, y up, higher points over lower ones; points (M, 3), colors (M, 3), cameras (N, 3)."""
    corners = cameras[:, :2]
    if len(points):
        low_z, high_z = np.percentile(points[:, 2], [STRAY_PERCENT, 100 - STRAY_PERCENT])
        below = points[:, 2] <= low_z + CEILING_SHARE * (high_z - low_z)
        points, colors = points[below], colors[below]
        corners = np.concatenate([corners, np.percentile(points[:, :2], [STRAY_PERCENT, 100 - STRAY_PERCENT], axis=0)])
    low, size = corners.min(axis=0), np.ptp(corners, axis=0)
    scale = (LONG_SIDE_PX - 2 * MARGIN_PX) / max(float(size.max()), 1e-9)
    width, height = (size * scale).astype(np.intp) + 2 * MARGIN_PX
    picture = np.full((height, width, 3), BACKGROUND, dtype=np.uint8)
    order = np.argsort(points[:, 2], kind="stable")
    _dab(picture, (points[order, :2] - low) * scale, colors[order], radius=1)
    red = np.tile(np.array(CAMERA_COLOR, dtype=np.uint8), (len(cameras), 1))
    _dab(picture, (cameras[:, :2] - low) * scale, red, radius=4)
    return picture


def _dab(picture: UInt8, places: NDArray[np.floating[Any]], colors: UInt8, radius: int) -> None:
    """Paints squares at places (M, 2), in pixels right of and above the lower left margin, in place."""
    height, width = picture.shape[:2]
    column, up = np.rint(places + MARGIN_PX).astype(np.intp).T
    for across in range(-radius, radius + 1):
        for down in range(-radius, radius + 1):
            x, y = column + across, height - 1 - up + down
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            picture[y[inside], x[inside]] = colors[inside]

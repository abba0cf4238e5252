# SPDX-License-Identifier: GPL-3.0-or-later
"""A view's depth map as a surface: one corner per depth pixel, cut where the depth jumps. Numpy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .camera_math import Intrinsics

LARGEST_STEP = 0.06
"""A face whose corners' depths differ by more than this share of the nearest one bridges an edge and is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """vertices (V, 3) in the scene's world, quads (F, 4) vertex indices, uv (V, 2) into the photo, v upwards."""

    vertices: NDArray[np.float32]
    quads: NDArray[np.int32]
    uv: NDArray[np.float32]


def relief_of_depth(
    depth: NDArray[np.float32],
    camera: Intrinsics,
    crop: tuple[int, int, int, int],
    cam_to_world: NDArray[np.float64],
    step: int = 1,
) -> Relief:
    """The surface of a z-depth map (H, W), 0 = unknown.

    camera: of the original photo, which lies in the map at crop (x, y, width, height). step: take every step-th pixel.
    """
    x, y, width, height = crop
    image = depth[y : y + height : step, x : x + width : step].astype(np.float64)
    u, v = _photo_pixels(image.shape, camera, (width, height), step)
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u)], axis=-1)
    points = (rays * image[..., None]) @ cam_to_world[:3, :3].T + cam_to_world[:3, 3]
    uv = np.stack([u / camera.width, 1.0 - v / camera.height], axis=-1)
    quads, used = _faces(image)
    number = np.cumsum(used) - 1
    return Relief(
        vertices=points.reshape(-1, 3)[used].astype(np.float32),
        quads=number[quads].astype(np.int32),
        uv=uv.reshape(-1, 2)[used].astype(np.float32),
    )


def _photo_pixels(
    shape: tuple[int, ...], camera: Intrinsics, crop_size: tuple[int, int], step: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the centres of the taken depth pixels fall in the photo, counted from its corner."""
    columns = (np.arange(shape[1]) * step + 0.5) * camera.width / crop_size[0]
    rows = (np.arange(shape[0]) * step + 0.5) * camera.height / crop_size[1]
    u, v = np.meshgrid(columns, rows)
    return u, v


def _faces(depth: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Quads over pixel indices, corners turning so that the surface faces the camera, and which pixels they use."""
    index = np.arange(depth.size).reshape(depth.shape)
    corners = (slice(None, -1), slice(1, None))
    views = [(corners[1], corners[0]), (corners[1], corners[1]), (corners[0], corners[1]), (corners[0], corners[0])]
    depths = np.stack([depth[rows, columns] for rows, columns in views])
    nearest, farthest = depths.min(axis=0), depths.max(axis=0)
    keep = (nearest > 0) & np.isfinite(farthest) & (farthest - nearest <= LARGEST_STEP * nearest)
    quads = np.stack([index[rows, columns][keep] for rows, columns in views], axis=-1)
    used = np.zeros(depth.size, dtype=bool)
    used[quads] = True
    return quads, used

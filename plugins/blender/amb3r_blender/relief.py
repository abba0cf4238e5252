# SPDX-License-Identifier: GPL-3.0-or-later
"""A view's depth map as a surface: one corner per depth pixel, cut where the depth jumps. Numpy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .core import Letterbox, PinholeCamera, transform_points

LARGEST_STEP = 0.06
"""A face whose corners' depths differ by more than this share of the nearest one bridges an edge and is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """A surface made of quads, with the photo on it."""

    vertices: NDArray[np.float32]
    """Places (V, 3) in the scene's world."""
    quads: NDArray[np.int32]
    """Vertex indices (F, 4), turning so that the surface faces the camera."""
    uv: NDArray[np.float32]
    """Place of each vertex (V, 2) in the photo, as shares of its size, v upwards."""


def relief_of_depth(
    depth: NDArray[np.float32],
    camera: PinholeCamera,
    letterbox: Letterbox,
    cam_to_world: NDArray[np.float64],
    step: int = 1,
) -> Relief:
    """The surface of a z-depth map (H, W), 0 = unknown.

    camera: of the original photo, which lies in the map at `letterbox`. step: take every step-th pixel.
    """
    image = depth[letterbox.slices][::step, ::step].astype(np.float64)
    height, width = letterbox.height, letterbox.width
    grid = camera.mapped(Letterbox(x=0, y=0, width=width, height=height), width, height)
    u, v = np.meshgrid(np.arange(0, width, step), np.arange(0, height, step))
    rays = np.stack([(u - grid.cx) / grid.fx, (v - grid.cy) / grid.fy, np.ones_like(image)], axis=-1)
    points = transform_points(cam_to_world, rays * image[..., None])
    uv = np.stack([(u + 0.5) / width, 1.0 - (v + 0.5) / height], axis=-1)
    quads, used = _faces(image)
    number = np.cumsum(used) - 1
    return Relief(
        vertices=points.reshape(-1, 3)[used].astype(np.float32),
        quads=number[quads].astype(np.int32),
        uv=uv.reshape(-1, 2)[used].astype(np.float32),
    )


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

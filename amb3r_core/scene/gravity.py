"""Which way is up, from the level surfaces a scene shows: floors, tables, seats. The cameras' mean up only says where to look."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.conventions import mean_up_direction
from amb3r_core.scene.depth_maps import normals_camera
from amb3r_core.scene.reconstruction import Reconstruction, View

Direction = tuple[float, float, float]
UpSource = Literal["level surfaces", "cameras"]

BLOCKS_PER_SIDE = 64
"""Blocks along the longer side of a view."""
CONES_DEG = (30.0, 20.0, 12.0, 8.0, 8.0, 8.0)
"""Normals within so many degrees of the last guess give the next one; the first is how far cameras may be tilted together."""
LEAST_SHARE = 0.03
"""Share of all seen surface that has to be level before it is believed."""
LEAST_PEAK = 0.3
"""Share of the surface within the first cone that has to lie within the last one; of evenly spread normals it is 0.07."""
FAR = 2.0
"""Surface farther than this many times a view's median depth weighs no more: what is far is large and least certain."""

MOST_VIEWS = 500
"""So many views at most are asked for their surfaces, evenly spread: their normals are in memory together."""


def up_of_cameras(views: Sequence[View]) -> Direction | None:
    """The unit direction that the cameras' mean up points to; None without views."""
    return _numbers(mean_up_direction(np.array([view.cam_to_world for view in views]))) if views else None


def levelled(reconstruction: Reconstruction) -> tuple[Reconstruction, UpSource | None]:
    """The reconstruction with `up_world` corrected by its level surfaces, and what up rests on; None where it is not known."""
    if reconstruction.up_world is None:
        return reconstruction, None
    up = level_up(*surface_normals(reconstruction), np.array(reconstruction.up_world))
    if up is None:
        return reconstruction, "cameras"
    return replace(reconstruction, up_world=_numbers(up)), "level surfaces"


def level_up(normals: Float64, areas: Float64, guess: Float64) -> Float64 | None:
    """The unit direction (3,) that level surfaces face, None when too little is level.

    normals (M, 3) unit, areas (M,) of the surface behind each, guess (3,) unit.
    """
    up, within = guess, list[float]()
    for cone in CONES_DEG:
        near = normals @ up >= np.cos(np.deg2rad(cone))
        summed = (normals[near] * areas[near, None]).sum(axis=0)
        within.append(float(areas[near].sum()))
        if not summed.any():
            return None
        up = summed / np.linalg.norm(summed)
    is_believed = within[-1] >= max(LEAST_SHARE * float(areas.sum()), LEAST_PEAK * within[0])
    return up if is_believed else None


def surface_normals(reconstruction: Reconstruction) -> tuple[Float64, Float64]:
    """Unit normals (M, 3) in the world, facing the cameras, and the area (M,) that each stands for, in the scene's unit squared.

    They are those of blocks of pixels, for those of single pixels are mostly noise, of at most `MOST_VIEWS` views. None of either
    without dense maps.
    """
    normals, areas = [np.zeros((0, 3))], [np.zeros(0)]
    dense = reconstruction.dense
    if dense is None:
        return normals[0], areas[0]
    n_views = reconstruction.n_views
    for index in range(0, n_views, max(-(-n_views // MOST_VIEWS), 1)):
        view = reconstruction.views[index]
        depth, camera = block_depth(np.asarray(dense.depth[index]), reconstruction.dense_camera(index))
        seen = normals_camera(camera, depth)
        known = np.isfinite(seen).all(axis=-1)
        normals.append(seen[known].astype(np.float64) @ view.cam_to_world[:3, :3].T)
        seen_depth: Float64 = depth[known].astype(np.float64)
        near = np.minimum(seen_depth, FAR * float(np.median(seen_depth))) if len(seen_depth) else seen_depth
        areas.append(near**2 / (camera.fx * camera.fy))
    return np.concatenate(normals), np.concatenate(areas)


def block_depth(depth: Float32, camera: PinholeCamera) -> tuple[Float32, PinholeCamera]:
    """Depth (h, w) of whole blocks of pixels, the median of each, 0 where not all is known, and its camera."""
    size = max(1, round(max(depth.shape) / BLOCKS_PER_SIDE))
    height, width = depth.shape[0] // size, depth.shape[1] // size
    blocks = depth[: height * size, : width * size].reshape(height, size, width, size).swapaxes(1, 2).reshape(height, width, -1)
    coarse = np.where((blocks > 0).all(axis=-1), np.median(blocks, axis=-1), 0).astype(np.float32)
    cut = replace(camera, width=width * size, height=height * size)
    return coarse, cut.resized(width, height)


def _numbers(direction: Float64) -> Direction:
    x, y, z = direction.tolist()
    return x, y, z

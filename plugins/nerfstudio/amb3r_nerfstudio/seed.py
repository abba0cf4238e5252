"""The points and splats a training starts from: confident, confirmed by other views, even, and never twice at one place."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from amb3r_core import FusionConfig, Monitor, PointCloud, Reconstruction, fuse, silent
from amb3r_core.export.gaussians import MAX_GAUSSIANS, gaussian_vertices, normals_world
from amb3r_core.export.ply import Vertices
from amb3r_core.scene.arrays import Float32, Float64, Floats
from amb3r_core.scene.geometry import transform_points
from amb3r_core.scene.thinning import VoxelThinner

CLOSE_ENOUGH = 1.25
"""Voxels grow until at most this many times the wanted points are left; the rest is dropped evenly."""
GROWTH_STEPS = 16


@dataclass(frozen=True, kw_only=True)
class SeedConfig:
    """What a training starts from."""

    points: int = 150_000
    """Most seed points."""
    splats: int = MAX_GAUSSIANS
    """Most gaussians of splat_init.ply; 0: none."""
    voxel_size: float | None = None
    """Edge of the voxels that thin the points, in the scene's unit; fits the pixels when not given."""
    min_weight: float = 0.0
    """Points and depth need at least this confidence weight (c - 1) / c, in [0, 1)."""
    distance_quantile: float = 0.99
    """Share of the points to keep, nearest to their cameras first: far points are the least certain."""


def fused_points(
    reconstruction: Reconstruction,
    config: SeedConfig,
    monitor: Monitor = silent,
    *,
    needs: Literal["confirmed", "uncontradicted"] = "confirmed",
) -> PointCloud:
    """All trusted points of the scene in its world, none of them farther than the quantile.

    "confirmed": other views see each point, as seeds should be. "uncontradicted": other views do not see through it, which leaves
    no holes where one view looks alone, as a splat to look at should be.
    """
    fusion = FusionConfig(min_weight=config.min_weight, voxel_size=config.voxel_size)
    if needs == "uncontradicted":
        fusion = replace(fusion, min_agreeing_views=0)
    limit = max(fusion.max_points or 0, 2 * config.points, 2 * config.splats)
    return _near(reconstruction, fuse(reconstruction, replace(fusion, max_points=limit), monitor), config.distance_quantile)


def _near(reconstruction: Reconstruction, cloud: PointCloud, quantile: float) -> PointCloud:
    if quantile >= 1.0 or len(cloud) == 0:
        return cloud
    centres = reconstruction.cam_to_world[:, :3, 3][cloud.view_index]
    distance: Floats = np.linalg.norm(cloud.points - centres, axis=1)
    return cloud.selected(distance <= np.quantile(distance, quantile))


def evenly(cloud: PointCloud, count: int) -> PointCloud:
    """Exactly `count` points spread evenly over the cloud's surfaces; the cloud itself when it has no more."""
    if len(cloud) <= count:
        return cloud
    size = max(2.0 * float(np.median(cloud.radius)), float(np.finfo(np.float32).tiny))
    best = cloud
    for _ in range(GROWTH_STEPS):
        if len(best) <= CLOSE_ENOUGH * count:
            break
        size *= float(np.sqrt(len(best) / count / np.sqrt(CLOSE_ENOUGH)))
        thinner = VoxelThinner(size)
        thinner.add(cloud)
        thinned = thinner.cloud()
        if len(thinned) < count:  # overshot: the surfaces thin faster than with the square
            break
        best = thinned
    return best.selected(np.arange(count) * len(best) // count)


def camera_extent(centres: Float32) -> float:
    """The largest coordinate of the cameras (N, 3) seen from their middle: what Nerfstudio's scaling divides by; 1 for 0 or 1."""
    if len(centres) == 0:
        return 1.0
    largest = float(np.abs(centres - centres.mean(axis=0)).max())
    return largest if largest > 1e-6 else 1.0


def splat_vertices(reconstruction: Reconstruction, cloud: PointCloud, world: Float64) -> Vertices:
    """Surface-aligned gaussians of the cloud (scene coordinates) in dataset coordinates; world (4, 4) is the way there."""
    normals = normals_world(reconstruction, cloud) @ world[:3, :3].T.astype(np.float32)
    return gaussian_vertices(replace(cloud, points=transform_points(world, cloud.points)), normals)

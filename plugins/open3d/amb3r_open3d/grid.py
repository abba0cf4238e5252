"""How fine and how large a voxel block grid must be for a scene."""

import logging
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import open3d as o3d

from amb3r_core.depth_maps import pixel_footprint
from amb3r_open3d.grid_frames import DepthFrame
from amb3r_open3d.scene import Scene

log = logging.getLogger(__name__)

BLOCK_RESOLUTION = 16
BYTES_PER_BLOCK = BLOCK_RESOLUTION**3 * 4 * (1 + 1 + 3)
"""tsdf, weight and colour of every voxel, as float32."""
FOOTPRINTS_PER_VOXEL = 1.5
METRIC_LIMITS_M = (0.005, 0.05)
SPARE_BLOCKS = 1.15
"""Room beyond the blocks that were counted, so that the hash map does not grow (it doubles)."""


class BareFrames(Protocol):
    """Where frames without colour come from."""

    def bare(self, index: int) -> DepthFrame | None: ...


@dataclass(frozen=True)
class GridSize:
    """voxel_size in scene units; block_count: blocks to make room for."""

    voxel_size: float
    block_count: int


def size_from_data(
    scene: Scene, frames: BareFrames, voxel_size: float | Literal["auto"], memory_limit: float, trunc: float
) -> GridSize:
    """The voxel size, and the number of blocks the scene's depth touches; coarser while it needs more than the bytes allowed.

    A voxel size that was asked for is kept, however much it needs.
    """
    size = automatic_voxel_size(scene) if voxel_size == "auto" else voxel_size
    count = _count_blocks(scene, frames, size, trunc)
    while voxel_size == "auto" and count * SPARE_BLOCKS * BYTES_PER_BLOCK > memory_limit:
        # blocks grow with the surface's area
        size *= max(1.1, float(np.sqrt(count * SPARE_BLOCKS * BYTES_PER_BLOCK / memory_limit)))
        count = _count_blocks(scene, frames, size, trunc)
    log.info("%d blocks of voxels of %g", count, size)
    return GridSize(size, max(int(count * SPARE_BLOCKS), 64))


def automatic_voxel_size(scene: Scene) -> float:
    """One and a half pixel footprints at the scene's median depth; within `METRIC_LIMITS_M` when the scene is in metres."""
    footprints = [
        pixel_footprint(scene.camera(index), depth[depth > 0])
        for index, depth in enumerate(np.asarray(scene.dense.depth[:, ::4, ::4]))
        if (depth > 0).any()
    ]
    size = FOOTPRINTS_PER_VOXEL * float(np.median(np.concatenate(footprints))) if footprints else METRIC_LIMITS_M[1]
    return float(np.clip(size, *METRIC_LIMITS_M)) if scene.reconstruction.scale.is_metric else size


def allocate(size: GridSize, device: o3d.core.Device) -> o3d.t.geometry.VoxelBlockGrid:
    """An empty grid with tsdf, weight and colour in float32."""
    float32 = o3d.core.float32
    return o3d.t.geometry.VoxelBlockGrid(
        attr_names=("tsdf", "weight", "color"),
        attr_dtypes=(float32, float32, float32),
        attr_channels=((1), (1), (3)),  # pyright: ignore[reportArgumentType] - Open3D takes plain numbers for size vectors
        voxel_size=size.voxel_size,
        block_resolution=BLOCK_RESOLUTION,
        block_count=size.block_count,
        device=device,
    )


def _count_blocks(scene: Scene, frames: BareFrames, voxel_size: float, trunc: float) -> int:
    """How many blocks the surfaces of all frames touch."""
    probe = allocate(GridSize(voxel_size, 1), o3d.core.Device("CPU:0"))
    touched = np.zeros((0, 3), dtype=np.int32)
    for index in range(len(scene)):
        frame = frames.bare(index)
        if frame is not None:
            blocks = frame.blocks(probe, trunc).cpu().numpy()
            touched = np.unique(np.concatenate([touched, blocks.reshape(-1, 3)]), axis=0)
    return len(touched)

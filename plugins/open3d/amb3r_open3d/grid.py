"""How fine and how large a voxel block grid must be for a scene."""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

import logging
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import open3d as o3d

from amb3r_core.scene.depth_maps import pixel_footprint
from amb3r_open3d.grid_frames import KeptDepth, touched_blocks
from amb3r_open3d.scene import Scene

log = logging.getLogger(__name__)

BLOCK_RESOLUTION = 16
BYTES_PER_BLOCK = BLOCK_RESOLUTION**3 * 4 * (1 + 1 + 3)
"""tsdf, weight and colour of every voxel, as float32."""
FOOTPRINTS_PER_VOXEL = 1.5
METRIC_LIMITS_M = (0.005, 0.05)


class KeptDepths(Protocol):
    """Where the depth that is to be fused comes from, and on which device it is fused."""

    @property
    def device(self) -> o3d.core.Device: ...

    def kept(self, index: int) -> KeptDepth | None: ...


@dataclass(frozen=True)
class GridSize:
    """voxel_size in scene units; block_count: blocks to make room for; blocks: what each view touches, (M, 3) int32 or None."""

    voxel_size: float
    block_count: int
    blocks: tuple[o3d.core.Tensor | None, ...] = ()


def size_from_data(
    scene: Scene, frames: KeptDepths, voxel_size: float | Literal["auto"], memory_limit: float, trunc: float
) -> GridSize:
    """The voxel size, and the blocks the scene's depth touches; coarser while they need more than the bytes allowed.

    A voxel size that was asked for is kept, however much it needs.
    """
    size = automatic_voxel_size(scene) if voxel_size == "auto" else voxel_size
    blocks = _touched(scene, frames, size, trunc)
    while voxel_size == "auto" and (share := _room_for(blocks) * BYTES_PER_BLOCK / memory_limit) > 1:
        size *= max(1.1, float(np.sqrt(share)))  # blocks grow with the surface's area
        blocks = _touched(scene, frames, size, trunc)
    count = _room_for(blocks)
    log.info("room for %d blocks of voxels of %g", count, size)
    return GridSize(size, count, blocks)


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


def _touched(scene: Scene, frames: KeptDepths, voxel_size: float, trunc: float) -> tuple[o3d.core.Tensor | None, ...]:
    """The blocks (M, 3) each view touches; None where nothing is kept of it."""
    probe = allocate(GridSize(voxel_size, 1), frames.device)
    kept = (frames.kept(index) for index in range(len(scene)))
    return tuple(None if one is None else touched_blocks(scene, one, probe, trunc, frames.device) for one in kept)


def _room_for(blocks: tuple[o3d.core.Tensor | None, ...]) -> int:
    """How many blocks to make room for: all that are touched, and once more those of the view that touches most.

    Before it takes a view's blocks, the hash map asks for room for every one of them, known or new; with less it doubles.
    """
    different, most = o3d.core.HashSet(1024, o3d.core.int32, o3d.core.SizeVector([3])), 0
    for one in blocks:
        if one is not None:
            different.insert(one.cpu())
            most = max(most, len(one))
    return max(different.size() + most, 1)

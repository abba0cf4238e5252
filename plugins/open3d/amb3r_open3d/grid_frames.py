"""One view as the voxel block grid takes it: depth and colour, each with the intrinsics of the grid's pixel convention."""

from dataclasses import dataclass

import numpy as np
import open3d as o3d

from amb3r_core import PinholeCamera as Camera
from amb3r_core.scene.arrays import Float32
from amb3r_open3d.cameras import intrinsic_matrix
from amb3r_open3d.scene import Grid, Scene
from amb3r_open3d.subpixel import finer_camera, finer_depth, refinement_of

Tensor = o3d.core.Tensor
Image = o3d.t.geometry.Image


@dataclass(frozen=True, kw_only=True)
class DepthFrame:
    """depth (H, W, 1) float32, 0 = unknown, and its camera; color (H', W', 3) float32 in [0, 1] or None, and its camera;
    extrinsic (4, 4) float64 on the CPU; weight (H / refinement, W / refinement) float32; depth_max: nothing is farther."""

    depth: Image
    camera: Camera
    refinement: int
    color: Image | None
    color_camera: Camera
    extrinsic: Tensor
    weight: Float32
    depth_max: float

    @property
    def intrinsic(self) -> Tensor:
        """The depth's (3, 3) float64 on the CPU, as the grid counts pixels."""
        return grid_intrinsic(self.camera)

    @property
    def color_intrinsic(self) -> Tensor:
        """The colour's."""
        return grid_intrinsic(self.color_camera)


@dataclass(frozen=True, kw_only=True)
class KeptDepth:
    """View `index` with the depth (H, W) float32 that is to be fused, and the weights (H, W) of its pixels."""

    index: int
    depth: Float32
    weight: Float32

    @property
    def depth_max(self) -> float:
        """A little beyond the farthest depth."""
        return 1.01 * float(self.depth.max(initial=0.0))


def touched_blocks(
    scene: Scene, kept: KeptDepth, grid: o3d.t.geometry.VoxelBlockGrid, trunc_voxel_multiplier: float, device: o3d.core.Device
) -> Tensor:
    """The coordinates (M, 3) int32 of the grid's blocks near the view's surface."""
    image = Image(Tensor.from_numpy(kept.depth)).to(device)
    intrinsic, extrinsic = grid_intrinsic(scene.camera(kept.index)), _extrinsic(scene, kept.index)
    return grid.compute_unique_block_coordinates(image, intrinsic, extrinsic, 1.0, kept.depth_max, trunc_voxel_multiplier)


def depth_frame(scene: Scene, kept: KeptDepth, color_grid: Grid | None, device: o3d.core.Device) -> DepthFrame:
    """What is to be integrated; color_grid None: without colour."""
    camera = scene.camera(kept.index)
    refinement = refinement_of(*kept.depth.shape)
    return DepthFrame(
        depth=Image(Tensor.from_numpy(np.ascontiguousarray(finer_depth(kept.depth, refinement)))).to(device),
        camera=finer_camera(camera, refinement),
        refinement=refinement,
        color=None if color_grid is None else _unit_color(scene, kept.index, color_grid).to(device),
        color_camera=camera if color_grid is None else scene.color_camera(kept.index, color_grid),
        extrinsic=_extrinsic(scene, kept.index),
        weight=kept.weight,
        depth_max=kept.depth_max,
    )


def grid_intrinsic(camera: Camera) -> Tensor:
    """The intrinsic matrix (3, 3) that the grid's functions want."""
    return Tensor.from_numpy(intrinsic_matrix(camera, "tsdf"))


def _extrinsic(scene: Scene, index: int) -> Tensor:
    return Tensor.from_numpy(np.ascontiguousarray(scene.extrinsic(index)))


def _unit_color(scene: Scene, index: int, grid: Grid) -> Image:
    """The grid's kernels take colour beside float depth as float32 in [0, 1] only."""
    return Image(Tensor.from_numpy(np.multiply(scene.color_array(index, grid), np.float32(1 / 255), dtype=np.float32)))

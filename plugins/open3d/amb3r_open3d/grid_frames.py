"""One view as the voxel block grid takes it: depth and colour, each with the intrinsics of the grid's pixel convention."""

from dataclasses import dataclass

import numpy as np
import open3d as o3d

from amb3r_core.scene import Float32
from amb3r_core.scene import PinholeCamera as Camera
from amb3r_open3d.cameras import intrinsic_matrix
from amb3r_open3d.scene import Grid, Scene

Tensor = o3d.core.Tensor
Image = o3d.t.geometry.Image


@dataclass(frozen=True, kw_only=True)
class DepthFrame:
    """depth (H, W, 1) float32, 0 = unknown; color (H', W', 3) float32 in [0, 1] or None; intrinsics (3, 3) and extrinsic (4, 4)
    float64 on the CPU; weight (H, W) float32; camera and color_camera: the same cameras in our convention."""

    depth: Image
    color: Image | None
    intrinsic: Tensor
    color_intrinsic: Tensor
    extrinsic: Tensor
    weight: Float32
    camera: Camera
    color_camera: Camera
    depth_max: float

    def blocks(self, grid: o3d.t.geometry.VoxelBlockGrid, trunc_voxel_multiplier: float) -> Tensor:
        """The coordinates (M, 3) of the blocks near this frame's surface."""
        return grid.compute_unique_block_coordinates(
            self.depth, self.intrinsic, self.extrinsic, 1.0, self.depth_max, trunc_voxel_multiplier
        )


def depth_frame(
    scene: Scene, index: int, keep: np.ndarray, weight: Float32, color_grid: Grid | None, device: o3d.core.Device
) -> DepthFrame | None:
    """View `index` with the depth of the pixels to keep (H, W); None when there is none. color_grid None: without colour."""
    depth = np.where(keep, np.asarray(scene.dense.depth[index]), np.float32(0))
    farthest = float(depth.max(initial=0.0))
    if farthest <= 0.0 or not np.isfinite(farthest):
        return None
    camera = scene.camera(index)
    color_camera = camera if color_grid is None else scene.color_camera(index, color_grid)
    return DepthFrame(
        depth=Image(Tensor.from_numpy(depth)).to(device),
        color=None if color_grid is None else _unit_color(scene, index, color_grid).to(device),
        intrinsic=Tensor.from_numpy(intrinsic_matrix(camera, "tsdf")),
        color_intrinsic=Tensor.from_numpy(intrinsic_matrix(color_camera, "tsdf")),
        extrinsic=Tensor.from_numpy(np.ascontiguousarray(scene.extrinsic(index))),
        weight=weight,
        camera=camera,
        color_camera=color_camera,
        depth_max=1.01 * farthest,
    )


def _unit_color(scene: Scene, index: int, grid: Grid) -> Image:
    """The grid's kernels take colour beside float depth as float32 in [0, 1] only."""
    color = scene.color_array(index, grid).astype(np.float32) / np.float32(255)
    return Image(Tensor.from_numpy(np.ascontiguousarray(color)))

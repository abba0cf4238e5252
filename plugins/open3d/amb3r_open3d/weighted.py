"""TSDF integration with a weight per pixel, which Open3D's fast kernel does not take. Exact, in numpy, some times slower."""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

from typing import cast

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from amb3r_core import PinholeCamera
from amb3r_core.scene.arrays import Float32
from amb3r_open3d.grid_frames import DepthFrame

Rows = NDArray[np.intp]

COLOR_RANGE = 255.0
"""The grid stores colours in [0, 255], as the fast kernel does."""
LEAST_WEIGHT = 1e-4


def integrate_weighted(
    grid: o3d.t.geometry.VoxelBlockGrid, blocks: o3d.core.Tensor, frame: DepthFrame, trunc_voxel_multiplier: float
) -> None:
    """Adds one frame to the grid, in place: every voxel's running means of distance and colour, weighted by `frame.weight`.

    Curless and Levoy, SIGGRAPH 1996, eqs. 1 and 2. With equal weights it is Open3D's own integration.
    """
    grid.hashmap().activate(blocks)
    slots = cast(o3d.core.Tensor, grid.hashmap().find(blocks)[0])
    coordinates, indices = grid.voxel_coordinates_and_flattened_indices(slots)
    points = coordinates.cpu().numpy()
    voxels = indices.cpu().numpy().ravel()
    pose = frame.extrinsic.numpy().astype(np.float32)
    points_cam = points @ pose[:3, :3].T + pose[:3, 3]
    rows, columns, inside = _pixels(frame.camera, points_cam)
    depth = frame.depth.cpu().as_tensor().numpy()[..., 0][rows, columns]
    coarse = frame.weight[rows // frame.refinement, columns // frame.refinement]
    weight = np.maximum(coarse, np.float32(LEAST_WEIGHT))
    trunc = trunc_voxel_multiplier * _voxel_size(grid, points)
    distance = depth - points_cam[inside, 2]
    near = (depth > 0) & (depth <= frame.depth_max) & (distance >= -trunc)
    chosen = np.flatnonzero(inside)[near]
    signed = np.minimum(distance[near] / trunc, np.float32(1))
    share = _add_weight(grid, voxels[chosen], weight[near])
    _blend(grid, "tsdf", voxels[chosen], signed[:, None], share)
    if frame.color is not None:
        _add_color(grid, frame, points_cam[chosen], voxels[chosen], share)


def _pixels(camera: PinholeCamera, points_cam: Float32) -> tuple[Rows, Rows, NDArray[np.bool_]]:
    """Row and column of the points that fall on the image, and which ones do (M,)."""
    z = points_cam[:, 2]
    in_front = z > 0
    safe = np.where(in_front, z, np.float32(1))
    columns = np.rint(camera.fx * points_cam[:, 0] / safe + camera.cx)
    rows = np.rint(camera.fy * points_cam[:, 1] / safe + camera.cy)
    inside = in_front & (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    return rows[inside].astype(np.intp), columns[inside].astype(np.intp), inside


def _add_weight(grid: o3d.t.geometry.VoxelBlockGrid, voxels: Rows, weight: Float32) -> Float32:
    """Adds the weights (M,) to their voxels, in place; the share (M, 1) of the new value in each running mean."""
    stored = _flat(grid, "weight")
    total = stored[voxels, 0] + weight
    _store(grid, "weight", voxels, total[:, None])
    return (weight / total)[:, None]


def _blend(grid: o3d.t.geometry.VoxelBlockGrid, name: str, voxels: Rows, values: Float32, share: Float32) -> None:
    stored = _flat(grid, name)[voxels]
    _store(grid, name, voxels, stored + share * (values - stored))


def _add_color(grid: o3d.t.geometry.VoxelBlockGrid, frame: DepthFrame, points_cam: Float32, voxels: Rows, share: Float32) -> None:
    if frame.color is None:
        return
    rows, columns, inside = _pixels(frame.color_camera, points_cam)
    colors = frame.color.cpu().as_tensor().numpy()[rows, columns] * np.float32(COLOR_RANGE)
    _blend(grid, "color", voxels[inside], colors, share[inside])


def _flat(grid: o3d.t.geometry.VoxelBlockGrid, name: str) -> Float32:
    """The attribute (voxels, channels); on the CPU it shares the grid's memory."""
    values = grid.attribute(name).cpu().numpy()
    return values.reshape(-1, values.shape[-1])


def _store(grid: o3d.t.geometry.VoxelBlockGrid, name: str, voxels: Rows, values: Float32) -> None:
    """Writes values (M, C) into the grid's attribute, in place."""
    if grid.hashmap().device.get_type() == o3d.core.Device.DeviceType.CPU:
        _flat(grid, name)[voxels] = values
        return
    attribute = grid.attribute(name)
    device = attribute.device
    index = o3d.core.Tensor.from_numpy(voxels).to(device)
    attribute.reshape(o3d.core.SizeVector([-1, attribute.shape[-1]]))[index] = o3d.core.Tensor.from_numpy(values).to(device)


def _voxel_size(grid: o3d.t.geometry.VoxelBlockGrid, points: Float32) -> np.float32:
    """The grid's voxel edge, read from two neighbouring voxels of one block (x runs fastest)."""
    return np.abs(points[1] - points[0]).max()

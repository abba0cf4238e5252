"""Point clouds as Open3D's, and back."""

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from amb3r_core import Dense, InputError, PointCloud, Reconstruction
from amb3r_core.scene.arrays import Float32, Floats
from amb3r_core.scene.confidence import confidence_of_weight, weight_of_confidence
from amb3r_core.scene.geometry import transform_points

MAX_WEIGHT = 1.0 - 1e-7
"""Weights of clouds that came from elsewhere may reach 1; no confidence does."""
UNKNOWN_VIEW = -1
"""The view of points that came from elsewhere."""


def to_tensor_cloud(cloud: PointCloud, normals: Float32 | None = None) -> o3d.t.geometry.PointCloud:
    """The cloud as tensors: positions, colors in [0, 1], confidence as a weight (M, 1), frame_id (M, 1), radius (M, 1)."""
    tensors = o3d.t.geometry.PointCloud(_tensor(cloud.points))
    tensors.point.colors = _tensor(cloud.colors.astype(np.float32) / np.float32(255))
    tensors.point.confidence = _tensor(weight_of_confidence(cloud.confidence)[:, None])
    tensors.point.frame_id = _tensor(cloud.view_index[:, None])
    tensors.point.radius = _tensor(cloud.radius[:, None])
    if normals is not None:
        tensors.point.normals = _tensor(normals)
    return tensors


def from_tensor_cloud(tensors: o3d.t.geometry.PointCloud) -> PointCloud:
    """The core's cloud; white, confidence 1, no view and radius 0 where an attribute is missing. `InputError` when empty."""
    if "positions" not in tensors.point or not len(tensors.point.positions):
        raise InputError("this point cloud is empty")
    points = tensors.point.positions.cpu().numpy().astype(np.float32)
    n_points = len(points)
    colors = np.full((n_points, 3), 255, dtype=np.uint8)
    if "colors" in tensors.point:
        given = tensors.point.colors.cpu().numpy()
        colors = given if given.dtype == np.uint8 else np.rint(np.clip(given, 0.0, 1.0) * 255.0).astype(np.uint8)
    weight = _column(tensors, "confidence", n_points, 0.0).astype(np.float64)
    return PointCloud(
        points=points,
        colors=colors,
        confidence=confidence_of_weight(np.clip(weight, 0.0, MAX_WEIGHT)).astype(np.float32),
        view_index=_column(tensors, "frame_id", n_points, UNKNOWN_VIEW).astype(np.int32),
        radius=_column(tensors, "radius", n_points, 0.0).astype(np.float32),
    )


def to_legacy_cloud(cloud: PointCloud, normals: Float32 | None = None) -> o3d.geometry.PointCloud:
    """The cloud in Open3D's legacy class: points, colours, normals."""
    legacy = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(cloud.points.astype(np.float64)))
    legacy.colors = o3d.utility.Vector3dVector(cloud.colors / 255.0)
    if normals is not None:
        legacy.normals = o3d.utility.Vector3dVector(normals.astype(np.float64))
    return legacy


def as_legacy_cloud(cloud: "o3d.t.geometry.PointCloud | o3d.geometry.PointCloud") -> o3d.geometry.PointCloud:
    """Either kind of cloud as the legacy one; `InputError` when it is empty."""
    legacy = cloud.to_legacy() if isinstance(cloud, o3d.t.geometry.PointCloud) else cloud
    if not len(legacy.points):
        raise InputError("this point cloud is empty")
    return legacy


def all_pixels(reconstruction: Reconstruction, dense: Dense, min_weight: float) -> PointCloud:
    """Every pixel with depth and enough confidence, view by view in row order; nothing is thinned or tested."""
    parts = [_view_pixels(reconstruction, dense, index, min_weight) for index in range(reconstruction.n_views)]
    return PointCloud(
        points=np.concatenate([part.points for part in parts]),
        colors=np.concatenate([part.colors for part in parts]),
        confidence=np.concatenate([part.confidence for part in parts]),
        view_index=np.concatenate([part.view_index for part in parts]),
        radius=np.concatenate([part.radius for part in parts]),
    )


def _view_pixels(reconstruction: Reconstruction, dense: Dense, index: int, min_weight: float) -> PointCloud:
    camera = reconstruction.dense_camera(index)
    depth = np.asarray(dense.depth[index])
    keep = (depth > 0) & (dense.weight(index) >= min_weight)
    return PointCloud(
        points=transform_points(reconstruction.views[index].cam_to_world, camera.unproject(depth)[keep]),
        colors=np.asarray(dense.rgb[index])[keep],
        confidence=np.asarray(dense.confidence[index])[keep],
        view_index=np.full(int(keep.sum()), index, dtype=np.int32),
        radius=(depth[keep] / (2.0 * np.sqrt(camera.fx * camera.fy))).astype(np.float32),
    )


def _column(tensors: o3d.t.geometry.PointCloud, name: str, n_points: int, otherwise: float) -> Floats:
    if name not in tensors.point:
        return np.full(n_points, otherwise)
    return tensors.point[name].cpu().numpy().reshape(n_points)


def _tensor(array: NDArray[np.generic]) -> o3d.core.Tensor:
    return o3d.core.Tensor.from_numpy(np.ascontiguousarray(array))

"""The core's values as Open3D's and back, exact both ways."""

from collections.abc import Sequence
from functools import singledispatch
from typing import cast

import numpy as np
import open3d as o3d

from amb3r_core import (
    Dense,
    InputError,
    Letterbox,
    PinholeCamera,
    PointCloud,
    Provenance,
    Reconstruction,
    Scale,
    Sim3,
    View,
    __version__,
)
from amb3r_core.scene.arrays import Float32, Float64, UInt8
from amb3r_open3d.cameras import from_intrinsic, from_parameters, from_trajectory, to_intrinsic, to_parameters
from amb3r_open3d.clouds import from_tensor_cloud, to_tensor_cloud
from amb3r_open3d.inputs import image_array
from amb3r_open3d.pose_graph import node_poses
from amb3r_open3d.scene import Scene

KNOWN_CONFIDENCE = 2.0
"""Confidence (weight 0.5) of depth that came without one."""


@singledispatch
def to_open3d(value: object) -> object:
    """Open3D's twin of a core value.

    PinholeCamera -> PinholeCameraIntrinsic (pixel centre (0, 0)); View -> PinholeCameraParameters; PointCloud ->
    t.geometry.PointCloud; Sim3 -> 4x4 matrix; Reconstruction -> Scene. `TypeError` for anything else.

    >>> to_open3d(PinholeCamera(width=4, height=3, fx=5.0, fy=5.0, cx=1.5, cy=1.0)).get_principal_point()
    (1.5, 1.0)
    """
    raise TypeError(f"a {type(value).__name__} has no twin in Open3D")


@to_open3d.register
def _(value: PinholeCamera) -> o3d.camera.PinholeCameraIntrinsic:
    return to_intrinsic(value)


@to_open3d.register
def _(value: View) -> o3d.camera.PinholeCameraParameters:
    return to_parameters(value.camera, value.cam_to_world)


@to_open3d.register
def _(value: PointCloud) -> o3d.t.geometry.PointCloud:
    return to_tensor_cloud(value)


@to_open3d.register
def _(value: Reconstruction) -> Scene:
    return Scene(value)


@to_open3d.register
def _(value: Sim3) -> Float64:
    matrix = np.eye(4)
    matrix[:3, :3] = value.scale * value.rotation
    matrix[:3, 3] = value.translation
    return matrix


@singledispatch
def from_open3d(value: object) -> object:
    """The core's twin of an Open3D object: what `to_open3d` made, given back.

    PinholeCameraIntrinsic -> PinholeCamera; PinholeCameraParameters -> (PinholeCamera, camera-to-world); a trajectory -> a list
    of those; PoseGraph -> camera-to-world poses (N, 4, 4); t.geometry.PointCloud -> PointCloud; Scene -> Reconstruction; a
    4x4 similarity -> Sim3. `TypeError` for anything else, `InputError` for values that cannot be used.
    """
    raise TypeError(f"a {type(value).__name__} has no twin in amb3r_core")


@from_open3d.register
def _(value: o3d.camera.PinholeCameraIntrinsic) -> PinholeCamera:
    return from_intrinsic(value)


@from_open3d.register
def _(value: o3d.camera.PinholeCameraParameters) -> tuple[PinholeCamera, Float64]:
    return from_parameters(value)


@from_open3d.register
def _(value: o3d.camera.PinholeCameraTrajectory) -> list[tuple[PinholeCamera, Float64]]:
    return from_trajectory(value)


@from_open3d.register
def _(value: o3d.pipelines.registration.PoseGraph) -> Float64:
    return node_poses(value)


@from_open3d.register
def _(value: o3d.t.geometry.PointCloud) -> PointCloud:
    return from_tensor_cloud(value)


@from_open3d.register
def _(value: Scene) -> Reconstruction:
    return value.reconstruction


@from_open3d.register(np.ndarray)
def _(value: Float64) -> Sim3:
    if value.shape != (4, 4):
        raise InputError(f"a similarity is a (4, 4) matrix, not {value.shape}")
    determinant = float(np.linalg.det(value[:3, :3]))
    if determinant <= 0:
        raise InputError("this matrix is no similarity: its 3x3 part mirrors or is singular")
    scale = determinant ** (1 / 3)
    return Sim3(scale, value[:3, :3] / scale, value[:3, 3].copy())


def scene_from_rgbd(
    colors: Sequence[object],
    depths: Sequence[object],
    trajectory: o3d.camera.PinholeCameraTrajectory,
    *,
    names: Sequence[str] | None = None,
    scale: Scale | None = None,
    confidence: Float32 | None = None,
) -> Scene:
    """A scene of depth that is known already: a depth camera's, or another method's.

    colors: RGB images (H, W, 3) uint8 of either Open3D kind or arrays; depths: (H, W) float32 in the trajectory's unit, or uint16
    millimetres, 0 = unknown, on the same pixels; trajectory: one entry per image, for "unproject". confidence (N, H, W) >= 1;
    without it every known pixel counts alike. scale: metres unless said otherwise. Raises `InputError`.
    """
    cameras = from_trajectory(trajectory)
    if not len(colors) == len(depths) == len(cameras) or not cameras:
        raise InputError(
            f"{len(colors)} colours, {len(depths)} depths and {len(cameras)} cameras: one of each per view is needed"
        )
    rgb = [image_array(color, index) for index, color in enumerate(colors)]
    depth = [depth_array(image, index) for index, image in enumerate(depths)]
    sizes = {array.shape[:2] for array in (*rgb, *depth)} | {(camera.height, camera.width) for camera, _ in cameras}
    if len(sizes) != 1:
        raise InputError(f"colour, depth and cameras must be of one size (H, W), not {sorted(sizes)}")
    stacked = np.stack(depth)
    if confidence is None:
        confidence = np.where(stacked > 0, np.float32(KNOWN_CONFIDENCE), np.float32(1))
    names = names or [f"{index:05d}.png" for index in range(len(rgb))]
    letterbox = Letterbox(x=0, y=0, width=cameras[0][0].width, height=cameras[0][0].height)
    views = [
        View(name=name, camera=camera, cam_to_world=pose, letterbox=letterbox)
        for name, (camera, pose) in zip(names, cameras, strict=True)
    ]
    reconstruction = Reconstruction(
        views=tuple(views),
        dense=Dense(depth=stacked, confidence=confidence, rgb=_stacked_rgb(rgb)),
        scale=scale or Scale(kind="metric", source="known depth"),
        provenance=Provenance(model="known depth", version=__version__),
    )
    return Scene(reconstruction)


def depth_array(image: object, index: int) -> Float32:
    """Depth (H, W) float32 of an array or an Open3D image; uint16 is millimetres. `InputError` for another dtype or shape."""
    if isinstance(image, o3d.t.geometry.Image):
        array = image.cpu().as_tensor().numpy()
    elif isinstance(image, np.ndarray | o3d.geometry.Image):
        array = np.asarray(cast(object, image))
    else:
        raise InputError(f"depth {index} is a {type(image).__name__}; wanted an array or an Open3D image")
    array = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.ndim != 2 or array.dtype not in (np.float32, np.float64, np.uint16):
        raise InputError(f"depth {index} is {array.dtype} {array.shape}: float32 or uint16 millimetres (H, W) is needed")
    metres = array.astype(np.float32) / (np.float32(1000) if array.dtype == np.uint16 else np.float32(1))
    return np.where(np.isfinite(metres) & (metres > 0), metres, np.float32(0))


def _stacked_rgb(images: Sequence[UInt8]) -> UInt8:
    return np.stack(images)

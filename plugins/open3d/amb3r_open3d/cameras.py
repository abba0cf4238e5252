"""Cameras and poses as Open3D's objects, and back. World-to-camera in trajectories, camera-to-world in pose graphs.

Open3D counts pixels in two ways. Unprojection (`create_from_depth_image`, `create_from_rgbd_image`) takes (0, 0) as the CENTRE of
the top-left pixel, as the core does; the voxel block grid takes it as that pixel's CORNER, as COLMAP does, so its cx and cy are
larger by a half. `for_` names the use; an Open3D intrinsic that comes in is taken to be for "unproject".
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import open3d as o3d

from amb3r_core import InputError, PinholeCamera, View
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.conventions import CORNER_MINUS_CENTER, invert
from amb3r_core.scene.geometry import check_rigid

IntrinsicUse = Literal["unproject", "tsdf", "colmap"]
_SHIFT: dict[IntrinsicUse, float] = {"unproject": 0.0, "tsdf": CORNER_MINUS_CENTER, "colmap": CORNER_MINUS_CENTER}


def intrinsic_matrix(camera: PinholeCamera, for_: IntrinsicUse) -> Float64:
    """The intrinsic matrix (3, 3) in pixels for one use."""
    matrix = camera.K
    matrix[:2, 2] += shift(for_)
    return matrix


def shift(for_: IntrinsicUse) -> float:
    """What is added to our cx and cy for one use; `InputError` for a use nobody knows."""
    if for_ not in _SHIFT:
        raise InputError(f"for_ is {for_!r}; wanted one of {', '.join(_SHIFT)}")
    return _SHIFT[for_]


def to_intrinsic(camera: PinholeCamera, for_: IntrinsicUse = "unproject") -> o3d.camera.PinholeCameraIntrinsic:
    """The camera as Open3D's, for one use."""
    return o3d.camera.PinholeCameraIntrinsic(camera.width, camera.height, intrinsic_matrix(camera, for_))


def from_intrinsic(intrinsic: o3d.camera.PinholeCameraIntrinsic, for_: IntrinsicUse = "unproject") -> PinholeCamera:
    """Our camera of an Open3D intrinsic that was made for one use; `InputError` when it is no pinhole without skew."""
    matrix = np.array(intrinsic.intrinsic_matrix)
    if matrix[0, 1] != 0.0 or intrinsic.width < 1 or intrinsic.height < 1:
        raise InputError(f"this intrinsic is no pinhole camera: {intrinsic.width}x{intrinsic.height}, K = {matrix.tolist()}")
    matrix[:2, 2] -= shift(for_)
    return PinholeCamera.from_matrix(matrix, intrinsic.width, intrinsic.height)


def to_parameters(
    camera: PinholeCamera, cam_to_world: Float64, for_: IntrinsicUse = "unproject"
) -> o3d.camera.PinholeCameraParameters:
    """Camera and pose (4, 4) as Open3D's parameters, whose extrinsic is world-to-camera."""
    parameters = o3d.camera.PinholeCameraParameters()
    parameters.intrinsic = to_intrinsic(camera, for_)
    parameters.extrinsic = invert(cam_to_world)
    return parameters


def from_parameters(
    parameters: o3d.camera.PinholeCameraParameters, for_: IntrinsicUse = "unproject"
) -> tuple[PinholeCamera, Float64]:
    """Camera and camera-to-world pose (4, 4) of Open3D's parameters; `InputError` when the extrinsic is not rigid."""
    extrinsic = np.array(parameters.extrinsic, dtype=np.float64)
    try:
        check_rigid(extrinsic, "the extrinsic")
    except ValueError as error:
        raise InputError(str(error)) from error
    return from_intrinsic(parameters.intrinsic, for_), invert(extrinsic)


def to_trajectory(views: Iterable[View], for_: IntrinsicUse = "unproject") -> o3d.camera.PinholeCameraTrajectory:
    """One entry per view: the camera of its original image, and world-to-camera."""
    trajectory = o3d.camera.PinholeCameraTrajectory()
    trajectory.parameters = [to_parameters(view.camera, view.cam_to_world, for_) for view in views]
    return trajectory


def from_trajectory(
    trajectory: o3d.camera.PinholeCameraTrajectory, for_: IntrinsicUse = "unproject"
) -> list[tuple[PinholeCamera, Float64]]:
    """Camera and camera-to-world pose (4, 4) of every entry."""
    return [from_parameters(parameters, for_) for parameters in trajectory.parameters]


def core_device(device: "str | o3d.core.Device") -> str:
    """The core's name of an Open3D device: "CPU:0" is "cpu", "CUDA:1" is "cuda:1"; other names pass as they are."""
    name = str(device)
    kind, _, index = name.partition(":")
    if kind.upper() == "CPU":
        return "cpu"
    return f"cuda:{index or 0}" if kind.upper() == "CUDA" else name.lower()


def open3d_device(device: "str | o3d.core.Device") -> o3d.core.Device:
    """The device itself; `InputError` when Open3D has none of that name."""
    try:
        return device if isinstance(device, o3d.core.Device) else o3d.core.Device(device)
    except RuntimeError as error:
        raise InputError(f'device {device!r} is none of Open3D\'s; wanted "CPU:0" or "CUDA:0"') from error

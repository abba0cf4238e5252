"""Cameras and poses go out and come back unchanged, in the pixels that each use counts in."""

from pathlib import Path

import numpy as np
import open3d as o3d
import pytest
from amb3r_open3d.cameras import (
    core_device,
    from_intrinsic,
    from_trajectory,
    intrinsic_matrix,
    open3d_device,
    to_intrinsic,
    to_trajectory,
)
from amb3r_open3d.scene import Scene

from amb3r_core.errors import InputError
from amb3r_core.scene.camera import PinholeCamera

CAMERA = PinholeCamera(width=641, height=479, fx=525.5, fy=523.25, cx=319.125, cy=240.0625)


@pytest.mark.parametrize("use", ["unproject", "tsdf", "colmap"])
def test_an_intrinsic_comes_back_unchanged_from_every_use(use):
    assert from_intrinsic(to_intrinsic(CAMERA, use), use) == CAMERA


def test_grid_and_colmap_count_from_the_corner_of_a_pixel_and_unprojection_from_its_centre():
    centre = intrinsic_matrix(CAMERA, "unproject")
    for use in ("tsdf", "colmap"):
        assert np.array_equal(intrinsic_matrix(CAMERA, use) - centre, [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])


def test_trajectories_are_world_to_camera_and_come_back_exactly(scene: Scene):
    trajectory = scene.trajectory()
    for view, parameters, (camera, pose) in zip(
        scene.reconstruction.views, trajectory.parameters, from_trajectory(trajectory), strict=True
    ):
        assert np.array_equal(parameters.extrinsic, view.world_to_cam)
        assert camera == view.camera
        assert np.abs(pose - view.cam_to_world).max() < 1e-14


@pytest.mark.parametrize(("suffix", "tolerance", "keeps_intrinsics"), [("json", 1e-9, True), ("log", 1e-6, False)])
def test_trajectory_files_keep_poses_and_json_keeps_intrinsics(
    scene: Scene, tmp_path: Path, suffix: str, tolerance: float, keeps_intrinsics: bool
):
    path = tmp_path / f"trajectory.{suffix}"
    assert o3d.io.write_pinhole_camera_trajectory(path, to_trajectory(scene.reconstruction.views))
    for view, (camera, pose) in zip(
        scene.reconstruction.views, from_trajectory(o3d.io.read_pinhole_camera_trajectory(path)), strict=True
    ):
        assert np.abs(pose - view.cam_to_world).max() < tolerance
        assert (camera == view.camera) is keeps_intrinsics


def test_a_use_nobody_knows_and_a_skewed_camera_are_refused():
    with pytest.raises(InputError, match=r"for_ is 'nerf'; wanted one of unproject, tsdf, colmap"):
        intrinsic_matrix(CAMERA, "nerf")
    skewed = o3d.camera.PinholeCameraIntrinsic(4, 4, np.array([[1.0, 0.2, 2], [0, 1, 2], [0, 0, 1]]))
    with pytest.raises(InputError, match="no pinhole camera"):
        from_intrinsic(skewed)


def test_devices_have_two_names():
    assert core_device("CPU:0") == core_device(o3d.core.Device("CPU:0")) == "cpu"
    assert core_device("CUDA:1") == "cuda:1"
    assert core_device("auto") == "auto"
    assert str(open3d_device("CPU:0")) == "CPU:0"
    with pytest.raises(InputError, match="'TPU:0' is none of Open3D's"):
        open3d_device("TPU:0")

"""Every kind of image is taken; known cameras are attached exactly; wrong ones are named."""

from pathlib import Path

import numpy as np
import open3d as o3d
import pytest
from amb3r_open3d import reconstruct
from amb3r_open3d.inputs import frame_list, image_array, with_intrinsic, with_trajectory
from amb3r_open3d.scene import Scene

from amb3r_core.errors import InputError
from amb3r_core.options import ReconstructOptions
from tests.fakes import fake_room

OPTIONS = ReconstructOptions()
RGB = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


@pytest.mark.parametrize("kind", [np.asarray, o3d.t.geometry.Image, o3d.geometry.Image])
def test_arrays_and_both_kinds_of_image_are_the_same_frame(kind):
    frames = frame_list([kind(RGB), kind(RGB)], OPTIONS)
    assert np.array_equal(frames[1].decode(), RGB)
    assert (frames[0].width, frames[0].height) == (5, 4)


def test_grey_is_repeated_and_a_folder_gives_its_photos(tmp_path: Path):
    assert np.array_equal(image_array(RGB[..., 0]), np.repeat(RGB[..., :1], 3, axis=2))
    fake_room(3, 32, 24, images_folder=tmp_path)
    by_folder, by_path = frame_list(tmp_path, OPTIONS), frame_list(sorted(tmp_path.iterdir()), OPTIONS)
    assert (
        [frame.name for frame in by_folder]
        == [frame.name for frame in by_path]
        == ["photo_000.png", "photo_001.png", "photo_002.png"]
    )


def test_known_cameras_are_attached_as_they_are(tmp_path: Path):
    scene = Scene(fake_room(3, 32, 24, images_folder=tmp_path).reconstruction)
    frames = with_trajectory(frame_list(tmp_path, OPTIONS), scene.trajectory())
    for frame, view in zip(frames, scene.reconstruction.views, strict=True):
        assert frame.camera == view.camera
        assert np.abs(frame.cam_to_world - view.cam_to_world).max() < 1e-14
    alone = with_intrinsic(frame_list(tmp_path, OPTIONS), scene.intrinsic(0, "unproject", "image"))
    assert alone[2].camera == scene.view(0).camera
    with pytest.raises(InputError, match="the trajectory has 3 cameras but 2 images"):
        with_trajectory(frame_list(sorted(tmp_path.iterdir())[:2], OPTIONS), scene.trajectory())
    with pytest.raises(InputError, match=r"the known camera is 32x24 but photo_000\.png is 64x48"):
        with_intrinsic(frame_list(tmp_path, OPTIONS), scene.intrinsic(0))


def test_wrong_images_are_named():
    with pytest.raises(InputError, match="no images were given"):
        frame_list([], OPTIONS)
    with pytest.raises(InputError, match=r"image 1 is float32 \(4, 5, 3\): uint8"):
        frame_list([RGB, RGB.astype(np.float32)], OPTIONS)
    with pytest.raises(InputError, match="image 0 is a dict"):
        frame_list([{}], OPTIONS)
    with pytest.raises(InputError, match="give an intrinsic or a trajectory, not both"):
        reconstruct.Reconstruct(
            reconstruct.SceneOptions(
                intrinsic=o3d.camera.PinholeCameraIntrinsic(), trajectory=o3d.camera.PinholeCameraTrajectory()
            )
        )


def test_options_reach_the_core_with_its_own_device_name():
    options = reconstruct.SceneOptions(device=o3d.core.Device("CPU:0"), max_frames=7, model="colmap")
    core = options.core()
    assert (core.device, core.max_frames, core.model) == ("cpu", 7, "colmap")
    assert type(core) is ReconstructOptions


@pytest.mark.slow
def test_known_cameras_go_through_a_whole_reconstruction_unchanged(tmp_path: Path):
    scene = Scene(fake_room(6, 160, 120, images_folder=tmp_path).reconstruction)
    images = [frame.decode() for frame in frame_list(tmp_path, OPTIONS)]
    options = reconstruct.SceneOptions(device="CPU:0", model="colmap", trajectory=scene.trajectory(), poses_in_metres=True)
    found = reconstruct.Reconstruct(options)(images)
    assert found.reconstruction.scale.is_metric
    for index, view in enumerate(found.reconstruction.views):
        known = scene.view(int(view.name.partition("_")[2].partition(".")[0]))
        assert np.abs(view.camera.K - known.camera.K).max() < 1e-9, index
        assert np.abs(view.cam_to_world - known.cam_to_world).max() < 1e-9, index

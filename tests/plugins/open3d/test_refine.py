"""Refined poses are nearer to the truth."""

import numpy as np
import pytest
from amb3r_open3d.refine import RefinePoses, RefinePosesOptions, with_poses
from amb3r_open3d.scene import Scene

from amb3r_core.errors import InputError
from amb3r_core.scene.conventions import rotation_from_quaternion
from amb3r_core.scene.geometry import rotation_angle
from tests.fakes import fake_room


def pose_errors(scene: Scene, truth: Scene) -> tuple[float, float]:
    """Mean error of the camera centres in mm and of their rotations in degrees."""
    ours, true = scene.reconstruction.cam_to_world, truth.reconstruction.cam_to_world
    turns = np.degrees(rotation_angle(np.swapaxes(ours[:, :3, :3], 1, 2) @ true[:, :3, :3]))
    return 1e3 * float(np.linalg.norm(ours[:, :3, 3] - true[:, :3, 3], axis=1).mean()), float(turns.mean())


@pytest.mark.slow
def test_centimetres_of_error_become_millimetres():
    truth = Scene(fake_room(6, 200, 150).reconstruction)
    random = np.random.default_rng(0)
    poses = truth.reconstruction.cam_to_world.copy()
    for pose in poses[1:]:
        pose[:3, 3] += 0.01 * random.normal(size=3)
        pose[:3, :3] = pose[:3, :3] @ rotation_from_quaternion(np.array([1.0, *(0.004 * random.normal(size=3))]))
    noisy = Scene(with_poses(truth.reconstruction, poses))
    given = noisy.reconstruction.cam_to_world.copy()
    before, after = pose_errors(noisy, truth), pose_errors(RefinePoses()(noisy), truth)
    assert before[0] > 8
    assert after[0] < 0.25 * before[0]
    assert after[1] < 0.25 * before[1]
    assert np.array_equal(noisy.reconstruction.cam_to_world, given)


def test_one_view_alone_and_wrong_options_are_refused():
    with pytest.raises(InputError, match="one view alone has no pose"):
        RefinePoses()(Scene(fake_room(1, 32, 24).reconstruction))
    with pytest.raises(InputError, match="lambda_geometric and min_fitness must be in"):
        RefinePosesOptions(lambda_geometric=2.0)

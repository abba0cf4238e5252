import numpy as np
import torch

from amb3r_core.models.blocks.pose_encoding import homogeneous, transform
from amb3r_core.models.da3.known import KnownCameras
from amb3r_core.scene.conventions import rigid
from tests.da3_cases import known_intrinsics, known_poses, rotation

SIZE = (84, 112)


def cameras(poses: np.ndarray | None = None) -> KnownCameras:
    poses = known_poses(4) if poses is None else poses
    matrices = known_intrinsics(len(poses), SIZE)
    return KnownCameras(cam_to_world=torch.from_numpy(poses), intrinsics=torch.from_numpy(matrices), size=SIZE)


def test_the_encoding_begins_with_no_pose_and_has_the_median_view_at_distance_one() -> None:
    encoded = cameras().encoded()
    assert encoded.shape == (1, 4, 9)
    torch.testing.assert_close(encoded[0, 0, :7], torch.tensor([0.0, 0, 0, 0, 0, 0, 1]))
    distances = encoded[0, :, :3].norm(dim=-1)
    torch.testing.assert_close(distances.median(), torch.tensor(1.0))


def test_neither_the_world_nor_its_unit_changes_the_encoding() -> None:
    world = rigid(rotation((1.0, -0.3, 2.0)), np.array([4.0, 5.0, 6.0]))
    moved = world @ known_poses(4)
    moved[:, :3, 3] *= 7
    torch.testing.assert_close(cameras(moved).encoded(), cameras().encoded(), rtol=1e-5, atol=1e-5)


def test_the_encoding_is_the_pose_relative_to_the_first() -> None:
    known = cameras()
    encoded = homogeneous(transform(known.encoded()[0].double()))
    relative = torch.inverse(known.cam_to_world[0]) @ known.cam_to_world
    torch.testing.assert_close(encoded[:, :3, :3], relative[:, :3, :3], rtol=1e-5, atol=1e-5)


def test_views_from_one_place_stay_in_one_place() -> None:
    poses = known_poses(3)
    poses[:, :3, 3] = 1.0
    encoded = cameras(poses).encoded()
    assert bool(encoded.isfinite().all())
    assert encoded[0, :, :3].abs().max() < 1e-12
    assert cameras(poses).units_per(torch.zeros(3, 3)) is None


def test_the_users_unit_follows_from_how_far_apart_the_network_saw_the_views() -> None:
    known = cameras()
    moved = known.cam_to_world[:, :3, 3] @ torch.from_numpy(rotation((0.5, 1.0, -0.2))) / 4 + 3
    scale = known.units_per(moved)
    assert scale is not None
    assert abs(scale - 4) < 1e-9
    two = cameras(known_poses(2))
    pair = two.units_per(moved[:2])
    assert pair is not None
    assert abs(pair - 4) < 1e-9

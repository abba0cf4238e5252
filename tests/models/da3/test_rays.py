import numpy as np
import pytest
import torch
from torch import Tensor

from amb3r_core.models.da3.rays import cameras_from_rays, plane_points, split
from tests.da3_cases import known_poses

SIZE = (280, 420)


def rays_of(pose: Tensor, matrix: Tensor) -> Tensor:
    """The exact rays (1, 20, 30, 6) of a camera whose intrinsics have (0, 0) at the image's corner."""
    corners = (torch.from_numpy(plane_points(20, 30)) + torch.tensor([1.0, 1.0, 0.0])) / 2 * torch.tensor([SIZE[1], SIZE[0], 1.0])
    corners[:, 2] = 1
    directions = corners.double() @ torch.linalg.inv(matrix).T @ pose[:3, :3].T
    centers = pose[:3, 3].expand_as(directions)
    return torch.cat([directions, centers], dim=-1).view(1, 20, 30, 6)


def camera() -> tuple[Tensor, Tensor]:
    pose = torch.from_numpy(known_poses(3)[1])
    matrix = torch.tensor([[300.0, 0.0, 180.0], [0.0, 310.0, 155.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    return pose, matrix


def test_the_rays_of_a_camera_give_it_back_wherever_its_principal_point_is() -> None:
    pose, matrix = camera()
    poses, matrices = cameras_from_rays(rays_of(pose, matrix), torch.ones(1, 20, 30), SIZE)
    torch.testing.assert_close(poses[0], pose, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(matrices[0], matrix, rtol=1e-5, atol=1e-3)


def test_a_third_of_wrong_rays_changes_nothing() -> None:
    pose, matrix = camera()
    rays, confidence = rays_of(pose, matrix), torch.ones(1, 20, 30)
    torch.manual_seed(0)
    wrong = torch.rand(20, 30) < 1 / 3
    rays[0, wrong, :3] = torch.randn(int(wrong.sum()), 3, dtype=torch.float64) * 3
    rays[0, wrong, 3:] += 10
    confidence[0, wrong] = 1e-3
    poses, matrices = cameras_from_rays(rays, confidence, SIZE)
    torch.testing.assert_close(poses[0, :3, :3], pose[:3, :3], rtol=0, atol=2e-3)
    torch.testing.assert_close(matrices[0], matrix, rtol=1e-2, atol=1.0)


def test_the_same_seed_gives_the_same_camera() -> None:
    torch.manual_seed(0)
    rays, confidence = torch.randn(2, 20, 30, 6), torch.rand(2, 20, 30) + 1
    one, other = (cameras_from_rays(rays, confidence, SIZE, seed=3) for _ in range(2))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])


@pytest.mark.parametrize("factor", [0.1, 1.0, 20.0])
def test_a_split_gives_a_rotation_and_an_upper_triangle_of_any_length(factor: float) -> None:
    pose, matrix = camera()
    rotation, upper = split((factor * pose[:3, :3] @ torch.linalg.inv(matrix)).numpy())
    np.testing.assert_allclose(rotation, pose[:3, :3], atol=1e-12)
    np.testing.assert_allclose(upper, torch.linalg.inv(matrix), atol=1e-12)
    assert np.isclose(np.linalg.det(rotation), 1.0)

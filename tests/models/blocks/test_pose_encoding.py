import math

import torch

from amb3r_core.models.blocks.pose_encoding import encode, fields_of_view, intrinsics, inverse, transform


def random_pose() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(4, 9, dtype=torch.float64)


def test_the_inverse_undoes_the_transform() -> None:
    pose = random_pose()
    product = transform(pose) @ inverse(transform(pose))
    torch.testing.assert_close(product, torch.eye(4, dtype=torch.float64)[:3].expand(4, 3, 4))


def test_the_length_of_the_quaternion_does_not_matter() -> None:
    pose = random_pose()
    longer = pose.clone()
    longer[:, 3:7] *= 3
    torch.testing.assert_close(transform(longer), transform(pose))


def test_the_scalar_part_of_the_quaternion_comes_last() -> None:
    half_turn_share = math.sqrt(0.5)
    pose = torch.tensor([0, 0, 0, 0, 0, half_turn_share, half_turn_share, 1, 1], dtype=torch.float64)
    quarter_turn_about_z = torch.tensor([[0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(transform(pose)[:, :3], quarter_turn_about_z)


def test_the_vertical_field_of_view_comes_first_and_spans_the_image() -> None:
    matrix = intrinsics(torch.tensor([0, 0, 0, 0, 0, 0, 1, 1.0, 1.2], dtype=torch.float64), 60, 80)
    assert math.isclose(2 * math.atan(30 / float(matrix[1, 1])), 1.0)
    assert math.isclose(2 * math.atan(40 / float(matrix[0, 0])), 1.2)
    assert matrix[:2, 2].tolist() == [40, 30]


def test_encoding_undoes_the_transform_whatever_the_turn() -> None:
    pose = random_pose()
    pose[:, 3:7] /= pose[:, 3:7].square().sum(-1, keepdim=True).sqrt()
    pose[:, 3:7] *= pose[:, 6:7].sign()
    half_turns = torch.eye(7, 9, dtype=torch.float64)[3:6]
    for poses in (pose, half_turns):
        torch.testing.assert_close(transform(encode(transform(poses), poses[:, 7:])), transform(poses))
    torch.testing.assert_close(encode(transform(pose), pose[:, 7:]), pose)


def test_fields_of_view_undo_the_intrinsics() -> None:
    pose = torch.tensor([[0, 0, 0, 0, 0, 0, 1, 1.0, 1.2]], dtype=torch.float64)
    torch.testing.assert_close(fields_of_view(intrinsics(pose, 60, 80), 60, 80), pose[:, 7:])

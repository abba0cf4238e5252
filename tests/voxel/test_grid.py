"""Points to voxels."""

import torch

from amb3r_core.voxel.grid import voxelize
from amb3r_core.voxel.keys import INDEX_BITS, index_of_keys, voxel_keys
from amb3r_core.voxel.ops import TorchOps
from tests.voxel.clouds import random_voxels, wavy_surface

OPS = TorchOps()


def test_keys_sort_as_their_rows_do_and_can_be_undone() -> None:
    voxels = random_voxels() + torch.tensor([0, 0, 65000, 3])
    keys = voxel_keys(voxels)
    assert (keys.diff() > 0).all()
    assert torch.equal(index_of_keys(keys), voxels)


def test_a_voxel_holds_the_mean_of_its_points() -> None:
    points = torch.tensor([[[0.0, 0.0, 0.0], [0.4, 0.4, 0.4], [1.5, 0.0, 0.0]]])
    grid = voxelize(points, torch.tensor([[[1.0], [3.0], [5.0]]]), 1.0, ops=OPS)
    assert grid.index.tolist() == [[0, 0, 0, 0], [0, 1, 0, 0]]
    assert grid.features.tolist() == [[2.0], [5.0]]


def test_the_grid_moves_with_the_scene() -> None:
    points = wavy_surface(200)[None]
    features = torch.randn(1, 200, 4, generator=torch.Generator().manual_seed(1))
    here = voxelize(points, features, 0.125, ops=OPS)
    there = voxelize(points + torch.tensor([4.0, -8.0, 2.0]), features, 0.125, ops=OPS)
    assert (here.index != there.index).any(dim=1).sum() <= 2  # rounding may carry a point across a border
    assert torch.allclose(there.corner - here.corner, torch.tensor([[4.0, -8.0, 2.0]]), atol=1e-5)


def test_query_positions_are_lower_corners_with_or_without_the_scene_corner() -> None:
    points = torch.tensor([[[1.0, 2.0, 3.0], [1.26, 2.0, 3.0]]])
    grid = voxelize(points, torch.zeros(1, 2, 1), 0.25, ops=OPS)
    assert grid.query_positions(absolute=False).tolist() == [[0, 0, 0, 0], [0, 0.25, 0, 0]]
    assert grid.query_positions(absolute=True).tolist() == [[0, 1, 2, 3], [0, 1.25, 2, 3]]


def test_points_that_are_not_finite_or_not_valid_are_left_out() -> None:
    points = torch.zeros(1, 4, 3)
    points[0, 1, 0], points[0, 2, 1], points[0, 3, 2] = torch.nan, torch.inf, 5.0
    valid = torch.tensor([[True, True, True, False]])
    grid = voxelize(points, torch.ones(1, 4, 1), 1.0, ops=OPS, valid=valid)
    assert grid.index.tolist() == [[0, 0, 0, 0]]


def test_a_stray_pixel_beyond_16_bits_does_not_displace_the_scene() -> None:
    sheet = wavy_surface(300)[None]
    features = torch.ones(1, 301, 1)
    alone = voxelize(sheet, features[:, :300], 0.01, ops=OPS)
    for stray in ([-1e4, 0.0, 0.0], [0.0, 1e7, 0.0], [900.0, 900.0, 900.0]):
        both = voxelize(torch.cat([sheet, torch.tensor([[stray]])], dim=1), features, 0.01, ops=OPS)
        assert torch.equal(both.index, alone.index)


def test_a_scene_wider_than_16_bits_keeps_its_middle() -> None:
    points = torch.linspace(-2000, 2000, 4001)[:, None].expand(-1, 3)[None].clone()
    grid = voxelize(points, torch.ones(1, 4001, 1), 0.01, ops=OPS)
    assert grid.index[:, 1:].max() < 1 << INDEX_BITS
    assert len(grid.index) > 600


def test_a_scene_without_points_has_no_voxels() -> None:
    points = torch.stack([torch.full((5, 3), torch.nan), torch.zeros(5, 3)])
    grid = voxelize(points, torch.ones(2, 5, 1), 0.01, ops=OPS)
    assert grid.index.tolist() == [[1, 0, 0, 0]]

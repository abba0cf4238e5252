"""Nearest neighbours against brute force."""

import pytest
import torch
from torch import Tensor

from amb3r_core.voxel.nearest import nearest_points, squared_distances
from tests.voxel.clouds import wavy_surface


def brute_force(queries: Tensor, points: Tensor, k: int) -> Tensor:
    distance = squared_distances(queries[:, None], points[None])
    return torch.argsort(distance, dim=1, stable=True)[:, :k]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n_queries", "n_points"), [(1, 1), (70, 5), (33, 33), (900, 700)])
@pytest.mark.parametrize("far", [0.0, 0.3, 50.0])
def test_the_search_finds_what_brute_force_finds(dtype: torch.dtype, n_queries: int, n_points: int, far: float) -> None:
    points = (wavy_surface(n_points).to(dtype) / 0.01).floor() * 0.01
    queries = wavy_surface(n_queries, seed=1).to(dtype) + far
    assert torch.equal(nearest_points(queries, points, 16), brute_force(queries, points, 16))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_among_equal_distances_the_lower_row_wins(dtype: torch.dtype) -> None:
    axis = torch.arange(6, dtype=dtype)
    lattice = torch.cartesian_prod(axis, axis, axis)
    scrambled = torch.cat([lattice, lattice])[torch.randperm(432, generator=torch.Generator().manual_seed(0))]
    assert torch.equal(nearest_points(lattice, scrambled, 16), brute_force(lattice, scrambled, 16))


def test_points_that_all_coincide_are_found_in_order() -> None:
    assert nearest_points(torch.ones(3, 3), torch.zeros(100, 3), 4).tolist() == [[0, 1, 2, 3]] * 3


def test_no_queries_and_no_points_give_empty_answers() -> None:
    assert nearest_points(torch.zeros(0, 3), torch.zeros(5, 3), 2).shape == (0, 2)
    assert nearest_points(torch.zeros(5, 3), torch.zeros(0, 3), 2).shape == (5, 0)

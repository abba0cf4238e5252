"""Voxel features at points."""

import pytest
import torch
from torch.autograd import gradcheck

from amb3r_core.voxel.interpolate import interpolate_voxels
from amb3r_core.voxel.ops import TorchOps
from tests.voxel.clouds import wavy_surface

OPS = TorchOps()


def positions(n: int, n_scenes: int = 1) -> torch.Tensor:
    scene = torch.arange(n)[:, None] * n_scenes // n
    return torch.cat([scene.float(), wavy_surface(n)], dim=1)


def test_a_point_on_a_voxel_gets_its_features() -> None:
    voxels, features = positions(50), torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    found = interpolate_voxels(voxels[None, :, 1:], voxels, features, n_neighbours=16, ops=OPS)
    assert torch.allclose(found[0], features, atol=1e-2)


def test_weights_are_inverse_squared_distances() -> None:
    voxels = torch.tensor([[0.0, 0, 0, 0], [0, 3, 0, 0]])
    found = interpolate_voxels(torch.tensor([[[1.0, 0, 0]]]), voxels, torch.tensor([[0.0], [1.0]]), n_neighbours=16, ops=OPS)
    assert found.item() == pytest.approx((1 / 4) / (1 + 1 / 4))


@pytest.mark.parametrize("n_voxels", [1, 2, 15, 16, 40])
def test_constant_features_stay_constant_however_few_voxels_there_are(n_voxels: int) -> None:
    found = interpolate_voxels(
        wavy_surface(30, seed=1)[None], positions(n_voxels), torch.full((n_voxels, 2), 3.0), n_neighbours=16, ops=OPS
    )
    assert torch.allclose(found, torch.tensor(3.0))


def test_points_in_portions_get_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    voxels, features = positions(40, n_scenes=2), torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    points = wavy_surface(23, seed=1).expand(2, -1, -1).clone()
    points[0, 5] = torch.nan
    whole = interpolate_voxels(points, voxels, features, n_neighbours=16, ops=OPS)
    monkeypatch.setattr("amb3r_core.voxel.interpolate.ROWS_AT_ONCE", 7)
    assert torch.equal(interpolate_voxels(points, voxels, features, n_neighbours=16, ops=OPS), whole)


def test_scenes_do_not_see_each_other() -> None:
    points = wavy_surface(20, seed=1).expand(2, -1, -1)
    features = torch.cat([torch.zeros(20, 1), torch.ones(20, 1)])
    found = interpolate_voxels(points, positions(40, n_scenes=2), features, n_neighbours=16, ops=OPS)
    assert (found[0] == 0).all()
    assert torch.allclose(found[1], torch.tensor(1.0))


def test_points_that_are_not_finite_and_scenes_without_voxels_get_zeros() -> None:
    points = wavy_surface(5, seed=1).repeat(2, 1, 1)
    points[0, 1], points[0, 2, 0], points[0, 3, 2] = torch.nan, -torch.inf, 3e38
    found = interpolate_voxels(points, positions(8), torch.ones(8, 2), n_neighbours=4, ops=OPS)
    assert found[0, :, 0].round(decimals=5).tolist() == [1, 0, 0, 0, 1]
    assert (found[1] == 0).all()


def test_gradients_match_finite_differences() -> None:
    voxels, points = positions(12).double(), wavy_surface(6, seed=3)[None].double().requires_grad_()
    features = torch.randn(12, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)

    def interpolated(p: torch.Tensor, f: torch.Tensor) -> torch.Tensor:
        return interpolate_voxels(p, voxels, f, n_neighbours=4, ops=OPS)

    assert gradcheck(interpolated, (points, features))

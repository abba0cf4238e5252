"""The sparse operations: against dense twins, against spconv, and their gradients."""

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional

from amb3r_core.voxel.choose_ops import choose_ops
from amb3r_core.voxel.ops import SparseOps, TorchOps
from amb3r_core.voxel.sites import SparseSites
from tests.voxel.clouds import random_voxels

OPS = TorchOps()


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def dense_conv(features: Tensor, weight: Tensor, voxels: Tensor) -> Tensor:
    """The same convolution on a full grid, read where voxels are."""
    extent = int(voxels[:, 1:].max()) + 1
    grid = features.new_zeros(int(voxels[:, 0].max()) + 1, extent, extent, extent, features.shape[1])
    grid[tuple(voxels.t())] = features
    out = functional.conv3d(grid.permute(0, 4, 1, 2, 3), weight.permute(0, 4, 1, 2, 3), padding=weight.shape[1] // 2)
    return out.permute(0, 2, 3, 4, 1)[tuple(voxels.t())]


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_a_submanifold_convolution_is_the_dense_one_read_at_the_voxels(kernel_size: int) -> None:
    voxels = random_voxels()
    features = random(len(voxels), 6, dtype=torch.float64)
    weight = random(4, kernel_size, kernel_size, kernel_size, 6, seed=1, dtype=torch.float64)
    shuffled = voxels[torch.randperm(len(voxels), generator=torch.Generator().manual_seed(2))]
    for index in (voxels, shuffled):
        sparse = OPS.submanifold_conv(features, weight, None, SparseSites(index))
        assert torch.allclose(sparse, dense_conv(features, weight, index))


def test_voxels_at_the_end_of_an_axis_have_no_neighbours_at_the_start_of_the_next() -> None:
    last = (1 << 16) - 1
    voxels = torch.tensor([[0, 5, 0, last], [0, 5, 1, 0], [0, 0, last, 0], [0, 1, 0, 0], [0, last, last, last], [1, 0, 0, 0]])
    pairs = SparseSites(voxels).neighbours(3)
    assert [(p.offset, sorted(p.outputs.tolist())) for p in pairs] == [(13, [0, 1, 2, 3, 4, 5])]


def test_convolving_in_half_precision_sums_in_single() -> None:
    voxels = random_voxels()
    features, weight = random(len(voxels), 16), random(8, 3, 3, 3, 16, seed=1)
    exact = OPS.submanifold_conv(features, weight, None, SparseSites(voxels))
    rough = OPS.submanifold_conv(features, weight.bfloat16(), None, SparseSites(voxels))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = OPS.submanifold_conv(features, weight, None, SparseSites(voxels))
    assert rough.dtype == cast.dtype == torch.float32
    assert torch.equal(rough, cast)
    assert (rough - exact).abs().mean() < 0.01 * exact.abs().mean()


def test_gradients_of_the_convolution_match_finite_differences() -> None:
    voxels = random_voxels(14, extent=4)
    inputs = (
        random(len(voxels), 3, dtype=torch.float64).requires_grad_(),
        random(2, 3, 3, 3, 3, seed=1, dtype=torch.float64).requires_grad_(),
        random(2, seed=2, dtype=torch.float64).requires_grad_(),
    )
    sites = SparseSites(voxels)
    assert gradcheck(lambda f, w, b: OPS.submanifold_conv(f, w, b, sites), inputs)


@pytest.mark.parametrize("how", ["mean", "max"])
def test_reduce_takes_the_mean_or_maximum_of_each_group(how: str) -> None:
    values, group = random(40, 5, dtype=torch.float64).requires_grad_(), torch.arange(40) * 7 % 11
    reduced = OPS.reduce(values, group, 11, how)
    members = [values[group == g] for g in range(11)]
    expected = [m.mean(dim=0) if how == "mean" else m.amax(dim=0) for m in members]
    assert torch.allclose(reduced, torch.stack(expected))
    assert gradcheck(lambda v: OPS.reduce(v, group, 11, how), (values,))


def test_reducing_no_groups_gives_no_rows() -> None:
    assert OPS.reduce(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long), 0, "max").shape == (0, 3)


def test_a_cpu_gets_plain_torch() -> None:
    assert isinstance(choose_ops(torch.device("cpu")), TorchOps)


@pytest.fixture(scope="module")
def spconv() -> SparseOps:
    pytest.importorskip("spconv", exc_type=ImportError)
    from amb3r_core.voxel.ops_spconv import SpconvOps

    return SpconvOps()


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_spconv_and_plain_torch_agree_forward_and_in_gradient(spconv: SparseOps, kernel_size: int) -> None:
    voxels = random_voxels(200, n_scenes=3, extent=9)
    sites = SparseSites(voxels)
    shapes = ((len(voxels), 6), (8, kernel_size, kernel_size, kernel_size, 6), (8,))
    inputs = [random(*shape, seed=seed).requires_grad_() for seed, shape in enumerate(shapes)]
    upstream = random(len(voxels), 8, seed=9)
    answers = []
    for ops in (OPS, spconv):
        out = ops.submanifold_conv(*inputs, sites)
        answers.append((out, *torch.autograd.grad(out, inputs, upstream)))
    for plain, fast in zip(*answers, strict=True):
        assert (plain - fast).abs().mean() < 1e-5 * plain.abs().mean()


def test_spconv_shares_its_pairs_between_layers_and_keeps_training_apart(spconv: SparseOps) -> None:
    sites = SparseSites(random_voxels())
    features, weight = random(len(sites.index), 4), random(5, 3, 3, 3, 4, seed=1)
    with torch.no_grad():
        first = spconv.submanifold_conv(features, weight, None, sites)
        second = spconv.submanifold_conv(features, weight, None, sites)
    trained = spconv.submanifold_conv(features, weight.requires_grad_(), None, sites)
    assert torch.equal(first, second)
    assert torch.allclose(first, trained, atol=1e-5)
    assert trained.requires_grad

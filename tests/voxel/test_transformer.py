"""The point transformer, in a small size."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from amb3r_core.voxel.config import PointTransformerConfig
from amb3r_core.voxel.ops import TorchOps
from amb3r_core.voxel.transformer import PointTransformer
from tests.voxel.clouds import TINY, random_voxels

OPS = TorchOps()


def build(config: PointTransformerConfig = TINY) -> PointTransformer:
    torch.manual_seed(0)
    return PointTransformer(config).eval()


def features_of(index: Tensor) -> Tensor:
    return torch.randn(len(index), TINY.in_channels, generator=torch.Generator().manual_seed(1))


def run(config: PointTransformerConfig, index: Tensor, **options: int | None) -> Tensor:
    with torch.inference_mode():
        return build(config)(index, features_of(index), ops=OPS, **options)


def test_the_same_input_gives_the_same_bytes() -> None:
    index = random_voxels(300)
    assert torch.equal(run(TINY, index), run(TINY, index))
    assert torch.equal(run(TINY, index, curve_seed=3), run(TINY, index, curve_seed=3))


def test_another_curve_seed_gives_another_answer() -> None:
    index = random_voxels(300)
    assert not torch.allclose(run(TINY, index), run(TINY, index, curve_seed=1))


def test_a_scene_is_answered_alike_alone_and_in_a_batch() -> None:
    index = random_voxels(300, n_scenes=3)
    features, network = features_of(index), build()
    depth_keeper = torch.tensor([[0, 7, 7, 7]])  # the curves' depth is shared, so keep it equal
    first = index[:, 0] == 0
    alone_index = torch.cat([index[first], depth_keeper])
    together_index = torch.cat([index[first], depth_keeper, index[~first]])
    padding = torch.zeros(1, features.shape[1])
    with torch.inference_mode():
        alone = network(alone_index, torch.cat([features[first], padding]), ops=OPS)
        together = network(together_index, torch.cat([features[first], padding, features[~first]]), ops=OPS)
    assert torch.allclose(alone, together[: len(alone)], atol=1e-5)


def test_the_smallest_scene_rule_couples_scenes_of_a_batch() -> None:
    small = torch.tensor([[1, 0, 0, z] for z in range(3)])
    index = torch.cat([random_voxels(200, n_scenes=1), small])
    mended, coupled = (run(replace(TINY, patch_rule=rule), index) for rule in ("per_scene", "smallest_scene"))
    assert not torch.allclose(mended, coupled)
    alone = random_voxels(200, n_scenes=1)
    one = [run(replace(TINY, patch_rule=rule), alone) for rule in ("per_scene", "smallest_scene")]
    assert torch.equal(one[0], one[1])


def test_the_first_convolution_after_unpooling_can_read_the_sum_instead_of_the_skip() -> None:
    index = random_voxels(100)
    faithful, mended = (run(replace(TINY, first_conv_input=name), index) for name in ("skip", "sum"))
    assert not torch.allclose(faithful, mended)


@pytest.mark.parametrize("n_voxels", [0, 1, 2, 9])
def test_few_voxels_are_enough(n_voxels: int) -> None:
    index = random_voxels(40)[:n_voxels]
    answer = run(TINY, index)
    assert answer.shape == (n_voxels, TINY.out_channels)
    assert answer.isfinite().all()


def test_gradients_reach_every_parameter() -> None:
    index, network = random_voxels(100), build().train()
    network(index, features_of(index), ops=OPS).square().mean().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_training_drops_branches_of_some_points_and_inference_none() -> None:
    index, network = random_voxels(100), build(replace(TINY, drop_path=0.5))
    features = features_of(index)
    with torch.no_grad():
        still = network(index, features, ops=OPS)
        assert torch.equal(network(index, features, ops=OPS), still)
        assert not torch.equal(network.train()(index, features, ops=OPS), still)


def test_spconv_and_plain_torch_give_the_same_network() -> None:
    pytest.importorskip("spconv", exc_type=ImportError)
    from amb3r_core.voxel.ops_spconv import SpconvOps

    index, network = random_voxels(200), build()
    gradients: list[list[Tensor]] = []
    for ops in (OPS, SpconvOps()):
        network.zero_grad()
        network(index, features_of(index), ops=ops).square().mean().backward()
        gradients.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    for plain, fast in zip(*gradients, strict=True):
        assert (plain - fast).abs().mean() <= 1e-4 * plain.abs().mean() + 1e-9


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="decoder stages"):
        replace(TINY, decoder_depths=(1, 1), decoder_channels=(16, 16), decoder_heads=(2, 2))
    with pytest.raises(ValueError, match="must divide"):
        replace(TINY, encoder_heads=(3, 2))
    with pytest.raises(ValueError, match="differ in length"):
        replace(TINY, encoder_heads=(2,))

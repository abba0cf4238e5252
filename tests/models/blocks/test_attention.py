import pytest
import torch

from amb3r_core.models.blocks import attention
from amb3r_core.models.blocks.attention import Attention, Block, LayerScale, Mlp, Rotation, grid_positions

CPU = torch.device("cpu")


def make_block() -> Block:
    torch.manual_seed(0)
    return Block(32, 4, mlp_ratio=2, norm_eps=1e-5, qk_norm=True, layer_scale=0.5)


def test_a_product_of_turned_vectors_depends_only_on_how_far_apart_they_are() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 16).expand(2, 1, 30, 1, 16)
    rotation = Rotation(grid_positions((5, 6), 0, CPU), 16)
    products = torch.einsum("slhc,smhc->lm", rotation.apply(query), rotation.apply(key)).view(5, 6, 5, 6)
    torch.testing.assert_close(products[1:, 1:, 1:, 1:], products[:-1, :-1, :-1, :-1])
    assert (products[0, 0, 1:] - products[0, 0, :-1]).abs().max() > 1e-3


def test_turning_keeps_lengths_and_leaves_special_tokens_alone() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3 + 12, 4, 16)
    turned = Rotation(grid_positions((3, 4), 3, CPU), 16).apply(x)
    torch.testing.assert_close(turned[:, :3], x[:, :3])
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    assert (turned[:, 3:] - x[:, 3:]).abs().max() > 0.1


def test_rows_turn_the_first_half_of_the_channels_and_columns_the_second() -> None:
    x = torch.ones(1, 4, 1, 16)
    turned = Rotation(grid_positions((2, 2), 0, CPU), 16).apply(x).view(2, 2, 16)
    torch.testing.assert_close(turned[:, 0, :8], turned[:, 1, :8])
    torch.testing.assert_close(turned[0, :, 8:], turned[1, :, 8:])
    assert (turned[0, :, :8] - turned[1, :, :8]).abs().max() > 0.1


def test_positions_count_from_one_and_special_tokens_have_none() -> None:
    assert grid_positions((2, 2), 1, CPU).tolist() == [[0, 0], [1, 1], [1, 2], [2, 1], [2, 2]]


def test_the_tokens_of_several_views_share_their_positions() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 7, 4, 16)
    rotation = Rotation(grid_positions((2, 3), 1, CPU), 16)
    torch.testing.assert_close(rotation.apply(x.view(1, 14, 4, 16)).view(2, 7, 4, 16), rotation.apply(x))


def test_a_block_gives_the_same_with_and_without_a_gradient() -> None:
    block, x = make_block(), torch.randn(2, 7, 32)
    rotation = Rotation(grid_positions((2, 3), 1, CPU), 8)
    with_gradient = block(x, rotation)
    with torch.inference_mode():
        torch.testing.assert_close(block(x.clone(), rotation), with_gradient)


def test_a_block_does_not_see_the_order_of_its_tokens() -> None:
    block, x = make_block(), torch.randn(1, 9, 32)
    order = torch.randperm(9)
    torch.testing.assert_close(block(x[:, order]), block(x)[:, order])


def test_attention_of_one_token_is_its_value() -> None:
    torch.manual_seed(0)
    layer, x = Attention(32, 4, qk_norm=False), torch.randn(3, 1, 32)
    value = torch.nn.functional.linear(x, layer.qkv.weight[64:], layer.qkv.bias[64:])
    torch.testing.assert_close(layer(x), layer.proj(value))


def test_an_mlp_in_chunks_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    mlp, x = Mlp(16, 32), torch.randn(2, 25, 16)
    with torch.inference_mode():
        whole = mlp(x)
        monkeypatch.setattr(attention, "MLP_ROWS_PER_CHUNK", 7)
        torch.testing.assert_close(mlp(x), whole)


def test_layer_scale_writes_in_place_only_when_no_gradient_is_kept() -> None:
    scale, x, branch = LayerScale(4, 0.5), torch.ones(2, 4), torch.ones(2, 4)
    assert torch.equal(scale.add(x, branch), torch.full((2, 4), 1.5))
    assert torch.equal(x, torch.ones(2, 4))
    with torch.inference_mode():
        assert scale.add(x, branch) is x

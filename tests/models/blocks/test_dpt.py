import torch

from amb3r_core.models.blocks.dpt import Fusion, ResidualUnit, add_uv, resize


def test_a_residual_unit_adds_the_positive_part_unless_mended() -> None:
    torch.manual_seed(0)
    published, x = ResidualUnit(8, mended=False), torch.randn(1, 8, 5, 5)
    clean = ResidualUnit(8, mended=True)
    clean.load_state_dict(published.state_dict())
    torch.testing.assert_close(published(x) - clean(x), x.relu() - x)


def test_the_order_of_resize_and_projection_does_not_matter() -> None:
    torch.manual_seed(0)
    fusion, x = Fusion(8, has_skip=False, mended=False), torch.randn(1, 8, 4, 5)
    published_order = fusion.out_conv(resize(fusion.resConfUnit2(x), (7, 9)))
    torch.testing.assert_close(fusion(x, None, (7, 9)), published_order)


def test_the_position_embedding_mirrors_with_the_image() -> None:
    embedding = add_uv(torch.zeros(1, 16, 4, 6), (28, 42))
    sine_x, cosine_x, sine_y, cosine_y = embedding.chunk(4, dim=1)
    torch.testing.assert_close(sine_x.flip(3), -sine_x)
    torch.testing.assert_close(cosine_x.flip(3), cosine_x)
    torch.testing.assert_close(sine_y.flip(2), -sine_y)
    torch.testing.assert_close(cosine_y.flip(2), cosine_y)
    assert embedding.abs().max() <= 0.1

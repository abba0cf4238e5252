from dataclasses import replace

import torch
from torch import Tensor

from amb3r_core.models.amb3r.config import tiny_config
from amb3r_core.models.amb3r.dense import (
    DenseHead,
    DenseHeadOutput,
    Fusion,
    ResidualUnit,
    add_uv,
    depth_activation,
    point_activation,
    resize,
)

GRID = (2, 3)


def run(frames_per_chunk: int = 2) -> DenseHeadOutput:
    config = tiny_config()
    torch.manual_seed(0)
    head = DenseHead(replace(config, dense=replace(config.dense, frames_per_chunk=frames_per_chunk)), 2, depth_activation)
    taps = [torch.randn(3, 6, 128) for _ in range(4)]
    with torch.inference_mode():
        return head(taps, GRID, summarize=Tensor.clone)


def test_a_map_has_a_value_and_a_confidence_of_at_least_one_for_every_pixel() -> None:
    maps = run()
    assert maps.values.shape == (3, 28, 42, 1)
    assert maps.confidence.shape == (3, 28, 42)
    assert maps.summary is not None
    assert maps.summary.shape == (3, 16, 16, 24)
    assert bool((maps.confidence >= 1).all())
    assert bool((maps.values > 0).all())


def test_the_number_of_views_at_a_time_does_not_change_the_numbers() -> None:
    torch.testing.assert_close(run(1).values, run(3).values)


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


def test_points_grow_exponentially_on_both_sides_of_zero() -> None:
    raw = torch.tensor([-2.0, 0.0, 2.0])
    torch.testing.assert_close(point_activation(raw), torch.tensor([-6.389056, 0.0, 6.389056]))

from dataclasses import replace

import torch
from torch import Tensor

from amb3r_core.models.amb3r.config import tiny_config
from amb3r_core.models.amb3r.dense import DenseHead, DenseHeadOutput, depth_activation, point_activation

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


def test_points_grow_exponentially_on_both_sides_of_zero() -> None:
    raw = torch.tensor([-2.0, 0.0, 2.0])
    torch.testing.assert_close(point_activation(raw), torch.tensor([-6.389056, 0.0, 6.389056]))

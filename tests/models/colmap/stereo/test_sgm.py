"""The aggregation against Hirschmueller's recursion written with plain loops."""

import torch

from amb3r_core.models.colmap.stereo.sgm import aggregate


def plain(cost: torch.Tensor, small: float, large: torch.Tensor) -> torch.Tensor:
    height, width, depths = cost.shape
    total = torch.zeros_like(cost)
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        paths = torch.zeros_like(cost)
        for row in range(height) if down >= 0 else reversed(range(height)):
            for column in range(width) if right >= 0 else reversed(range(width)):
                before = (row - down, column - right)
                if not (0 <= before[0] < height and 0 <= before[1] < width):
                    paths[row, column] = cost[row, column]
                    continue
                previous = paths[before]
                for d in range(depths):
                    ways = [previous[d], previous.min() + large[row, column]]
                    ways += [previous[e] + small for e in (d - 1, d + 1) if 0 <= e < depths]
                    paths[row, column, d] = cost[row, column, d] + min(ways) - previous.min()
        total += paths
    return total / 8


def test_aggregate_equals_the_plain_recursion() -> None:
    generator = torch.Generator().manual_seed(0)
    cost = torch.rand(4, 5, 6, generator=generator)
    large = 0.3 + torch.rand(4, 5, generator=generator)
    assert torch.allclose(aggregate(cost, 0.1, large), plain(cost, 0.1, large), atol=1e-5)


def test_a_pixel_without_evidence_takes_its_surroundings_depth() -> None:
    cost = torch.ones(7, 7, 8)
    cost[..., 5] = 0.2
    cost[3, 3] = 1.0
    assert int(aggregate(cost, 0.1, torch.full((7, 7), 0.5))[3, 3].argmin()) == 5


def test_mirroring_the_image_mirrors_the_answer() -> None:
    cost = torch.rand(6, 7, 5, generator=torch.Generator().manual_seed(1))
    large = torch.full((6, 7), 0.5)
    assert torch.allclose(aggregate(cost.flip(0, 1), 0.1, large).flip(0, 1), aggregate(cost, 0.1, large), atol=1e-6)

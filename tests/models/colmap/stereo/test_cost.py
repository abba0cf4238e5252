"""Warps, windows and similarities against plain arithmetic."""

import torch
import torch.nn.functional as F

from amb3r_core.models.colmap.stereo.cost import (
    PlaneGrids,
    box_sum,
    normalise,
    plane_warp,
    ranked_mean,
    sample,
    similarity_volume,
)

CPU = torch.device("cpu")
INTRINSICS = torch.tensor([[50.0, 0, 15.5], [0, 55.0, 11.5], [0, 0, 1]], dtype=torch.float64)


def pose(x: float = 0.0, z: float = 0.0) -> torch.Tensor:
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[0, 3], matrix[2, 3] = x, z
    return matrix


def test_box_sum_is_a_convolution_with_ones() -> None:
    values = torch.rand(3, 9, 11, generator=torch.Generator().manual_seed(0))
    for radius in (1, 2, 3, 4):
        kernel = torch.ones(1, 1, 2 * radius + 1, 2 * radius + 1)
        expected = F.conv2d(values[:, None], kernel, padding=radius)[:, 0]
        assert torch.allclose(box_sum(values, radius), expected, atol=1e-4)


def test_a_sideways_move_shifts_pixels_by_focal_times_baseline_over_depth() -> None:
    warp = plane_warp(INTRINSICS, pose(), INTRINSICS, pose(x=0.2), (24, 32), CPU)
    grid = warp.grid(torch.full((1, 1, 1), 0.5))
    columns = (grid[0, ..., 0] + 1) / 2 * 31
    assert torch.allclose(columns - torch.arange(32.0), torch.full((24, 32), -50 * 0.2 * 0.5), atol=1e-4)
    assert torch.allclose(warp.depth_ratio(torch.full((24, 32), 0.5)), torch.ones(24, 32))


def test_depth_ratio_is_less_than_one_after_a_step_forward() -> None:
    warp = plane_warp(INTRINSICS, pose(), INTRINSICS, pose(z=0.5), (24, 32), CPU)
    assert torch.allclose(warp.depth_ratio(torch.full((24, 32), 1 / 2.0)), torch.full((24, 32), 1.5 / 2.0))


def test_points_behind_the_neighbour_fall_outside() -> None:
    warp = plane_warp(INTRINSICS, pose(), INTRINSICS, pose(z=3.0), (24, 32), CPU)
    assert bool((warp.grid(torch.full((1, 1, 1), 0.5)).abs() > 1).any(-1).all())


def test_sampling_at_the_identity_gives_the_image_back() -> None:
    image = torch.rand(24, 32, generator=torch.Generator().manual_seed(1))
    warp = plane_warp(INTRINSICS, pose(), INTRINSICS, pose(), (24, 32), CPU)
    assert torch.allclose(sample(image, warp.grid(torch.ones(1, 1, 1)))[0], image, atol=1e-4)


def test_normalised_image_ignores_brightness_and_contrast() -> None:
    image = torch.rand(24, 32, generator=torch.Generator().manual_seed(2))
    valid = torch.ones_like(image, dtype=torch.bool)
    assert torch.allclose(normalise(image, valid, 2, 1e-4), normalise(0.5 * image + 0.2, valid, 2, 1e-4), atol=1e-2)


def test_normalised_image_is_zero_where_invalid_and_small_where_flat() -> None:
    image = torch.full((24, 32), 0.5)
    valid = torch.ones_like(image, dtype=torch.bool)
    valid[:, :8] = False
    assert float(normalise(image, valid, 2, 0.005).abs().max()) < 1e-3


def test_ranked_mean_weighs_the_largest_most() -> None:
    scores = list(torch.rand(5, 4, 6, generator=torch.Generator().manual_seed(3)))
    ranked = torch.stack(scores).sort(dim=0, descending=True).values
    assert torch.allclose(ranked_mean(scores, (0.5, 0.3, 0.2)), 0.5 * ranked[0] + 0.3 * ranked[1] + 0.2 * ranked[2])
    assert torch.allclose(ranked_mean(scores[:1], (0.5, 0.3, 0.2)), scores[0])


def test_similarity_is_greatest_at_the_true_plane() -> None:
    wide = torch.rand(24, 64, generator=torch.Generator().manual_seed(4))
    wide = F.avg_pool2d(wide[None], 3, 1, 1)[0]
    shift = 4
    valid = torch.ones(24, 32, dtype=torch.bool)
    reference = normalise(wide[:, shift : 32 + shift].contiguous(), valid, 2, 0.005)
    neighbour = normalise(wide[:, 2 * shift : 32 + 2 * shift].contiguous(), valid, 2, 0.005)
    warp = plane_warp(INTRINSICS, pose(), INTRINSICS, pose(x=0.1), (24, 32), CPU)
    planes = torch.linspace(0.0, 1.6, 9)
    best = similarity_volume(reference, [neighbour], [warp], planes, 2).argmax(0)
    inside = best[4:-4, 10:-4]
    assert float((planes[inside] * 50 * 0.1 - shift).abs().median()) < 1e-4


def test_the_grids_of_planes_are_those_of_their_depths_also_behind_a_neighbour() -> None:
    turned = torch.eye(4, dtype=torch.float64)
    turned[:3, 3] = torch.tensor([0.1, 0.05, 0.6])
    intrinsics = torch.tensor([[50.0, 0, 15.5], [0, 50, 11.5], [0, 0, 1]], dtype=torch.float64)
    warp = plane_warp(intrinsics, torch.eye(4, dtype=torch.float64), intrinsics, turned, (24, 32), torch.device("cpu"))
    planes = torch.tensor([0.1, 0.5, 3.0])[:, None, None]
    wanted, found = warp.grid(planes), PlaneGrids(warp).grid(planes)
    behind = warp.depth_ratio(planes) <= 0
    assert bool(behind.any())
    assert bool((found[behind.expand(found.shape[:3])].abs() > 1).all())
    assert torch.allclose(wanted[~behind.expand(found.shape[:3])], found[~behind.expand(found.shape[:3])], atol=1e-5)


def test_the_ranked_mean_leaves_its_scores_as_they_are() -> None:
    scores = [torch.rand((2, 3), generator=torch.Generator().manual_seed(seed)) for seed in range(5)]
    copies = [score.clone() for score in scores]
    best = torch.stack(scores).sort(0, descending=True).values
    assert torch.allclose(ranked_mean(scores), 0.5 * best[0] + 0.3 * best[1] + 0.2 * best[2])
    assert all(torch.equal(score, copy) for score, copy in zip(scores, copies, strict=True))

"""Upsampling and the last, narrow search."""

import torch

from amb3r_core.models.colmap.stereo.refine import guided_upsample, peak_position, upsample


def test_upsampling_keeps_a_slanted_plane() -> None:
    coarse = torch.arange(6.0)[None].expand(4, 6) * 2 + 0.5
    fine = upsample(coarse, (8, 12))
    assert torch.allclose(fine[:, 1:-1], torch.arange(12.0)[None].expand(8, 12)[:, 1:-1])


def test_odd_sizes_are_filled_to_the_edge() -> None:
    assert upsample(torch.ones(3, 4), (7, 9)).shape == (7, 9)
    assert bool((upsample(torch.ones(3, 4), (7, 9)) == 1).all())


def test_a_depth_jump_follows_the_colour_edge() -> None:
    rgb = torch.zeros(3, 8, 12)
    rgb[:, :, 7:] = 1.0
    coarse_rgb = torch.zeros(3, 4, 6)
    coarse_rgb[:, :, 3], coarse_rgb[:, :, 4:] = 0.5, 1.0
    inverse_depth = torch.full((4, 6), 0.25)
    inverse_depth[:, 4:] = 1.0
    fine = guided_upsample(inverse_depth, coarse_rgb, rgb, 1.18)
    assert torch.allclose(fine[:, :6], torch.tensor(0.25))
    assert torch.allclose(fine[:, 8:], torch.tensor(1.0))
    assert bool(((fine - 0.25).abs() < 1e-6).logical_or((fine - 1.0).abs() < 1e-6)[:, :6].all())


def test_the_peak_of_a_parabola_is_found_between_samples() -> None:
    positions = torch.tensor([2.3, 4.0, 5.6])
    cost = (torch.arange(9.0) - positions[:, None]).square()[None]
    assert torch.allclose(peak_position(cost)[0], positions, atol=1e-5)


def test_a_peak_at_the_end_stays_there_and_a_flat_cost_is_no_error() -> None:
    assert peak_position(torch.arange(5.0)[None, None]).item() == 0.0
    assert bool(torch.isfinite(peak_position(torch.ones(2, 2, 5))).all())

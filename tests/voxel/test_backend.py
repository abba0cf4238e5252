"""The whole back end, in a small size."""

import pytest
import torch
from torch import Tensor

from amb3r_core.voxel.backend import VoxelBackend
from tests.voxel.clouds import TINY_BACKEND, wavy_surface

ROWS, COLUMNS = 3, 4


def build(seed: int = 0) -> VoxelBackend:
    torch.manual_seed(seed)
    return VoxelBackend(TINY_BACKEND).eval()


def inputs(n_scenes: int = 1, n_views: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (n_scenes, n_views, ROWS * COLUMNS)
    encoder = torch.randn(*shape, TINY_BACKEND.encoder_channels, generator=generator)
    decoder = torch.randn(*shape, TINY_BACKEND.decoder_channels, generator=generator)
    points = wavy_surface(n_scenes * n_views * 14 * ROWS * 14 * COLUMNS)
    return encoder, decoder, points.view(n_scenes, n_views, 14 * ROWS, 14 * COLUMNS, 3)


@pytest.mark.parametrize(("n_scenes", "n_views"), [(1, 1), (2, 3)])
def test_there_is_one_aligned_feature_per_patch(n_scenes: int, n_views: int) -> None:
    with torch.inference_mode():
        aligned = build()(*inputs(n_scenes, n_views))
    assert aligned.shape == (n_scenes, n_views, ROWS * COLUMNS, TINY_BACKEND.channels)
    assert aligned.isfinite().all()


def test_views_one_after_another_give_what_all_at_once_do() -> None:
    backend = build()
    at_once = backend(*inputs(2, 3)).detach()
    with torch.inference_mode():
        one_by_one = backend(*inputs(2, 3))
    assert torch.allclose(at_once, one_by_one, atol=1e-5)


def test_a_fresh_back_end_injects_nothing() -> None:
    backend = build()
    aligned = torch.randn(1, 2, 5, TINY_BACKEND.channels)
    assert not backend.initial_injection(aligned).any()
    assert not any(backend.injection(i, aligned).any() for i in range(TINY_BACKEND.n_injections))


def test_the_gate_multiplies_the_bias_too() -> None:
    backend = build()
    torch.nn.init.constant_(backend.zero_conv_layers[1].conv2.bias, 2.0)
    torch.nn.init.constant_(backend.gate_scales[1], 3.0)
    assert (backend.injection(1, torch.zeros(1, 1, 2, TINY_BACKEND.channels)) == 6).all()


def test_resizing_points_by_seven_is_picking_the_middle_of_each_half_patch() -> None:
    points = inputs()[2]
    maps = points.flatten(0, 1).permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(maps, size=(2 * ROWS, 2 * COLUMNS), mode="bilinear", align_corners=False)
    assert torch.allclose(resized.permute(0, 2, 3, 1), points[0, :, 3::7, 3::7], atol=1e-6)


def test_interp_v2_is_a_property_of_the_checkpoint_and_changes_the_answer() -> None:
    state = build().state_dict()
    assert not state["interp_v2"]
    mended = build(seed=1)
    mended.load_state_dict({**state, "interp_v2": torch.tensor(True)})
    with torch.inference_mode():
        assert not torch.allclose(mended(*inputs()), build()(*inputs()))


def test_interp_v2_looks_voxels_up_where_they_are_and_so_moves_with_the_scene() -> None:
    backend = build()
    backend.interp_v2.fill_(True)
    encoder, decoder, points = inputs()
    exact = (points * 256).round() / 256  # exact sums, so that no point changes its voxel
    with torch.inference_mode():
        here = backend(encoder, decoder, exact)
        there = backend(encoder, decoder, exact + torch.tensor([4.0, 8.0, -2.0]))
    assert torch.allclose(here, there, atol=2e-3)


def test_invalid_and_non_finite_pixels_do_not_touch_the_others() -> None:
    backend = build()
    encoder, decoder, points = inputs()
    valid = torch.ones(points.shape[:-1], dtype=torch.bool)
    valid[:, 1, 14:] = False
    with torch.inference_mode():
        kept = backend.voxel_features(points[:, :, ::14, ::14].flatten(1, 3), torch.ones(1, 24, 16))
        spoiled_points = points.clone()
        spoiled_points[:, 1, 14:] = torch.nan
        invalid = backend(encoder, decoder, points, valid=valid)
        spoiled = backend(encoder, decoder, spoiled_points)
    assert kept.isfinite().all()
    assert invalid.isfinite().all()
    assert torch.allclose(invalid[:, 0], spoiled[:, 0], atol=1e-5)


@pytest.mark.parametrize("value", [0.0, torch.nan, torch.inf, 1e30])
def test_degenerate_points_give_finite_features(value: float) -> None:
    encoder, decoder, points = inputs()
    with torch.inference_mode():
        assert build()(encoder, decoder, torch.full_like(points, value)).isfinite().all()


def test_extents_beyond_16_bits_give_finite_features() -> None:
    encoder, decoder, points = inputs()
    points[0, 0, 3, 3] = 1e5
    with torch.inference_mode():
        assert build()(encoder, decoder, points).isfinite().all()
        assert build()(encoder, decoder, 1e4 * points).isfinite().all()


def test_a_training_step_lowers_a_loss_and_leaves_the_inputs_alone() -> None:
    backend = build().train()
    encoder, decoder, points = (tensor.requires_grad_() for tensor in inputs())
    optimizer = torch.optim.Adam(backend.parameters(), lr=1e-3)
    losses: list[float] = []
    for _ in range(3):
        torch.manual_seed(0)
        aligned = backend(encoder, decoder, points)
        loss = (backend.injection(0, aligned) + backend.initial_injection(aligned) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert encoder.grad is decoder.grad is points.grad is None
    assert backend.aligner[0].weight.grad.abs().sum() > 0


def test_half_precision_products_stay_close_to_single_precision() -> None:
    backend = build()
    with torch.inference_mode():
        exact = backend(*inputs())
        for module in backend.modules():
            if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
                module.to(torch.bfloat16)
        rough = backend(*inputs())
    assert (rough - exact).abs().mean() < 0.05 * exact.abs().mean()


def test_tokens_and_points_that_do_not_fit_are_refused() -> None:
    encoder, decoder, points = inputs()
    with pytest.raises(ValueError, match="one token per 14 x 14 pixels"):
        build()(encoder, decoder, points[:, :, :-14])

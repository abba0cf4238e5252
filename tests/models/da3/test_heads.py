from dataclasses import replace

import torch

from amb3r_core.models.da3.config import tiny_any_view, tiny_single_view
from amb3r_core.models.da3.heads import ChannelNorm, DenseMaps, DualHead, SkyHead, joined
from tests.models.da3.tiny import close, tiny_any, tiny_single

GRID = (2, 3)


def taps(channels: int, n_views: int = 3) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(n_views, 6, channels) for _ in range(4)]


def dual(views_per_chunk: int = 1, *, with_rays: bool = False) -> DenseMaps:
    config = tiny_any_view()
    head = DualHead(replace(config, dense=replace(config.dense, frames_per_chunk=views_per_chunk)))
    head.load_state_dict(tiny_any().head.state_dict())
    with torch.inference_mode():
        return head(taps(64), GRID, with_rays=with_rays)


def test_every_pixel_has_a_depth_and_a_confidence_and_every_eighth_of_a_patch_a_ray() -> None:
    maps = dual(with_rays=True)
    assert maps.depth.shape == (3, 28, 42)
    assert bool((maps.depth > 0).all())
    assert maps.confidence is not None
    assert bool((maps.confidence >= 1).all())
    assert maps.rays is not None
    assert maps.rays.shape == (3, 16, 24, 6)
    assert maps.ray_confidence is not None
    assert maps.ray_confidence.shape == (3, 16, 24)


def test_depth_does_not_depend_on_whether_rays_are_asked_for() -> None:
    plain, with_rays = dual(), dual(with_rays=True)
    assert plain.rays is None
    torch.testing.assert_close(plain.depth, with_rays.depth)


def test_the_number_of_views_at_a_time_does_not_change_the_numbers() -> None:
    one, three = dual(1, with_rays=True), dual(3, with_rays=True)
    close(one.depth, three.depth)
    close(one.rays, three.rays)


def test_a_single_views_head_gives_sky_that_is_never_negative() -> None:
    head = SkyHead(tiny_single_view())
    head.load_state_dict(tiny_single().head.state_dict())
    with torch.inference_mode():
        maps = head(taps(32), GRID)
    assert maps.confidence is None
    assert maps.sky is not None
    assert maps.sky.shape == maps.depth.shape == (3, 28, 42)
    assert bool((maps.sky >= 0).all())


def test_a_channel_norm_sees_the_channels_of_one_pixel() -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 8, 3, 4)
    normed = ChannelNorm(8)(maps)
    torch.testing.assert_close(normed[1, :, 2, 3], torch.nn.functional.layer_norm(maps[1, :, 2, 3], (8,)))


def test_joining_keeps_what_is_not_there_away() -> None:
    part = DenseMaps(depth=torch.ones(1, 2, 2), sky=torch.zeros(1, 2, 2))
    whole = joined([part, part])
    assert whole.depth.shape == (2, 2, 2)
    assert whole.sky is not None
    assert whole.rays is None

"""Networks small enough for fast tests, with weights from the synthetic rule."""

from functools import cache

import torch
from torch import Tensor

from amb3r_core.inputs.images import frames_from_arrays
from amb3r_core.models.api import ImageBatch, InputSpec
from amb3r_core.models.batching import prepare
from amb3r_core.models.da3.config import Da3Config, NestedConfig, Variant, tiny_any_view, tiny_single_view
from amb3r_core.models.da3.model import Da3Model
from amb3r_core.models.da3.network import AnyViewNetwork, Da3Network, SingleViewNetwork
from tests.da3_golden import filled
from tests.synthetic_weights import synthetic_images

LONG_SIDE_PX = 70


@cache
def tiny_network(config: Da3Config | None = None) -> Da3Network:
    """A tiny network with synthetic weights, any-view if not said; shared between tests, which do not change it."""
    return filled(config or tiny_any_view(), "tiny")


def tiny_any() -> AnyViewNetwork:
    """The tiny any-view network."""
    model = tiny_network().model
    assert isinstance(model, AnyViewNetwork)
    return model


def tiny_single() -> SingleViewNetwork:
    """The tiny single-view network."""
    model = tiny_network(tiny_single_view()).model
    assert isinstance(model, SingleViewNetwork)
    return model


def tiny_pair() -> NestedConfig:
    """Both of them as one configuration."""
    return NestedConfig(any_view=tiny_any_view(), metric=tiny_single_view())


def tiny_images(n_views: int = 3, height: int = 42, width: int = 56) -> Tensor:
    """Images (1, T, 3, H, W) in [0, 1]."""
    return (synthetic_images(1, n_views, height, width) + 1) / 2


def close(one: Tensor | None, other: Tensor | None, tolerance: float = 1e-4) -> None:
    """Asserts that both are there and agree."""
    assert one is not None
    assert other is not None
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def batch(sizes: tuple[tuple[int, int], ...] = ((70, 42), (70, 42), (70, 42))) -> ImageBatch:
    """Photos of these (width, height), letterboxed into one grid when they differ."""
    images = []
    for view, (width, height) in enumerate(sizes):
        pixels = (synthetic_images(1, view + 1, height, width)[0, view] + 1) / 2
        images.append((pixels.permute(1, 2, 0) * 255).clamp(0, 255).to(torch.uint8).numpy())
    return prepare(frames_from_arrays(images).frames, InputSpec(long_side_px=LONG_SIDE_PX, multiple_px=14))


def tiny_model(config: Da3Config | None = None, variant: Variant = "da3-small", **options: object) -> Da3Model:
    """A tiny network behind the models' seam."""
    config = config or tiny_any_view()
    return Da3Model(tiny_network(config), config, variant=variant, long_side_px=LONG_SIDE_PX, **options)  # pyright: ignore

"""A network small enough for fast tests, with weights from the synthetic rule, so that every part of it matters."""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from amb3r_core.inputs.images import frames_from_arrays
from amb3r_core.models.amb3r.amb3r import Amb3rNetwork
from amb3r_core.models.amb3r.config import ModelConfig, Quirks, tiny_config
from amb3r_core.models.amb3r.model import Amb3rModel
from amb3r_core.models.amb3r.weights_files import write_safetensors
from amb3r_core.models.api import ImageBatch, InputSpec
from amb3r_core.models.batching import prepare
from amb3r_core.progress import silent
from tests.golden import build
from tests.synthetic_weights import synthetic_images

LONG_SIDE_PX = 70


@cache
def tiny_network(config: ModelConfig | None = None) -> Amb3rNetwork:
    """The tiny network with synthetic weights; shared between tests, which do not change it."""
    return build(config or tiny_config())


def mended(**quirks: bool) -> ModelConfig:
    """The tiny configuration with some quirks changed."""
    return tiny_config(quirks=Quirks(**quirks))


def tiny_images(n_views: int = 3, height: int = 42, width: int = 56) -> Tensor:
    """Images (1, T, 3, H, W) in [0, 1]."""
    return (synthetic_images(1, n_views, height, width) + 1) / 2


def tiny_model(config: ModelConfig | None = None, *, use_backend: bool = True) -> Amb3rModel:
    """The tiny network behind the models' seam."""
    return Amb3rModel(tiny_network(config), use_backend=use_backend, long_side_px=LONG_SIDE_PX)


def tiny_batch(sizes: tuple[tuple[int, int], ...] = ((70, 42), (70, 42), (42, 70))) -> ImageBatch:
    """Photos of these (width, height), letterboxed into one grid when they differ."""
    images = []
    for view, (width, height) in enumerate(sizes):
        pixels = (synthetic_images(1, view + 1, height, width)[0, view] + 1) / 2
        images.append((pixels.permute(1, 2, 0) * 255).clamp(0, 255).to(torch.uint8).numpy())
    return prepare(frames_from_arrays(images).frames, InputSpec(long_side_px=LONG_SIDE_PX, multiple_px=14))


def save_weights(network: Amb3rNetwork, path: Path) -> None:
    """Writes the network's state dict as safetensors, as an imported checkpoint lies on disk."""
    write_safetensors(path, network.state_dict(), silent)

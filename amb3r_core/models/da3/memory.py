"""How much memory a call of the networks will take, before anything is loaded."""

from dataclasses import dataclass, replace
from functools import cache

import torch

from amb3r_core.models.blocks.memory import RUNTIME_BYTES, ViewLoad
from amb3r_core.models.da3.config import AnyViewConfig, Da3Config, NestedConfig, SingleViewConfig, branches
from amb3r_core.models.da3.network import Da3Network
from amb3r_core.models.da3.precision import set_dtype

BYTES_PER_TOKEN_CHANNEL = 75.0
"""Most that all activations alive at once take per token and channel of the backbone; 32 of it are the four tapped features.

This and the next two leave some room above the peaks measured on a CPU, see `tests`.
"""
BYTES_PER_CHUNK_PIXEL_FEATURE = 6.0
"""The dense head's last layers, per pixel of the views it works on at a time and feature of its pyramid."""
BYTES_PER_PIXEL = 60.0
"""Images, depth and confidence, and what the border makes of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Da3Load(ViewLoad):
    """One call of a network."""

    config: Da3Config

    def bytes_needed(self) -> tuple[int, int]:
        """Bytes of (weights, activations) at their largest, runtime included. Of a pair one network runs after the other."""
        activations = max(_activations(self, branch) for branch in branches(self.config))
        return weight_bytes(self.config, self.dtype), int(RUNTIME_BYTES + activations)


def _activations(load: ViewLoad, config: AnyViewConfig | SingleViewConfig) -> float:
    n_pixels = load.height * load.width
    tokens = load.n_views * (n_pixels / config.backbone.patch_size**2 + 1)
    chunk = min(load.n_views, config.dense.frames_per_chunk) * n_pixels * config.dense.features
    maps = load.n_views * n_pixels * BYTES_PER_PIXEL
    return tokens * config.backbone.width * BYTES_PER_TOKEN_CHANNEL + chunk * BYTES_PER_CHUNK_PIXEL_FEATURE + maps


@cache
def weight_bytes(config: Da3Config, dtype: torch.dtype) -> int:
    """Bytes of a network's weights once loaded, each in the dtype that `set_dtype` gives it.

    The unused Gaussian head's parameters stay on disk, mapped and never read.
    """
    with torch.device("meta"):
        network = Da3Network(_without_gaussians(config))
    set_dtype(network, dtype)
    return sum(tensor.numel() * tensor.itemsize for tensor in network.parameters())


def _without_gaussians(config: Da3Config) -> Da3Config:
    if isinstance(config, NestedConfig):
        return replace(config, any_view=replace(config.any_view, gaussian_channels=None))
    return replace(config, gaussian_channels=None) if isinstance(config, AnyViewConfig) else config

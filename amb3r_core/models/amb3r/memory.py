"""How much memory a scene will take, before anything is loaded, and what to change when it is too much."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache

import torch

from amb3r_core.models.amb3r.amb3r import Amb3rNetwork
from amb3r_core.models.amb3r.config import LARGE, ModelConfig
from amb3r_core.models.amb3r.precision import compute_dtype, set_dtype
from amb3r_core.models.blocks.memory import RUNTIME_BYTES, ViewLoad, lever_sentence, running_out_named

BYTES_PER_TOKEN = {torch.float32: 100e3, torch.bfloat16: 90e3, torch.float16: 90e3}
"""Most that all activations alive at once take; four tapped features of 2 x 1024 float32 are 32 kB of it.

This and the next three leave some room above the peaks measured on a CPU with views of 518 x 392, see `tests`.
"""
BYTES_PER_BACKEND_TOKEN = 30e3
"""What the second pass holds besides: the first pass's tokens, and the features it injects."""
BYTES_PER_CHUNK_PIXEL = 1700.0
"""The dense head's last layers, per pixel of the views it works on at a time."""
BYTES_PER_PIXEL = 60.0
"""Images, depth, points and confidences of two passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(ViewLoad):
    """One call of the network."""

    use_backend: bool = True
    config: ModelConfig = LARGE

    def bytes_needed(self) -> tuple[int, int]:
        """See `estimate`."""
        return estimate(self)

    def own_lever(self) -> "tuple[str, ViewLoad] | None":
        """Doing without the back end."""
        return ("`backend=False` (less exact)", replace(self, use_backend=False)) if self.use_backend else None


def estimate(load: Load) -> tuple[int, int]:
    """Bytes of (weights, activations) at their largest, runtime included."""
    config, n_pixels = load.config, load.height * load.width
    tokens = load.n_views * (n_pixels / config.patch_size**2 + config.n_special_tokens)
    per_token = BYTES_PER_TOKEN[load.dtype] + (BYTES_PER_BACKEND_TOKEN if load.use_backend else 0)
    chunk = min(load.n_views, config.dense.frames_per_chunk) * n_pixels * BYTES_PER_CHUNK_PIXEL
    share = config.width / LARGE.width
    activations = RUNTIME_BYTES + share * (tokens * per_token + chunk) + load.n_views * n_pixels * BYTES_PER_PIXEL
    return weight_bytes(config, load.dtype, use_backend=load.use_backend), int(activations)


@cache
def weight_bytes(config: ModelConfig, dtype: torch.dtype, *, use_backend: bool = True) -> int:
    """Bytes of a network's weights once loaded, each in the dtype that `precision.set_dtype` gives it.

    The tracker's parameters stay on disk, mapped and never read.
    """
    with torch.device("meta"):
        network = Amb3rNetwork(replace(config, has_track_head=False))
    set_dtype(network, dtype)
    unused = "" if use_backend else "backend."
    kept = (tensor for name, tensor in network.named_parameters() if not (unused and name.startswith(unused)))
    return sum(tensor.numel() * tensor.itemsize for tensor in kept)


def naming_levers(network: Amb3rNetwork, name: str, n_views: int) -> AbstractContextManager[None]:
    """Turns running out of memory inside the block into a `ResourceError` that says what to change."""
    device = next(network.parameters()).device
    return running_out_named(name, lambda: lever_sentence(device, compute_dtype(network), n_views))

"""Which parts of the network compute in which number type."""

import torch
from torch import nn

from amb3r_core.models.amb3r.amb3r import Amb3rNetwork
from amb3r_core.models.blocks.precision import put_in_dtype


def compute_dtype(network: Amb3rNetwork) -> torch.dtype:
    """The dtype that `set_dtype` put the network in."""
    return network.front_end.model.aggregator.patch_embed.patch_embed.proj.weight.dtype


def set_dtype(network: Amb3rNetwork, dtype: torch.dtype) -> None:
    """Puts the weights of the encoder, the decoder and the back end around its point transformer in `dtype`, others in float32.

    Only matrices and kernels change: norms, tokens, layer scales and the residual stream stay in float32, and so do all heads
    and the point transformer, as in the published half-precision setup. The tracker's unused parameters are left alone.
    """
    fast: list[nn.Module] = [network.front_end.model.aggregator]
    if network.backend is not None:
        fast += [part for name, part in network.backend.named_children() if name != "point_transformer"]
    tracker = network.front_end.model.track_head
    untouched: set[int] = set() if tracker is None else {id(part) for part in tracker.modules()}
    put_in_dtype(network, fast, dtype, left_alone=untouched)

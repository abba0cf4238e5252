"""Which parts of the networks compute in which number type."""

import torch
from torch import nn

from amb3r_core.models.blocks.precision import put_in_dtype
from amb3r_core.models.da3.backbone import Backbone
from amb3r_core.models.da3.heads import GaussianHead
from amb3r_core.models.da3.network import Da3Network


def compute_dtype(network: Da3Network) -> torch.dtype:
    """The dtype that `set_dtype` put the network in."""
    return next(part for part in network.modules() if isinstance(part, Backbone)).pretrained.patch_embed.proj.weight.dtype


def set_dtype(network: Da3Network, dtype: torch.dtype) -> None:
    """Puts the matrices and kernels of the backbone in `dtype` and all else in float32, as the published package computes.

    Norms, tokens, layer scales and so the residual stream stay in float32. The unused Gaussian head's parameters are left alone.
    """
    fast: list[nn.Module] = [part for part in network.modules() if isinstance(part, Backbone)]
    unused = [part for part in network.modules() if isinstance(part, GaussianHead)]
    put_in_dtype(network, fast, dtype, left_alone={id(part) for root in unused for part in root.modules()})

"""Which form of the sparse operations runs."""

import torch

from amb3r_core.voxel.ops import SparseOps, TorchOps
from amb3r_core.voxel.ops_spconv import SpconvOps, has_spconv


def choose_ops(device: torch.device) -> SparseOps:
    """The fastest operations for tensors on a device: spconv's on CUDA where it is installed, else plain torch."""
    return SpconvOps() if device.type == "cuda" and has_spconv() else TorchOps()

"""Sparse convolutions by spconv's kernels, for CUDA; everything else as in plain torch."""

import importlib.util
import warnings
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from amb3r_core.optional import require
from amb3r_core.voxel.ops import Reduction, TorchOps
from amb3r_core.voxel.sites import SparseSites


def has_spconv() -> bool:
    """Whether spconv is installed."""
    return importlib.util.find_spec("spconv") is not None


class SpconvOps:
    """The operations of `SparseOps`, the convolution by spconv.

    On CUDA spconv picks its algorithm; on CPU, where only its native one runs, this serves the tests.
    Half-precision weights, and autocast on CUDA, make spconv compute in float16, as it does for the published network.
    """

    def __init__(self) -> None:
        self._plain = TorchOps()
        self._spconv = _import_spconv()
        self._pairs: WeakKeyDictionary[SparseSites, dict[str, Any]] = WeakKeyDictionary()

    def reduce(self, values: Tensor, group: Tensor, n_groups: int, how: Reduction) -> Tensor:
        """See `SparseOps.reduce`."""
        return self._plain.reduce(values, group, n_groups, how)

    def nearest(self, queries: Tensor, points: Tensor, k: int) -> Tensor:
        """See `SparseOps.nearest`."""
        return self._plain.nearest(queries, points, k)

    def submanifold_conv(self, features: Tensor, weight: Tensor, bias: Tensor | None, sites: SparseSites) -> Tensor:
        """See `SparseOps.submanifold_conv`."""
        if weight.dtype in (torch.float16, torch.bfloat16):
            half_bias = None if bias is None else bias.half()
            return self._convolve(features.half(), weight.half(), half_bias, sites).float()
        return self._convolve(features.to(weight.dtype), weight, bias, sites)

    def _convolve(self, features: Tensor, weight: Tensor, bias: Tensor | None, sites: SparseSites) -> Tensor:
        kernel_size = weight.shape[1]
        # Pairs made without a gradient in view lack what the backward pass needs, so the two kinds are kept apart.
        key = f"{kernel_size}-{torch.is_grad_enabled()}"
        algorithm = None if features.is_cuda else self._spconv.ConvAlgo.Native
        with torch.device("meta"):
            conv = self._spconv.SubMConv3d(
                weight.shape[-1], weight.shape[0], kernel_size, bias=bias is not None, indice_key=key, algo=algorithm
            )
        conv.train(torch.is_grad_enabled())
        parameters = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        out: Tensor = torch.func.functional_call(conv, parameters, (self._sparse_tensor(features, sites),)).features
        return out

    def _sparse_tensor(self, features: Tensor, sites: SparseSites) -> Any:
        shape = [int(extent) + 1 for extent in sites.index[:, 1:].amax(dim=0)]
        n_scenes = int(sites.index[:, 0].max()) + 1
        pairs = self._pairs.setdefault(sites, {})
        return self._spconv.SparseConvTensor(features, sites.index.int().contiguous(), shape, n_scenes, indice_dict=pairs)


def _import_spconv() -> ModuleType:
    with warnings.catch_warnings():
        # spconv decorates with names that newer torch versions call old.
        warnings.simplefilter("ignore", FutureWarning)
        return require("spconv.pytorch", extra="cuda", purpose="sparse convolutions on CUDA")

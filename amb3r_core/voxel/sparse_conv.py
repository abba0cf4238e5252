"""Submanifold convolution in plain torch: gather, multiply and add, one kernel offset after another."""

from typing import Any

import torch
from torch import Tensor

from amb3r_core.voxel.sites import OffsetPairs

PAIRS_AT_ONCE = 4096
"""Rows gathered at a time: small enough for the caches and for memory that is reused instead of mapped anew."""


def submanifold_conv(features: Tensor, weight: Tensor, bias: Tensor | None, table: tuple[OffsetPairs, ...]) -> Tensor:
    """(V, C_out) from features (V, C_in) and weight (C_out, k, k, k, C_in), over a table of neighbour pairs.

    Products run in the weight's dtype, or in autocast's, and are summed in float32 or better.
    """
    device = features.device.type
    product_dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
    with torch.autocast(device, enabled=False):
        out: Tensor = _SubmanifoldConv.apply(features, weight.flatten(1, 3), table, product_dtype)  # pyright: ignore[reportUnknownMemberType]
        return out if bias is None else out + bias


class _SubmanifoldConv(torch.autograd.Function):
    """Written out because autograd would keep the gathered rows, and a whole weight gradient, per offset."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, table: tuple[OffsetPairs, ...], product_dtype: torch.dtype) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.table, ctx.product_dtype = table, product_dtype
        rows, kernels = features.to(product_dtype), weight.to(product_dtype)
        out = _accumulator(features, len(weight))
        for offset, outputs, inputs in _chunks(table):
            _add_rows(out, outputs, rows.index_select(0, inputs) @ kernels[:, offset].t())
        return out

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor, None, None]:
        features, weight = ctx.saved_tensors
        grad_rows, rows = grad_outputs[0].to(ctx.product_dtype), features.to(ctx.product_dtype)
        kernels = weight.to(ctx.product_dtype)
        grad_features, grad_weight = _accumulator(features, features.shape[1]), torch.zeros_like(weight)
        for offset, outputs, inputs in _chunks(ctx.table):
            grad = grad_rows.index_select(0, outputs)
            _add_rows(grad_features, inputs, grad @ kernels[:, offset])
            grad_weight[:, offset] += grad.t() @ rows.index_select(0, inputs)
        return grad_features.to(features.dtype), grad_weight, None, None


def _accumulator(features: Tensor, channels: int) -> Tensor:
    dtype = torch.promote_types(features.dtype, torch.float32)
    return torch.zeros(len(features), channels, dtype=dtype, device=features.device)


def _add_rows(total: Tensor, rows: Tensor, values: Tensor) -> None:
    """total[rows] += values, for rows that are all different: nothing races, so the sum is the same each time."""
    total.index_add_(0, rows, values.to(total.dtype))


def _chunks(table: tuple[OffsetPairs, ...]) -> list[tuple[int, Tensor, Tensor]]:
    return [
        (pairs.offset, outputs, inputs)
        for pairs in table
        for outputs, inputs in zip(
            torch.split(pairs.outputs, PAIRS_AT_ONCE), torch.split(pairs.inputs, PAIRS_AT_ONCE), strict=True
        )
    ]

"""Submanifold convolution in plain torch: gather, multiply and add, one kernel offset after another."""

from typing import Any

import torch
from torch import Tensor

from amb3r_core.voxel.sites import OffsetPairs


def submanifold_conv(features: Tensor, weight: Tensor, bias: Tensor | None, table: tuple[OffsetPairs, ...]) -> Tensor:
    """(V, C_out) from features (V, C_in) and weight (C_out, k, k, k, C_in), over a table of neighbour pairs.

    Under autocast the products run in its dtype and are summed in the dtype of the features.
    """
    device = features.device.type
    product_dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else features.dtype
    with torch.autocast(device, enabled=False):
        out: Tensor = _SubmanifoldConv.apply(features, weight.flatten(1, 3), table, product_dtype)  # pyright: ignore
        return out if bias is None else out + bias


class _SubmanifoldConv(torch.autograd.Function):
    """Written out because autograd would keep the gathered rows, and a whole weight gradient, per offset."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, table: tuple[OffsetPairs, ...], product_dtype: torch.dtype
    ) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.table, ctx.product_dtype = table, product_dtype
        rows, kernels = features.to(product_dtype), weight.to(product_dtype)
        out = features.new_zeros(len(features), len(weight))
        for pairs in table:
            product = rows[pairs.inputs] @ kernels[:, pairs.offset].t()
            out.index_add_(0, pairs.outputs, product.to(out.dtype))
        return out

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor, None, None]:
        features, weight = ctx.saved_tensors
        (grad_out,) = grad_outputs
        grad_rows, rows = grad_out.to(ctx.product_dtype), features.to(ctx.product_dtype)
        kernels = weight.to(ctx.product_dtype)
        grad_features, grad_weight = torch.zeros_like(features), torch.zeros_like(weight)
        for pairs in ctx.table:
            grad = grad_rows[pairs.outputs]
            grad_features.index_add_(0, pairs.inputs, (grad @ kernels[:, pairs.offset]).to(features.dtype))
            grad_weight[:, pairs.offset] = grad.t() @ rows[pairs.inputs]
        return grad_features, grad_weight, None, None

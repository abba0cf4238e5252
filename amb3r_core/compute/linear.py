"""Linear layers in the dtype of their weights, with one fused kernel for inference on CPUs and plain torch everywhere else."""

from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Activation = Literal["none", "gelu"]


def linear(x: Tensor, layer: nn.Linear, activation: Activation = "none") -> Tensor:
    """The layer's answer (..., C_out) for x (..., C_in), followed by the exact GELU if asked."""
    return _product(x, layer.weight, layer.bias, activation)


def pointwise(x: Tensor, layer: nn.Conv2d, activation: Activation = "none") -> Tensor:
    """A 1x1 convolution of token rows x (..., C_in) as the matrix product it is, with no transposing into maps."""
    return _product(x, layer.weight.flatten(1), layer.bias, activation)


def plain_linear(x: Tensor, weight: Tensor, bias: Tensor | None, activation: Activation = "none") -> Tensor:
    """The plain torch twin of the fused kernel; x (..., C_in), weight (C_out, C_in), bias (C_out,)."""
    y = functional.linear(x, weight, bias)
    return functional.gelu(y) if activation == "gelu" else y


@cache
def has_fused_kernel(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies this dtype on this processor, tried once: half precision wants AVX512 or AMX."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    ones = torch.ones(16, 16, dtype=dtype)
    try:
        with torch.inference_mode():
            _fused_linear(ones, ones, None, "none")
    except RuntimeError:  # "could not create a primitive descriptor"
        return False
    return True


def _product(x: Tensor, weight: Tensor, bias: Tensor | None, activation: Activation) -> Tensor:
    x = x.to(weight.dtype)
    return _fused_linear(x, weight, bias, activation) if _can_fuse(x) else plain_linear(x, weight, bias, activation)


def _can_fuse(x: Tensor) -> bool:
    """oneDNN's product beats torch's default one on CPUs (10 to 30 % on AVX512) and gives GELU for free; it has no gradient."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.bfloat16)
        and not torch.is_grad_enabled()
        and has_fused_kernel(x.dtype)
    )


def _fused_linear(x: Tensor, weight: Tensor, bias: Tensor | None, activation: Activation) -> Tensor:
    operator = torch.ops.mkldnn._linear_pointwise
    return operator(x, weight, bias, activation, [], "none")

"""Layers applied in the dtype of their weights, so that products may be bfloat16 while sums and norms stay float32."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Chain(nn.Sequential):
    """Layers one after another, each in the dtype of its own weight."""

    def forward(self, input: Tensor) -> Tensor:
        """The last layer's answer."""
        for layer in self:
            weight = getattr(layer, "weight", None)
            input = layer(input.to(weight.dtype) if isinstance(weight, torch.Tensor) else input)
        return input


def linear(x: Tensor, layer: nn.Linear) -> Tensor:
    """The layer's answer for x (..., C_in), in the dtype of its weight."""
    return layer(x.to(layer.weight.dtype))


def pointwise(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """A 1x1 convolution of token rows x (..., C_in) as the matrix product it is, with no transposing into maps."""
    return functional.linear(x.to(layer.weight.dtype), layer.weight.flatten(1), layer.bias)

"""Layers applied in the dtype of their weights, so that products may be bfloat16 while sums and norms stay float32."""

import torch
from torch import Tensor, nn


class Chain(nn.Sequential):
    """Layers one after another, each in the dtype of its own weight."""

    def forward(self, input: Tensor) -> Tensor:
        """The last layer's answer."""
        for layer in self:
            weight = getattr(layer, "weight", None)
            input = layer(input.to(weight.dtype) if isinstance(weight, torch.Tensor) else input)
        return input

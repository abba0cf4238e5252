import pytest
import torch
from torch import nn

from amb3r_core.compute.linear import Activation, linear, plain_linear, pointwise


@pytest.mark.parametrize("activation", ["none", "gelu"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.bfloat16, 2e-2)])
def test_the_fused_kernel_agrees_with_plain_torch(activation: Activation, dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(48, 80).to(dtype)
    x = torch.randn(2, 33, 48, dtype=dtype)
    with torch.inference_mode():
        fused = linear(x, layer, activation)
    plain = plain_linear(x.float(), layer.weight.float(), layer.bias.float(), activation)
    torch.testing.assert_close(fused.float(), plain, rtol=tolerance, atol=tolerance)


def test_the_input_follows_the_dtype_of_the_weight() -> None:
    layer = nn.Linear(8, 8).bfloat16()
    with torch.inference_mode():
        assert linear(torch.randn(3, 8), layer).dtype == torch.bfloat16


def test_gradients_flow_when_they_are_asked_for() -> None:
    layer = nn.Linear(8, 8)
    linear(torch.randn(3, 8), layer, "gelu").sum().backward()
    assert layer.weight.grad is not None


def test_a_pointwise_convolution_is_the_convolution() -> None:
    torch.manual_seed(0)
    layer, maps = nn.Conv2d(8, 12, kernel_size=1), torch.randn(2, 8, 3, 5)
    torch.testing.assert_close(pointwise(maps.permute(0, 2, 3, 1), layer).permute(0, 3, 1, 2), layer(maps))

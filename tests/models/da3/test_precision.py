import torch
from torch import nn

from amb3r_core.models.da3.config import tiny_any_view
from amb3r_core.models.da3.precision import compute_dtype, set_dtype
from tests.da3_golden import filled
from tests.models.da3.tiny import tiny_pair


def test_only_the_matrices_of_the_backbones_change() -> None:
    for config in (tiny_any_view(gaussian_channels=4), tiny_pair()):
        network = filled(config, "tiny")
        set_dtype(network, torch.bfloat16)
        assert compute_dtype(network) == torch.bfloat16
        for name, parameter in network.named_parameters():
            is_matrix = "backbone.pretrained" in name and parameter.ndim >= 2 and not name.endswith(("token", "pos_embed"))
            biases_follow = "backbone.pretrained" in name and parameter.ndim == 1 and "norm" not in name and "gamma" not in name
            assert (parameter.dtype == torch.bfloat16) == (is_matrix or biases_follow), name


def test_norms_stay_exact() -> None:
    network = filled(tiny_any_view(), "tiny")
    set_dtype(network, torch.bfloat16)
    assert {module.weight.dtype for module in network.modules() if isinstance(module, nn.LayerNorm)} == {torch.float32}
    set_dtype(network, torch.float32)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}

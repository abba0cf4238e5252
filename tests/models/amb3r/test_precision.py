import pytest
import torch
from torch import nn

from amb3r_core.errors import InputError
from amb3r_core.models.amb3r.config import tiny_config
from amb3r_core.models.amb3r.precision import choose_dtype, has_native_bfloat16, set_dtype
from tests.golden import build
from tests.models.amb3r.tiny import tiny_images

CPU = torch.device("cpu")


def test_auto_is_bfloat16_where_the_hardware_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, wanted in (("_is_avx512_bf16_supported", torch.bfloat16), ("_is_vnni_supported", torch.float32)):
        for feature in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
            monkeypatch.setattr(torch.cpu, feature, lambda feature=feature, name=name: feature == name, raising=False)
        assert choose_dtype("auto", CPU) == wanted


def test_a_wish_is_followed_but_for_float16_on_a_cpu() -> None:
    assert choose_dtype("float32", CPU) == torch.float32
    assert isinstance(has_native_bfloat16(CPU), bool)
    with pytest.raises(InputError, match="use bfloat16 or float32"):
        choose_dtype("float16", CPU)


def test_half_precision_changes_matrices_of_the_trunk_only_and_little_of_the_answer() -> None:
    network, images = build(tiny_config()), tiny_images(2)
    with torch.inference_mode():
        exact = network.draft(images)
        set_dtype(network, torch.bfloat16)
        rough = network.draft(images)
    model = network.front_end.model
    trunk = {parameter.dtype for module in model.aggregator.modules() for parameter in own_parameters(module, nn.Linear)}
    assert trunk == {torch.bfloat16}
    assert {parameter.dtype for parameter in model.depth_head.parameters()} == {torch.float32}
    assert {module.weight.dtype for module in network.modules() if isinstance(module, nn.LayerNorm)} == {torch.float32}
    assert exact.depth is not None
    assert rough.depth is not None
    change = (rough.depth.values - exact.depth.values).abs().mean() / exact.depth.values.abs().mean()
    assert 0 < change < 0.05
    with torch.inference_mode():
        assert all(bool(tensor.isfinite().all()) for tensor in (network.refine(network.draft(images)).poses,))


def own_parameters(module: nn.Module, kind: type[nn.Module]) -> list[nn.Parameter]:
    return list(module.parameters(recurse=False)) if isinstance(module, kind) else []

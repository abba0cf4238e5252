import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from amb3r_core.compute.linear import has_fused_kernel
from amb3r_core.errors import InputError
from amb3r_core.models.amb3r.config import tiny_config
from amb3r_core.models.amb3r.model import Amb3rModel
from amb3r_core.models.amb3r.precision import choose_dtype, compute_dtype, exact_products, has_native_bfloat16, set_dtype
from tests.golden import build
from tests.models.amb3r.tiny import tiny_batch, tiny_images, tiny_network
from tests.paths import ROOT

CPU = torch.device("cpu")


WITHOUT_AVX512 = """
import torch
from torch import nn

from amb3r_core.errors import InputError
from amb3r_core.compute.linear import linear
from amb3r_core.models.amb3r.memory import Load, plan
from amb3r_core.models.amb3r.precision import choose_dtype

CPU = torch.device("cpu")
assert choose_dtype("auto", CPU) == torch.float32
try:
    choose_dtype("bfloat16", CPU)
except InputError as error:
    print(error)
with torch.inference_mode():
    layer, x = nn.Linear(8, 8).bfloat16(), torch.randn(3, 8)
    exact = layer.float()(x)
    assert (linear(x, layer.bfloat16()) - exact).abs().max() < 0.1
print(plan(Load(n_views=8, height=392, width=518, dtype=torch.float32), 7 * 10**9).levers)
"""


def test_a_processor_without_bfloat16_kernels_is_never_sent_there() -> None:
    """oneDNN is told to use AVX2 alone, as on a processor that has no more."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_AVX512],
        cwd=ROOT,
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    refusal, levers = done.stdout.splitlines()
    assert 'use `dtype="float32"`' in refusal
    assert "`long_side=" in levers
    assert "bfloat16" not in levers


def test_auto_is_bfloat16_where_the_hardware_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = torch.bfloat16 if has_fused_kernel(torch.bfloat16) else torch.float32
    for name, wanted in (("_is_avx512_bf16_supported", fast), ("_is_vnni_supported", torch.float32)):
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


@pytest.fixture
def rounding_allowed() -> Iterator[None]:
    """A host that lets float32 products be rounded, as far as this version of torch can say so."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


def rounding() -> tuple[object, ...]:
    """What torch may do to float32 products now."""
    backends = torch.backends
    if not hasattr(backends.cudnn, "conv"):
        return backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32
    return backends.cudnn.conv.fp32_precision, backends.cuda.matmul.fp32_precision


@pytest.mark.usefixtures("rounding_allowed")
def test_a_float32_network_multiplies_exactly_and_leaves_the_process_as_it_was() -> None:
    before, inside = rounding(), []
    Amb3rModel(tiny_network()).predict(tiny_batch(), monitor=lambda _: inside.append(rounding()))
    assert set(inside) <= {("ieee", "ieee"), (False, False)}
    assert rounding() == before != inside[0]


@pytest.mark.usefixtures("rounding_allowed")
def test_the_process_is_as_it_was_after_an_error_too() -> None:
    before = rounding()
    with pytest.raises(RuntimeError, match="stop"), exact_products(torch.float32):
        raise RuntimeError("stop")
    assert rounding() == before


@pytest.mark.usefixtures("rounding_allowed")
def test_half_precision_leaves_rounding_to_the_process() -> None:
    before = rounding()
    with exact_products(torch.bfloat16):
        assert rounding() == before


def test_a_network_says_which_dtype_it_computes_in() -> None:
    network = build(tiny_config())
    for dtype in (torch.float32, torch.bfloat16):
        set_dtype(network, dtype)
        assert compute_dtype(network) == dtype

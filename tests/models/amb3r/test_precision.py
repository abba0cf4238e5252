import os
import subprocess
import sys

import torch
from torch import nn

from amb3r_core.models.amb3r.config import tiny_config
from amb3r_core.models.amb3r.precision import compute_dtype, set_dtype
from tests.golden import build
from tests.models.amb3r.tiny import tiny_images
from tests.paths import ROOT

CPU = torch.device("cpu")


WITHOUT_AVX512 = """
import torch
from torch import nn

from amb3r_core.errors import InputError
from amb3r_core.compute.linear import linear
from amb3r_core.models.amb3r.memory import Load
from amb3r_core.models.blocks.memory import plan
from amb3r_core.models.blocks.precision import choose_dtype

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


def test_a_network_says_which_dtype_it_computes_in() -> None:
    network = build(tiny_config())
    for dtype in (torch.float32, torch.bfloat16):
        set_dtype(network, dtype)
        assert compute_dtype(network) == dtype

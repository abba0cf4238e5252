"""How fast the network runs here, part by part, against the machine's own matrix product, and how much memory it takes.

    python benchmarks/network.py [--views 4] [--size 518x392] [--dtype float32|bfloat16|both] [--passes full|answer]

The peak is the rate of a matrix product of the same dtype, sampled between steps of the network all through the run, so that
a busy machine slows both alike. Only products that run are counted (linear layers, convolutions, attention): norms,
activations and memory traffic lower a part's share. "both" also prints how far bfloat16's depth is from
float32's. Weights are synthetic: with them the second pass is chaotic, as points that move by a thirtieth of a voxel change
the depth by a tenth, so the third number gives bfloat16's second pass float32's points.
"""

import argparse
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.hooks import RemovableHandle

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from amb3r_core.models.amb3r.amb3r import Amb3rNetwork, Outputs, Pass
from amb3r_core.models.amb3r.attention import Block
from amb3r_core.models.amb3r.config import LARGE, ModelConfig
from amb3r_core.models.amb3r.dense import Fusion, Pyramid
from amb3r_core.models.amb3r.model import ANSWER
from amb3r_core.models.amb3r.precision import set_dtype
from tests.golden import build
from tests.synthetic_weights import synthetic_images

PEAK_SIZE = 2048
SECONDS_BETWEEN_SAMPLES = 0.5
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class Meter:
    """Seconds and products of each part of the network, and the products the machine could have done meanwhile.

    A part's own time leaves out the parts inside it and the time it takes to sample the peak.
    """

    flops_so_far: Callable[[], int]
    sample_peak: Callable[[], float]
    synchronize: Callable[[], None]
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    flops: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    possible: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    open: list[str] = field(default_factory=list)
    pending: list[tuple[str, float]] = field(default_factory=list)
    peak: float = 0.0
    last: tuple[float, int] = (0.0, 0)

    def watch(self, name: str, module: nn.Module) -> list[RemovableHandle]:
        """Hooks that count what happens inside the module."""
        before = module.register_forward_pre_hook(lambda *_: self._switch(lambda: self.open.append(name)))
        after = module.register_forward_hook(lambda *_: self._switch(self.open.pop))
        return [before, after]

    def watch_step(self, module: nn.Module) -> RemovableHandle:
        """A hook that only gives an occasion to sample the peak."""
        return module.register_forward_pre_hook(lambda *_: self._switch(lambda: None))

    def _switch(self, change: Callable[[], object]) -> None:
        self.synchronize()
        now = (time.perf_counter(), self.flops_so_far())
        if self.open:
            part, seconds = self.open[-1], now[0] - self.last[0]
            self.seconds[part] += seconds
            self.flops[part] += now[1] - self.last[1]
            self.pending.append((part, seconds))
        if not self.peak or sum(seconds for _, seconds in self.pending) > SECONDS_BETWEEN_SAMPLES:
            self.settle()
        change()
        self.last = (time.perf_counter(), now[1])

    def settle(self) -> None:
        """Samples the peak and counts what was possible since the last sample, at the mean of the two rates."""
        rate = self.sample_peak()
        for part, seconds in self.pending:
            self.possible[part] += seconds * ((self.peak or rate) + rate) / 2
        self.pending.clear()
        self.peak = rate


def parts(network: Amb3rNetwork) -> list[tuple[str, nn.Module]]:
    """The parts that are timed; injections run inside the decoder but are the back end's layers."""
    model, backend = network.front_end.model, network.backend
    assert backend is not None
    assert network.front_end.metric_scale_projector is not None
    return [
        ("encoder", model.aggregator.patch_embed),
        ("decoder", model.aggregator),
        ("camera head", model.camera_head),
        ("depth head", model.depth_head),
        ("point head", model.point_head),
        ("scale head", network.front_end.metric_scale_projector),
        ("back end", backend),
        *(("injection", layer) for layer in (backend.zero_conv, *backend.zero_conv_layers)),
    ]


def measure(network: Amb3rNetwork, images: Tensor, dtype: torch.dtype, passes: str) -> list[Pass]:
    """Runs both passes once, prints the table, and gives back both."""
    first_heads, second_heads = (Outputs.ALL, Outputs.ALL) if passes == "full" else (Outputs.POINTS, ANSWER)
    counter = FlopCounterMode(display=False, custom_mapping=_extra_formulas())
    square = torch.randn(PEAK_SIZE, PEAK_SIZE, device=images.device).to(dtype)
    synchronize = _synchronizer(images.device)
    meter = Meter(counter.get_total_flops, lambda: peak_rate(square, synchronize), synchronize)
    assert network.backend is not None
    handles = [handle for name, module in parts(network) for handle in meter.watch(name, module)]
    handles += [meter.watch_step(module) for module in network.modules() if isinstance(module, Block | Pyramid | Fusion)]
    # Counting slows everything down, so only the back end, whose products depend on the points, is counted while it runs.
    handles.append(network.backend.register_forward_pre_hook(lambda *_: enter(counter)))
    handles.append(network.backend.register_forward_hook(lambda *_: counter.__exit__(None, None, None)))
    with torch.inference_mode():
        first = network.draft(images, first_heads)
        second = network.refine(first, second_heads)
    meter.settle()
    for handle in handles:
        handle.remove()
    for part, products in count_products(network.config, images, first_heads, second_heads).items():
        meter.flops[part] += products
    _print(meter, dtype)
    return [first, second]


def enter(counter: FlopCounterMode) -> None:
    """Begins to count."""
    counter.__enter__()


def count_products(config: ModelConfig, images: Tensor, first_heads: Outputs, second_heads: Outputs) -> dict[str, int]:
    """Products of each part but the back end, from shapes alone."""
    with torch.device("meta"):
        network = Amb3rNetwork(config)
    assert network.backend is not None
    counter = FlopCounterMode(display=False, custom_mapping=_extra_formulas())
    meter = Meter(counter.get_total_flops, lambda: 1.0, lambda: None)
    network.backend.forward = lambda encoder_tokens, *_, **__: torch.empty_like(encoder_tokens)
    for name, module in parts(network):
        meter.watch(name, module)
    with torch.inference_mode(), counter:
        network.refine(network.draft(images.to("meta"), first_heads), second_heads)
    return meter.flops


def peak_rate(square: Tensor, synchronize: Callable[[], None]) -> float:
    """Products per second of a large matrix product, not counted as the network's."""
    with torch.utils._python_dispatch._disable_current_modes():
        synchronize()
        start = time.perf_counter()
        square @ square
        synchronize()
        return 2 * PEAK_SIZE**3 / (time.perf_counter() - start)


def _synchronizer(device: torch.device) -> Callable[[], None]:
    return (lambda: torch.accelerator.synchronize(device)) if device.type != "cpu" else (lambda: None)


def _extra_formulas() -> dict[object, Callable[..., int]]:
    """Products of kernels that torch's counter does not know."""

    def linear(x: tuple[int, ...], weight: tuple[int, ...], *_: object, **__: object) -> int:
        rows = 1
        for size in x[:-1]:
            rows *= size
        return 2 * rows * weight[0] * weight[1]

    def attention(query: tuple[int, ...], key: tuple[int, ...], *_: object, **__: object) -> int:
        batch, heads, length, channels = query
        return 4 * batch * heads * length * key[2] * channels

    formulas: dict[object, Callable[..., int]] = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention}
    if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        formulas[torch.ops.mkldnn._linear_pointwise] = linear
    return formulas


def _print(meter: Meter, dtype: torch.dtype) -> None:
    print(f"\n{dtype}, {torch.get_num_threads()} threads")
    print(f"{'part':12s} {'seconds':>8s} {'TFLOP':>8s} {'GFLOP/s':>8s} {'peak':>8s} {'of peak':>8s}")
    for name in sorted(meter.seconds, key=lambda part: -meter.seconds[part]):
        _row(name, meter.seconds[name], meter.flops[name], meter.possible[name])
    _row("overall", *(sum(column.values()) for column in (meter.seconds, meter.flops, meter.possible)))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"most memory held by the process so far: {most / 2**20:.2f} GiB", flush=True)


def _row(name: str, seconds: float, flops: float, possible: float) -> None:
    rates = f"{flops / seconds / 1e9:8.1f} {possible / seconds / 1e9:8.1f}"
    print(f"{name:12s} {seconds:8.2f} {flops / 1e12:8.3f} {rates} {flops / possible:8.1%}")


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--size", default="518x392", metavar="HxW")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16", "both"), default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--passes", choices=("full", "answer"), default="full", help="answer: only the heads `predict` needs")
    arguments = parser.parse_args()
    height, width = (int(side) for side in arguments.size.split("x"))
    device = torch.device(arguments.device)
    dtypes = ("float32", "bfloat16") if arguments.dtype == "both" else (arguments.dtype,)
    network = build(LARGE, dtype=DTYPES[dtypes[0]]).to(device)
    images = ((synthetic_images(1, arguments.views, height, width) + 1) / 2).to(device)
    runs: list[list[Pass]] = []
    for name in dtypes:
        set_dtype(network, DTYPES[name])
        runs.append(measure(network, images, DTYPES[name], arguments.passes))
    if len(runs) == 2 and arguments.passes == "full":
        exact, rough = runs
        with torch.inference_mode():
            same_points = network.refine(replace(rough[0], points=exact[0].points), ANSWER)
        print("mean change of depth from float32 to bfloat16:")
        print(
            f"  first pass {depth_change(rough[0], exact[0]):.2%}, second pass {depth_change(rough[1], exact[1]):.2%}, ", end=""
        )
        print(f"second pass with the same points {depth_change(same_points, exact[1]):.2%}")


def depth_change(one: Pass, other: Pass) -> float:
    """Mean absolute difference of the depths over the mean depth."""
    assert one.depth is not None
    assert other.depth is not None
    return float((one.depth.values - other.depth.values).abs().mean() / other.depth.values.abs().mean())


if __name__ == "__main__":
    main()

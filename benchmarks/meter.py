"""Counting products and seconds of a network's parts, against what the machine's own matrix product could have done meanwhile."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from amb3r_core.compute.linear import linear

PEAK_SIZE = 2048
SECONDS_BETWEEN_SAMPLES = 1.0


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

    def rows(self) -> list[dict[str, object]]:
        """Every part as numbers: seconds, products, and the share of what was possible."""
        return [
            {
                "part": name,
                "seconds": self.seconds[name],
                "flop": self.flops[name],
                "of_peak": self.flops[name] / self.possible[name],
            }
            for name in self.seconds
        ]

    def print_table(self) -> None:
        """Every part, the slowest first, and all together."""
        print(f"{'part':12s} {'seconds':>8s} {'TFLOP':>8s} {'GFLOP/s':>8s} {'peak':>8s} {'of peak':>8s}")
        for name in sorted(self.seconds, key=lambda part: -self.seconds[part]):
            _print_row(name, self.seconds[name], self.flops[name], self.possible[name])
        _print_row("overall", *(sum(column.values()) for column in (self.seconds, self.flops, self.possible)))


def _print_row(name: str, seconds: float, flops: float, possible: float) -> None:
    rates = f"{flops / seconds / 1e9:8.1f} {possible / seconds / 1e9:8.1f}"
    print(f"{name:12s} {seconds:8.2f} {flops / 1e12:8.3f} {rates} {flops / possible:8.1%}")


def random_square(device: torch.device, dtype: torch.dtype) -> nn.Linear:
    """The matrix whose product with itself is the peak, as a layer."""
    return nn.Linear(PEAK_SIZE, PEAK_SIZE, bias=False, device=device, dtype=dtype)


def peak_rate(square: nn.Linear, synchronize: Callable[[], None]) -> float:
    """Products per second of a large matrix product, by the faster of the two kernels there are here."""
    weight = square.weight.detach()
    with torch.inference_mode():
        return max(_rate(multiply, synchronize) for multiply in (lambda: weight @ weight, lambda: linear(weight, square)))


def _rate(multiply: Callable[[], Tensor], synchronize: Callable[[], None]) -> float:
    synchronize()
    start = time.perf_counter()
    multiply()
    synchronize()
    return 2 * PEAK_SIZE**3 / (time.perf_counter() - start)


def synchronizer(device: torch.device) -> Callable[[], None]:
    """What to call before reading the clock."""
    return (lambda: torch.accelerator.synchronize(device)) if device.type != "cpu" else (lambda: None)


def extra_formulas() -> dict[object, Callable[..., int]]:
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

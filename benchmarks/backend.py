"""How the voxel back end's time grows with the number of points.

    python benchmarks/backend.py [--points 10000 40000 160000] [--small] [--displaced] [--threads N] [--repeats R]

Points lie on a bent sheet whose area grows with their number, as more views of more scene give them. Beside the seconds per part
it prints how much more each size costs than the one before, and that ratio over the one of n log n: about 1 or less is the aim.
The cost is the processor time of all threads, which other work on the machine hardly changes, or on a GPU the time that passes.
--displaced looks voxels up as interp_v2=False does, with points far from where their voxels are. --small is a network with the
same stages and an eighth of the channels.
"""

import argparse
import sys
import time
from dataclasses import replace
from itertools import pairwise
from math import log
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from amb3r_core.voxel.choose_ops import choose_ops
from amb3r_core.voxel.config import PointTransformerConfig
from amb3r_core.voxel.grid import voxelize
from amb3r_core.voxel.interpolate import interpolate_voxels
from amb3r_core.voxel.transformer import PointTransformer
from benchmarks.records import Results, add_json_option, recorded

VOXEL_SIZE = 0.01
POINTS_PER_UNIT_AREA = 7000
"""About 0.7 voxels per point, as in real scenes."""
FIRST_POINTS = 500
"""Points of a first run that is not timed: it loads libraries."""
Run = tuple[int, dict[str, float], float]
"""Voxels, seconds per part, and cost."""
PARTS = ("voxelize", "transform", "interpolate", "total")


def main() -> None:
    """Times every size and prints the table."""
    arguments = _parse()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    with recorded("backend", arguments) as results:
        measure(arguments, results)


def measure(arguments: argparse.Namespace, results: Results) -> None:
    """One row per number of points."""
    device = torch.device(arguments.device)
    network = PointTransformer(_config(small=arguments.small)).eval().to(device)
    columns = " ".join(f"{part + ' s':>13}" for part in PARTS)
    print(f"{'points':>8} {'voxels':>8} {columns} {'cost s':>10}     x cost   over n log n")
    _run(network, FIRST_POINTS, device, displaced=arguments.displaced)
    before: tuple[int, float] | None = None
    for n_points in arguments.points:
        runs = [_run(network, n_points, device, displaced=arguments.displaced) for _ in range(arguments.repeats)]
        n_voxels, seconds, cost = min(runs, key=lambda run: run[2])
        row = f"{n_points:8d} {n_voxels:8d} " + " ".join(f"{seconds[part]:13.2f}" for part in PARTS) + f" {cost:10.2f}"
        print(row + _growth(before, n_points, cost), flush=True)
        results.append(
            {"points": n_points, "voxels": n_voxels, **{f"{part}_s": s for part, s in seconds.items()}, "cost_s": cost}
        )
        before = n_points, cost


def _growth(before: tuple[int, float] | None, n_points: int, cost: float) -> str:
    if before is None:
        return ""
    ratio = cost / before[1]
    linearithmic = n_points * log(n_points) / (before[0] * log(before[0]))
    return f"   {ratio:8.2f}   {ratio / linearithmic:12.2f}"


def _config(*, small: bool) -> PointTransformerConfig:
    full = PointTransformerConfig()
    if not small:
        return full
    return replace(
        full,
        in_channels=128,
        encoder_channels=(32, 32, 32, 32, 64),
        encoder_heads=(1, 1, 1, 2, 4),
        decoder_channels=(128, 32, 32, 32),
        decoder_heads=(4, 1, 1, 2),
        norm_groups=8,
    )


def _sheet(n_points: int) -> Tensor:
    side = (n_points / POINTS_PER_UNIT_AREA) ** 0.5
    u, v = (side * torch.rand(2, n_points, generator=torch.Generator().manual_seed(0))).unbind(0)
    return torch.stack([u - side / 2, v - side / 4, 1 + 0.2 * torch.sin(3 * u) * torch.cos(2 * v)], dim=1)


@torch.inference_mode()
def _run(network: PointTransformer, n_points: int, device: torch.device, *, displaced: bool) -> Run:
    points = _sheet(n_points)[None].to(device)
    features = torch.randn(1, n_points, network.config.in_channels, generator=torch.Generator().manual_seed(1)).to(device)
    ops = choose_ops(device)
    marks, busy = [_now(device)], time.process_time()
    voxels = voxelize(points, features, VOXEL_SIZE, ops=ops)
    marks.append(_now(device))
    reasoned = network(voxels.index, voxels.features, ops=ops)
    marks.append(_now(device))
    positions = voxels.query_positions(absolute=not displaced)
    interpolate_voxels(points, positions, reasoned, n_neighbours=16, ops=ops)
    marks.append(_now(device))
    seconds = [after - before for before, after in pairwise(marks)]
    total = sum(seconds)
    cost = total if device.type == "cuda" else time.process_time() - busy
    return len(voxels.index), dict(zip(PARTS, [*seconds, total], strict=True)), cost


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, nargs="+", default=[10_000, 40_000, 160_000])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--displaced", action="store_true")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    add_json_option(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()

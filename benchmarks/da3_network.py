"""How fast Depth Anything 3 runs here: the part of `network.py` behind `--model da3-...`."""

import argparse
import json
import os
import resource
import subprocess
import sys
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path

import torch
from meter import Meter, extra_formulas, peak_rate, random_square, synchronizer
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from amb3r_core.models.blocks.attention import Block
from amb3r_core.models.blocks.dpt import Fusion
from amb3r_core.models.da3.config import CONFIGS, Variant
from amb3r_core.models.da3.memory import Da3Load
from amb3r_core.models.da3.network import AnyViewNetwork, Da3Network, NestedNetwork, SingleViewNetwork
from amb3r_core.models.da3.precision import set_dtype
from tests.da3_golden import build
from tests.synthetic_weights import synthetic_images

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
"""Measurements of ours and of the package's by turns; the least of each counts."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
Row = dict[str, object]


def run_da3(arguments: argparse.Namespace) -> list[Row]:
    """The table of every dtype asked for, and the package's time beside ours where its Python is given."""
    names = ("float32", "bfloat16") if arguments.dtype == "both" else (arguments.dtype,)
    rows: list[Row] = []
    for name in names:
        answers: Queue[list[Row]] = get_context("spawn").Queue()
        process = get_context("spawn").Process(target=_measure, args=(arguments, name, answers))
        process.start()
        rows += answers.get()
        process.join()
    return rows + (_against_package(arguments) if arguments.package_python else [])


def parts(model: AnyViewNetwork | SingleViewNetwork | NestedNetwork) -> list[tuple[str, nn.Module]]:
    """The parts that are timed."""
    networks = [model.da3, model.da3_metric] if isinstance(model, NestedNetwork) else [model]
    found: list[tuple[str, nn.Module]] = []
    for network in networks:
        found += [("backbone", network.backbone), ("dense head", network.head)]
        found += [("camera decoder", network.cam_dec)] if isinstance(network, AnyViewNetwork) else []
    return found


def _measure(arguments: argparse.Namespace, name: str, answers: "Queue[list[Row]]") -> None:
    """One dtype in a process of its own: the table, and the most memory held."""
    device, dtype, variant = torch.device(arguments.device), DTYPES[name], arguments.model
    network = build(variant)
    set_dtype(network, dtype)
    network = network.to(device)
    height, width = (int(side) for side in arguments.size.split("x"))
    images = ((synthetic_images(1, arguments.views, height, width) + 1) / 2).to(device)
    square, synchronize = random_square(device, dtype), synchronizer(device)
    meter = Meter(lambda: 0, lambda: peak_rate(square, synchronize), synchronize)
    for part, module in parts(network.model):
        meter.watch(part, module)
    for module in network.modules():
        if isinstance(module, Block | Fusion):
            meter.watch_step(module)
    with torch.inference_mode():
        network.model(images)
    meter.settle()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for part, products in _count_products(variant, images).items():
        meter.flops[part] += products
    print(f"\n{variant}, {arguments.views} views of {width} x {height}, {dtype}, {torch.get_num_threads()} threads")
    meter.print_table()
    load = Da3Load(n_views=arguments.views, height=height, width=width, dtype=dtype, config=CONFIGS[variant])
    planned = sum(load.bytes_needed())
    where = "" if device.type == "cpu" else f", and on the device {torch.accelerator.max_memory_allocated() / 1e9:.2f} GB"
    print(f"most memory held by the process: {most / 1e9:.2f} GB{where}; planned: {planned / 1e9:.2f} GB", flush=True)
    share = sum(meter.flops.values()) / sum(meter.possible.values())
    whole: Row = {"part": "overall", "of_peak": share, "most_memory_gb": most / 1e9}
    answers.put([{"dtype": name, **row} for row in (*meter.rows(), whole)])


def _count_products(variant: Variant, images: Tensor) -> dict[str, int]:
    """Products of each part, from shapes alone."""
    with torch.device("meta"):
        network = Da3Network(CONFIGS[variant])
    counter = FlopCounterMode(display=False, custom_mapping=extra_formulas())
    meter = Meter(counter.get_total_flops, lambda: 1.0, lambda: None)
    for part, module in parts(network.model):
        meter.watch(part, module)
    with torch.inference_mode(), counter:
        network.model(images.to("meta"))
    return meter.flops


def _against_package(arguments: argparse.Namespace) -> list[Row]:
    """Processor seconds of both for the same images, by turns, in float32 and in what each takes when nothing is asked for."""
    rows: list[Row] = []
    print(f"\nprocessor seconds, least of {ROUNDS} by turns (and most memory of the process):")
    for kind, title in (("", "float32"), ("-auto", "number type of its own choice")):
        least = _least({whose + kind: python for whose, python in _pythons(arguments).items()}, arguments)
        ours, theirs = (least[whose + kind] for whose in ("ours", "package"))
        share = ours["processor_seconds"] / theirs["processor_seconds"]
        numbers = [f"{one['processor_seconds']:.2f} s ({one['most_memory_gb']:.2f} GB)" for one in (ours, theirs)]
        print(f"  {title}: ours {numbers[0]}, package {numbers[1]}: {share:.0%}", flush=True)
        rows += [{"whose": whose, **found} for whose, found in least.items()] + [{"kind": title, "of_package": share}]
    return rows


def _pythons(arguments: argparse.Namespace) -> dict[str, str]:
    return {"ours": sys.executable, "package": str(arguments.package_python)}


def _least(pythons: dict[str, str], arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    least: dict[str, dict[str, float]] = {}
    for _ in range(ROUNDS):
        for whose, python in pythons.items():
            found = _timed(whose, python, arguments)
            if whose not in least or found["processor_seconds"] < least[whose]["processor_seconds"]:
                least[whose] = found
    return least


def _timed(whose: str, python: str, arguments: argparse.Namespace) -> dict[str, float]:
    script = [python, str(ROOT / "benchmarks" / "da3_timing.py"), whose, arguments.model, str(arguments.views), arguments.size]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(script)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])

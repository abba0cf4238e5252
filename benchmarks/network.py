"""How fast the network runs here, part by part, against the machine's own matrix product, and how much memory it takes.

    python benchmarks/network.py [--views 4] [--size 518x392] [--dtype float32|bfloat16|both] [--passes full|answer]
                                 [--weights FILE] [--json FILE]
    python benchmarks/network.py --model da3-small [--views 4] [--size 378x504] [--dtype ...] [--package-python PYTHON]

The peak rate is that of a matrix product of the same dtype, by the faster of torch's two kernels, sampled between steps of the
network all through the run, so that a busy machine slows both alike. Only products that run are counted (linear layers,
convolutions, attention), after the clock has stopped: norms, activations and memory traffic lower a part's share. What lies
below the others does so for a reason: the camera head works on one token per view, so that it waits for its weights to come
from memory, or at first from disk; the back end gathers, adds and normalizes rows of voxels between products, many of which
are narrow; and of a bfloat16 network the heads and the point transformer compute in float32, as published, and so does
attention on a CPU without AMX tiles, where torch's bfloat16 kernel for it is the slower one.

Every dtype runs in a process of its own, which maps its weights from a file as a user's does; the memory is the most that
process ever held, its libraries, weights and the mapped pages it read included.

Weights are synthetic, made in a process of their own: into FILE, if it is not there, else into a file that goes at the end
(6.3 GB). With them the second pass is chaotic, as points that move by a thirtieth of a voxel change the depth by a tenth: the
last number gives bfloat16's second pass float32's points. "both" prints how far bfloat16 is from float32, and how much faster.

With --model da3-... it is Depth Anything 3 that runs, once; with --package-python, the Python of an environment with its
published package (see `da3_package.py`), the processor time of the package stands beside ours.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from meter import Meter, extra_formulas, peak_rate, random_square, synchronizer

from amb3r_core.models.amb3r.amb3r import Amb3rNetwork, Outputs, Pass
from amb3r_core.models.amb3r.config import LARGE, ModelConfig
from amb3r_core.models.amb3r.memory import Load, estimate
from amb3r_core.models.amb3r.model import ANSWER
from amb3r_core.models.amb3r.precision import set_dtype
from amb3r_core.models.amb3r.weights import WeightsRecord, load_weights
from amb3r_core.models.amb3r.weights_files import write_safetensors
from amb3r_core.models.blocks.attention import Block
from amb3r_core.models.blocks.dpt import Fusion, Pyramid
from amb3r_core.models.da3.config import CONFIGS
from amb3r_core.progress import silent
from benchmarks.records import add_json_option, recorded
from tests.golden import build
from tests.synthetic_weights import synthetic_images

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def parts(network: Amb3rNetwork) -> list[tuple[str, nn.Module]]:
    """The parts that are timed; some run inside others: injections and the scale head's convolutions."""
    model, backend, scale = network.front_end.model, network.backend, network.front_end.metric_scale_projector
    assert backend is not None
    assert scale is not None
    return [
        ("encoder", model.aggregator.patch_embed),
        ("decoder", model.aggregator),
        ("camera head", model.camera_head),
        ("depth head", model.depth_head),
        ("point head", model.point_head),
        ("scale head", scale),
        ("scale head", scale.depth_cnn_downsampler),
        ("back end", backend),
        *(("injection", layer) for layer in (backend.zero_conv, *backend.zero_conv_layers)),
    ]


def measure(network: Amb3rNetwork, images: Tensor, dtype: torch.dtype, passes: str) -> tuple[Pass, Pass, list[dict[str, object]]]:
    """Runs both passes once, prints the table, and gives back both passes and the table's numbers."""
    first_heads, second_heads = (Outputs.ALL, Outputs.ALL) if passes == "full" else (Outputs.POINTS, ANSWER)
    square, synchronize = random_square(images.device, dtype), synchronizer(images.device)
    meter = Meter(lambda: 0, lambda: peak_rate(square, synchronize), synchronize)
    handles = [handle for name, module in parts(network) for handle in meter.watch(name, module)]
    handles += [meter.watch_step(module) for module in network.modules() if isinstance(module, Block | Pyramid | Fusion)]
    with torch.inference_mode():
        first = network.draft(images, first_heads)
        second = network.refine(first, second_heads)
    meter.settle()
    for handle in handles:
        handle.remove()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for part, products in count_products(network.config, images, first_heads, second_heads).items():
        meter.flops[part] += products
    meter.flops["back end"] = count_backend(network, first)
    print(f"\n{dtype}, {torch.get_num_threads()} threads")
    meter.print_table()
    _print_memory(most, network.config, images, dtype)
    return first, second, [*meter.rows(), {"most_memory_gb": most / 1e9}]


def count_products(config: ModelConfig, images: Tensor, first_heads: Outputs, second_heads: Outputs) -> dict[str, int]:
    """Products of each part but the back end, from shapes alone."""
    with torch.device("meta"):
        network = Amb3rNetwork(config)
    assert network.backend is not None
    counter = FlopCounterMode(display=False, custom_mapping=extra_formulas())
    meter = Meter(counter.get_total_flops, lambda: 1.0, lambda: None)
    network.backend.forward = lambda encoder_tokens, *_, **__: torch.empty_like(encoder_tokens)
    for name, module in parts(network):
        meter.watch(name, module)
    with torch.inference_mode(), counter:
        network.refine(network.draft(images.to("meta"), first_heads), second_heads)
    return meter.flops


def count_backend(network: Amb3rNetwork, first: Pass) -> int:
    """Products of the back end, which depend on where the points are: it runs again."""
    assert network.backend is not None
    assert first.points is not None
    counter = FlopCounterMode(display=False, custom_mapping=extra_formulas())
    with torch.inference_mode(), counter:
        network.backend(first.encoder.patches, first.decoder_patches, first.points.values)
    return counter.get_total_flops()


def _print_memory(most: int, config: ModelConfig, images: Tensor, dtype: torch.dtype) -> None:
    height, width = images.shape[-2:]
    planned = sum(estimate(Load(n_views=images.shape[1], height=height, width=width, dtype=dtype, config=config)))
    where = "" if images.device.type == "cpu" else f", and on the device {torch.accelerator.max_memory_allocated() / 1e9:.2f} GB"
    print(f"most memory held by the process: {most / 1e9:.2f} GB{where}; planned: {planned / 1e9:.2f} GB", flush=True)


def make_weights(path: Path) -> None:
    """Writes synthetic weights of the published size."""
    write_safetensors(path, build(LARGE).state_dict(), silent)


def run(arguments: argparse.Namespace, name: str, weights: Path, folder: Path) -> None:
    """Measures one dtype and leaves in the folder what the comparison needs."""
    device, dtype = torch.device(arguments.device), DTYPES[name]
    network = _loaded(weights, dtype).to(device)
    height, width = (int(side) for side in arguments.size.split("x"))
    images = ((synthetic_images(1, arguments.views, height, width) + 1) / 2).to(device)
    start = time.perf_counter()
    first, second, table = measure(network, images, dtype, arguments.passes)
    found = {"seconds": time.perf_counter() - start, "second": _depth(second), "points": first.points, "table": table}
    if first.depth is not None:
        found["first"] = _depth(first)
    exact = folder / "float32.pt"
    if exact.exists():
        points = torch.load(exact, weights_only=False)["points"]
        with torch.inference_mode():
            found["same points"] = _depth(network.refine(replace(first, points=points), ANSWER))
    torch.save(found, folder / f"{name}.pt")


def _loaded(path: Path, dtype: torch.dtype) -> Amb3rNetwork:
    with torch.device("meta"):
        network = Amb3rNetwork(LARGE)
    record = WeightsRecord(
        path=path,
        name="synthetic",
        kind="amb3r",
        sha256="",
        source="synthetic",
        source_sha256="",
        licence="none",
        commercial="allowed",
    )
    load_weights(network, record)
    set_dtype(network, dtype)
    return network.eval()


def _depth(one: Pass) -> Tensor:
    assert one.depth is not None
    return one.depth.values


def compare(folder: Path) -> dict[str, object]:
    """How far bfloat16's depths are from float32's, printed and given back."""
    exact, rough = (torch.load(folder / f"{name}.pt", weights_only=False) for name in ("float32", "bfloat16"))
    references = {"first": "first", "second": "second", "same points": "second"}
    changes = {name: _change(rough[name], exact[other]) for name, other in references.items() if name in rough}
    print("\nmean change of depth from float32 to bfloat16:")
    names = {"first": "first pass", "second": "second pass", "same points": "second pass with the same points"}
    print("  " + ", ".join(f"{names[name]} {change:.2%}" for name, change in changes.items()))
    tiles = "has" if torch.cpu._is_amx_tile_supported() else "has no AMX tiles, and so no"
    faster = exact["seconds"] / rough["seconds"]
    print(f"  {faster:.2f} times as fast; this CPU {tiles} bfloat16 products several times as fast as float32's")
    return {"bfloat16_change": changes, "bfloat16_times_as_fast": faster}


def _change(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().mean() / other.abs().mean())


def main() -> None:
    """Measures what the command line asks for."""
    arguments = _parse()
    if arguments.model != "amb3r":
        from da3_network import run_da3

        with recorded("network", arguments) as results:
            results += run_da3(arguments)
        return
    names = ("float32", "bfloat16") if arguments.dtype == "both" else (arguments.dtype,)
    with recorded("network", arguments) as results, ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="amb3r-benchmark-")))
        weights = arguments.weights or folder / "synthetic.safetensors"
        if not weights.exists():
            _in_own_process(make_weights, weights)
        for name in names:
            _in_own_process(run, arguments, name, weights, folder)
            found = torch.load(folder / f"{name}.pt", weights_only=False)
            results += [{"dtype": name, "seconds": found["seconds"]}, *({"dtype": name, **row} for row in found["table"])]
        if len(names) > 1:
            results.append(compare(folder))


def _in_own_process(target: Callable[..., None], *values: object) -> None:
    process = get_context("spawn").Process(target=target, args=values)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(process.exitcode)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="amb3r", choices=("amb3r", *CONFIGS))
    parser.add_argument("--package-python", type=Path, metavar="PYTHON", help="time Depth Anything 3's published package too")
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--size", default="518x392", metavar="HxW")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16", "both"), default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--passes", choices=("full", "answer"), default="full", help="answer: only the heads `predict` needs")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="synthetic weights, made when they are not there")
    add_json_option(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()

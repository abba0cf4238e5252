"""Compares the network at full size with a golden file and prints the relative error of every output.

    python benchmarks/goldens.py FILE.npz --views 2 --size 84x112 [--batch B] [--weights-salt TEXT] [--interp-v2]
    python benchmarks/goldens.py FILE.npz --backend-only [--batch B] [--weights-salt TEXT]

Exit status 1 when an error is beyond its limit. Needs about 8 GB of memory.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from amb3r_core.models.amb3r.config import LARGE, ModelConfig
from benchmarks.records import add_json_option, recorded
from tests.golden import Comparison, build, build_backend, compare, run, run_backend
from tests.synthetic_weights import synthetic_images


def main() -> int:
    """Runs the comparison the command line asks for."""
    arguments = _parse()
    with recorded("goldens", arguments) as results:
        comparisons = run_comparisons(arguments)
        results += [{"output": one.name, "error": one.error, "limit": one.limit} for one in comparisons]
    return 0 if comparisons and all(comparison.passes for comparison in comparisons) else 1


def run_comparisons(arguments: argparse.Namespace) -> list[Comparison]:
    """The network's outputs against those of the file, printed."""
    with np.load(arguments.file) as file:
        golden = {name: file[name] for name in file.files}
    start = time.perf_counter()
    config = _with_patch_rule(arguments.patch_rule)
    if arguments.backend_only:
        found = run_backend(build_backend(config, arguments.weights_salt), arguments.batch)
    else:
        height, width = arguments.size
        network = build(config, arguments.weights_salt)
        assert network.backend is not None
        network.backend.interp_v2.fill_(arguments.interp_v2)
        images = synthetic_images(arguments.batch, arguments.views, height, width)
        found = run(network, images, curve_seed=arguments.shuffle_seed)
    comparisons = compare(found, golden)
    _print(comparisons, time.perf_counter() - start)
    return comparisons


def _with_patch_rule(rule: str) -> ModelConfig:
    assert LARGE.backend is not None
    transformer = replace(LARGE.backend.transformer, patch_rule=rule)
    return replace(LARGE, backend=replace(LARGE.backend, transformer=transformer))


def _print(comparisons: list[Comparison], seconds: float) -> None:
    print(f"{'output':32s} {'error':>9s} {'limit':>9s}")
    for one in comparisons:
        print(f"{one.name:32s} {one.error:9.1e} {one.limit:9.0e}{'' if one.passes else '   BEYOND THE LIMIT'}")
    failed = sum(not one.passes for one in comparisons)
    print(f"{len(comparisons)} outputs compared, {failed} beyond their limit, {seconds:.0f} s")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="golden file, .npz")
    parser.add_argument("--views", type=int, default=2, help="views per scene")
    parser.add_argument("--size", type=_size, default=(84, 112), metavar="HxW", help="height and width in pixels")
    parser.add_argument("--batch", type=int, default=1, help="scenes")
    parser.add_argument("--weights-salt", default="", help="text behind every key before it seeds that key's weights")
    parser.add_argument("--interp-v2", action="store_true", help="look voxels up at absolute positions")
    parser.add_argument("--shuffle-seed", type=int, help="shuffle the curves with this seed; off by default")
    parser.add_argument("--patch-rule", choices=("per_scene", "smallest_scene"), default="per_scene")
    parser.add_argument("--backend-only", action="store_true", help="the file is of the back end alone")
    add_json_option(parser)
    return parser.parse_args()


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width)


if __name__ == "__main__":
    sys.exit(main())

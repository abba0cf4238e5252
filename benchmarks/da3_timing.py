"""Processor seconds of one answer of Depth Anything 3, by our modules or by the published package, as one JSON line.

    python benchmarks/da3_timing.py WHOSE VARIANT VIEWS HxW

WHOSE is ours or package, both in float32; or ours-auto or package-auto, each in the number type that it takes here when none is
asked for. All get the same images and synthetic weights, and give depth, confidence and cameras after a smaller answer.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.synthetic_weights import synthetic_images

WARM_UP = (2, 56, 70)


def answer_of(whose: str, variant: str) -> Callable[[Tensor], object]:
    """What answers images (1, T, 3, H, W) in [0, 1]."""
    if whose.startswith("package"):
        import da3_package

        return da3_package.answers(variant, autocast=whose.endswith("auto"))
    from amb3r_core.models.blocks.precision import choose_dtype
    from amb3r_core.models.da3.precision import set_dtype
    from tests.da3_golden import build

    network = build(variant)
    set_dtype(network, choose_dtype("auto", torch.device("cpu")) if whose.endswith("auto") else torch.float32)
    return network.model


def main() -> None:
    """Measures what the command line asks for."""
    whose, variant, n_views, size = sys.argv[1:]
    height, width = (int(side) for side in size.split("x"))
    answer = answer_of(whose, variant)
    with torch.inference_mode():
        answer((synthetic_images(1, *WARM_UP) + 1) / 2)
        images = (synthetic_images(1, int(n_views), height, width) + 1) / 2
        wall, processor = time.perf_counter(), time.process_time()
        answer(images)
        found = {"seconds": time.perf_counter() - wall, "processor_seconds": time.process_time() - processor}
    found["most_memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps(found))


if __name__ == "__main__":
    main()

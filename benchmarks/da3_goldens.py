"""Compares Depth Anything 3 with its published package, over golden files that the package makes of synthetic weights.

    python benchmarks/da3_goldens.py make DIR [--weights-salt TEXT] [--only NAME ...] [--stride N]      where the package is
    python benchmarks/da3_goldens.py compare DIR [--weights-salt TEXT] [--only NAME ...] [--json FILE]  where the project is
    python benchmarks/da3_goldens.py manifests FOLDER                                                   where the package is

Two environments, because the package wants other versions of its libraries than the project's; see `da3_package.py` for its own.
`compare` exits with 1 when an output is beyond its limit. The giant needs 8 GB of memory. `manifests` writes the names, shapes
and dtypes of every tensor of each variant.
"""

import argparse
import gzip
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.da3_cases import CASES, PREFIX, Case, thinned

RAYS = "rays"
LARGE_SIDE_PX = 126
"""Of larger images so many times fewer rows and columns are kept."""


def make(folder: Path, cases: list[Case], salt: str, stride: int) -> int:
    """Writes a file for each case, in the package's environment."""
    import da3_package

    folder.mkdir(parents=True, exist_ok=True)
    network, variant = None, ""
    for case in cases:
        if case.variant != variant:
            network = None  # let go of before the next one is made
            network, variant = da3_package.loaded(case.variant, salt), case.variant
        found = da3_package.outputs(case, network)
        step = stride * max(max(case.size) // LARGE_SIDE_PX, 1)
        _write(folder / f"{case.name}.npz", {name: thinned(name, array, step) for name, array in found.items()}, step)
    _write(folder / f"{RAYS}.npz", da3_package.cameras_from_rays(), stride)
    return 0


def _write(path: Path, arrays: dict[str, np.ndarray], stride: int) -> None:
    np.savez_compressed(path, stride=np.array(stride), **arrays)
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB, {', '.join(arrays)}", flush=True)


def manifests(folder: Path) -> int:
    """Writes the tensors of each variant, as its configuration in the package makes them."""
    import da3_package

    for variant in da3_package.PUBLISHED:
        held = da3_package.network_of(variant).state_dict()
        entries = {
            PREFIX + name: {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
            for name, value in held.items()
        }
        packed = gzip.compress(json.dumps(entries, separators=(",", ":")).encode(), mtime=0)
        (folder / f"manifest_{variant.replace('-', '_')}.json.gz").write_bytes(packed)
        print(f"{variant}: {len(entries)} tensors, {len(packed)} bytes")
    return 0


def compare(folder: Path, cases: list[Case], salt: str, results: list[dict[str, object]]) -> int:
    """Compares every case whose file is there; 1 when an output is beyond its limit or there is nothing to compare."""
    from tests.da3_golden import compare_case, compare_rays

    n_compared, n_beyond = 0, 0
    names = [case.name for case in cases if (folder / f"{case.name}.npz").is_file()]
    for case in (case for case in cases if case.name in names):
        start = time.perf_counter()
        comparisons = compare_case(case, golden(folder / f"{case.name}.npz"), salt)
        n_beyond += _report(case.name, comparisons, results, time.perf_counter() - start)
        n_compared += len(comparisons)
    if (folder / f"{RAYS}.npz").is_file():
        comparisons = compare_rays(golden(folder / f"{RAYS}.npz"))
        n_beyond += _report(RAYS, comparisons, results, 0.0)
        n_compared += len(comparisons)
    print(f"{n_compared} outputs of {len(names)} cases compared, {n_beyond} beyond their limit")
    return 0 if n_compared and not n_beyond else 1


def golden(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a golden file."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def _report(case: str, comparisons: list, results: list[dict[str, object]], seconds: float) -> int:
    print(f"{case} ({seconds:.1f} s)")
    for one in comparisons:
        print(f"  {one.name:20s} {one.error:9.1e} {one.limit:9.0e}{'' if one.passes else '   BEYOND THE LIMIT'}", flush=True)
        results.append({"case": case, "output": one.name, "error": one.error, "limit": one.limit})
    return sum(not one.passes for one in comparisons)


def main() -> int:
    """What the command line asks for."""
    arguments = _parse()
    if arguments.command == "manifests":
        return manifests(arguments.folder)
    cases = [case for case in CASES if not arguments.only or case.name in arguments.only]
    if arguments.command == "make":
        return make(arguments.folder, cases, arguments.weights_salt, arguments.stride)
    from benchmarks.records import recorded

    with recorded("da3_goldens", arguments) as results:
        return compare(arguments.folder, cases, arguments.weights_salt, results)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("make", "compare", "manifests"))
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the golden files are, or the manifests go")
    parser.add_argument("--weights-salt", default="", metavar="TEXT", help="text behind every key that seeds weights")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help=f"cases: {', '.join(case.name for case in CASES)}")
    parser.add_argument("--stride", type=int, default=9, help="make: rows and columns of maps per one that is kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="compare: where to write the numbers")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""Writes small photo sets with true cameras: places rendered to provoke wrong poses, easy ones, and subsets of real sets.

    python benchmarks/pose_sets.py OUT [--only NAME...] [--dev FOLDER]

Each becomes OUT/NAME/{images, gt}, the way `benchmarks/poses.py` reads it: `fit_*` to set thresholds, `held_*` to try them, and
of real sets `real_fit_*` and `real_held_*`. OUT/INDEX.txt lists name, kind and number of photos. The same names give the same
photos where the same source photos lie. Needs Open3D; a photo of 1024 x 768 takes about half a processor-second.
"""

import argparse
import shutil
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.rendered.files import spread, write_rendered, write_subset
from benchmarks.rendered.kinds import KINDS
from benchmarks.rendered.reference import reference_of
from tests.paths import SAMPLE, SHARED

HALVES = ("fit", "held")


@dataclass(frozen=True, slots=True)
class Subsets:
    """How subsets of a real set are drawn."""

    source: str
    """A folder of the development sets; "sample": the bundled scene."""
    n: int
    """Subsets for each half."""
    photos: tuple[int, int]
    """The fewest and the most."""
    strides: tuple[int, int]
    """How far apart, from and to."""


REAL = (
    Subsets("7s_a_video", 6, (4, 10), (3, 16)),
    Subsets("kitti1", 2, (6, 12), (1, 3)),
    Subsets("sceaux11", 2, (4, 6), (1, 2)),
    Subsets("herzjesu6", 1, (3, 4), (1, 1)),
    Subsets("sample", 2, (4, 6), (1, 2)),
)


def main() -> None:
    """Writes all sets that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="names, or their beginnings")
    parser.add_argument("--dev", type=Path, default=SHARED / "data" / "dev", help="the development sets, for the real ones")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name, kind in names(arguments.dev):
        folder = arguments.out / name
        if (folder / "gt" / "meta.json").is_file() or not any(name.startswith(start) for start in arguments.only or [""]):
            continue
        started, part = time.perf_counter(), arguments.out / f".{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        if kind in KINDS:
            rng = seeded(name)
            write_rendered(part, KINDS[kind][0](rng), rng, {"source": "benchmarks/pose_sets.py", "kind": kind})
        else:
            write_real(part, name, kind, arguments.dev)
        part.rename(folder)
        n = len(list((folder / "images").iterdir()))
        print(f"{name}: {n} photos, {time.perf_counter() - started:.1f} s", flush=True)
        with (arguments.out / "INDEX.txt").open("a", encoding="utf-8") as index:
            index.write(f"{name} {kind} {n}\n")


def names(dev: Path) -> list[tuple[str, str]]:
    """Each set's name and kind, one of every kind first, so that a writing that is cut short has seen them all."""
    listed: list[tuple[int, str, str]] = []
    for kind, (_, n) in KINDS.items():
        listed += [(number, f"{half}_{kind}_{number}", kind) for half in HALVES for number in range(n)]
    for real in REAL:
        if source_of(real.source, dev).is_dir():
            listed += [
                (number, f"real_{half}_{real.source}_{number}", real.source) for half in HALVES for number in range(real.n)
            ]
    return [(name, kind) for _, name, kind in sorted(listed, key=lambda row: row[0])]


def seeded(name: str) -> np.random.Generator:
    """The draws of a set depend on its name alone."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def source_of(source: str, dev: Path) -> Path:
    """The folder of a real set."""
    return SAMPLE if source == "sample" else dev / source


def write_real(folder: Path, name: str, kind: str, dev: Path) -> None:
    """A subset of a real set, drawn by the name."""
    rng, source = seeded(name), source_of(kind, dev)
    if not (source / "gt" / "poses.txt").is_file():
        source = reference_of(source, folder.parent / f".{kind}")
    (real,) = (real for real in REAL if real.source == kind)
    n_all = len(list((source / "images").iterdir()))
    n, stride = int(rng.integers(real.photos[0], real.photos[1] + 1)), int(rng.integers(real.strides[0], real.strides[1] + 1))
    write_subset(folder, source, spread(rng, n_all, n, stride), {"source": f"of {kind}", "kind": kind})


if __name__ == "__main__":
    main()

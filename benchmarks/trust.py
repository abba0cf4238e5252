"""Whether the weight of a depth is the probability that it is right: a reliability diagram over scenes with true depth.

    python benchmarks/trust.py SCENE... [--long-side 640] [--json FILE]

SCENE holds images/ and gt/ as described in amb3r_core/scene/evaluate.py. Each is reconstructed with the model `colmap`, cameras
and all, and brought to the truth's scale by the median over its views. Printed are, for every tenth of weight, how many pixels
have it and how many of those are within 3 % of the truth; the mean gap between the two (expected calibration error); and, for
each choice of `--keep`, how many pixels it answers and how wrong they are.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from amb3r_core import ReconstructOptions, reconstruct
from amb3r_core.jobs.sample import true_depth
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.trust import CLOSE, KEEPS, LEAST_WEIGHT
from benchmarks.records import add_json_option, recorded

BINS = 10


def main() -> None:
    """Prints one diagram per scene."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path, nargs="+")
    parser.add_argument("--long-side", type=int)
    add_json_option(parser)
    arguments = parser.parse_args()
    with recorded("trust", arguments) as results:
        for folder in arguments.scenes:
            options = ReconstructOptions(model="colmap", long_side=arguments.long_side)
            row = {"scene": folder.name, **measured(reconstruct(folder / "images", options=options), folder)}
            results.append(row)
            print(told(row), flush=True)


def measured(scene: Reconstruction, folder: Path) -> dict[str, object]:
    """What the weights of a scene promise and what is true."""
    weight, error = _pixels(scene, true_depth(folder))
    right = error < CLOSE
    place = np.minimum((weight * BINS).astype(int), BINS - 1)
    share = np.bincount(place, minlength=BINS) / max(len(place), 1)
    count = np.maximum(np.bincount(place, minlength=BINS), 1)
    promised = np.bincount(place, weights=weight, minlength=BINS) / count
    kept = np.bincount(place, weights=right, minlength=BINS) / count
    row: dict[str, object] = {"share": share.tolist(), "promised": promised.tolist(), "right": kept.tolist()}
    row["calibration_error"] = float((share * np.abs(promised - kept)).sum())
    for keep in KEEPS:
        some = error[np.isfinite(error) & (weight >= LEAST_WEIGHT[keep])]
        row[keep] = {
            "answered": len(some) / max(len(error), 1),
            "abs_rel": float(some.mean()),
            "delta_125": float((some < 0.25).mean()),
            "wrong_by_a_tenth": float((some > 0.1).mean()),
        }
    return row


def _pixels(scene: Reconstruction, truths: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Weight and relative error of every pixel with true depth; infinite where there is no answer."""
    assert scene.dense is not None
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for index, view in enumerate(scene.views):
        truth = truths.get(Path(view.name).stem)
        if truth is not None:
            inside = view.letterbox.slices
            depth = np.asarray(scene.dense.depth[index])[inside]
            resized = np.asarray(Image.fromarray(truth.astype(np.float32)).resize(depth.shape[::-1], Image.Resampling.NEAREST))
            known = resized > 0
            parts.append((scene.dense.weight(index)[inside][known], depth[known], resized[known]))
    scale = float(np.median([np.median(truth[depth > 0] / depth[depth > 0]) for _, depth, truth in parts if (depth > 0).any()]))
    weight, depth, truth = (np.concatenate([part[column] for part in parts]) for column in range(3))
    return weight, np.where(depth > 0, np.abs(scale * depth / truth - 1), np.inf)


def told(row: dict[str, object]) -> str:
    """The diagram of one scene for people."""
    columns = [row[name] for name in ("share", "promised", "right")]
    lines = [f"{row['scene']}: expected calibration error {row['calibration_error']:.3f}"]
    for share, promised, right in zip(*columns, strict=True):
        lines.append(f"  weight {promised:.2f}  {share:6.1%} of pixels  right {right:.2f}  {'#' * round(40 * right)}")
    for keep in KEEPS:
        lines.append(
            "  --keep {:8s} answered {answered:.2f}  AbsRel {abs_rel:.3f}  d1.25 {delta_125:.3f}"
            "  more than 10 % wrong {wrong_by_a_tenth:.3f}".format(keep, **row[keep])
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""Poses of photo sets with true cameras: ours beside COLMAP's three mappers, and whether our trust in them is deserved.

    python benchmarks/poses.py SET... [--no-rivals] [--features NAME] [--json FILE]

SET holds images/ and gt/ as described in amb3r_core/scene/evaluate.py, or is a folder of such sets. Ours is the sparse part of
the model `colmap`; the rivals are pycolmap's incremental, global and hierarchical mappers with its own features and exhaustive
matches, all options as they come. One line per set: photos placed, AUC@30 (of all photos, then of the placed ones alone), ATE
relative to the path's extent, error of the focal length, trust, processor seconds with children, peak memory. At the end: of
those called sure how many are right (AUC@30 > .9), and of the wrong ones (< .5) how many were called sure.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from amb3r_core.scene.evaluate import score_cameras, true_poses
from amb3r_core.scene.pose_trust import LEAST_TRUST
from benchmarks.records import add_json_option, recorded

SURE = LEAST_TRUST["sure"]
RIGHT, WRONG = 0.9, 0.5
"""AUC@30 above the one is right, below the other wrong."""
OURS, RIVALS = "ours", ("incremental", "global", "hierarchical")
WORKER = Path(__file__).with_name("pose_worker.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseRow:
    """What one way made of one set."""

    set: str
    way: str
    n_photos: int
    placed: int = 0
    auc30: float = 0.0
    auc30_of_placed: float = float("nan")
    """Of pairs of placed photos alone; not known for fewer than two."""
    ate_relative: float = float("nan")
    focal_error: float = float("nan")
    """Median over the placed photos, relative to the truth."""
    trust: float | None = None
    chosen: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0
    problem: str = ""

    @property
    def is_sure(self) -> bool | None:
        """Whether it is presented as right; None where it was not judged."""
        return None if self.trust is None else self.trust >= SURE


def main() -> None:
    """Prints one line per set, and how much the trust is worth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--features", help="which features ours looks for")
    parser.add_argument("--rivals", action=argparse.BooleanOptionalAction, default=True)
    add_json_option(parser)
    arguments = parser.parse_args()
    given = [f"features={arguments.features}"] if arguments.features else []
    rows: list[PoseRow] = []
    with recorded("poses", arguments) as results:
        for folder in found(arguments.sets):
            of_set = measured(folder, given, rivals=arguments.rivals)
            rows += of_set
            results += [asdict(row) for row in of_set]
            print(told(of_set), flush=True)
        print(summary(rows))


def found(folders: Sequence[Path]) -> list[Path]:
    """The sets: each folder with a truth, or those in it."""
    sets: list[Path] = []
    for folder in folders:
        inside = sorted(
            path.parent.parent for path in folder.glob("*/gt/poses.txt") if not path.parent.parent.name.startswith(".")
        )
        sets += [folder] if (folder / "gt" / "poses.txt").is_file() else inside
    if not sets:
        raise SystemExit(f"{', '.join(map(str, folders))}: no set with gt/poses.txt here")
    return sets


def measured(folder: Path, given: Sequence[str], *, rivals: bool) -> list[PoseRow]:
    """Every way's row for one set, ours first."""
    answers = asked(folder, "ours", given)
    if rivals:
        answers |= asked(folder, "rivals", ())
    return [scored(folder, way, answer) for way, answer in answers.items()]


def asked(folder: Path, way: str, given: Sequence[str]) -> dict[str, dict]:
    """The worker's answers; a way that the worker died of gives its last line as the problem."""
    command = [sys.executable, str(WORKER), str(folder / "images"), way, *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return {name: {"problem": last} for name in ((OURS,) if way == "ours" else RIVALS)}


def scored(folder: Path, way: str, answer: Mapping) -> PoseRow:
    """One way's answer against the truth."""
    truth = true_poses(folder)
    poses = {stem: np.array(pose) for stem, pose in answer.get("cam_to_world", {}).items() if stem in truth}
    score = score_cameras(poses, folder)
    kept = {name: answer[name] for name in ("trust", "chosen", "seconds", "peak_mb", "problem") if name in answer}
    return PoseRow(
        set=folder.name,
        way=way,
        n_photos=len(truth),
        placed=len(poses),
        auc30=score.auc30,
        auc30_of_placed=auc_of_placed(score.auc30, len(poses), len(truth)),
        ate_relative=score.ate_relative,
        focal_error=focal_error(folder, answer.get("focal_px", {})),
        **kept,
    )


def auc_of_placed(auc30: float, placed: int, n_photos: int) -> float:
    """The score over pairs of placed photos, from that over all pairs, where a pair with a photo left out counts nothing."""
    return auc30 * n_photos * (n_photos - 1) / (placed * (placed - 1)) if placed > 1 else float("nan")


def focal_error(folder: Path, focal_px: Mapping[str, float]) -> float:
    """Median relative error of the focal lengths, signed; NaN where the truth is not known or nothing is placed."""
    path = folder / "gt" / "intrinsics.json"
    if not focal_px or not path.is_file():
        return float("nan")
    return float(np.median(list(focal_px.values()))) / float(json.loads(path.read_text())["fx"]) - 1


def told(rows: Sequence[PoseRow]) -> str:
    """One set's line."""
    ours, *others = rows
    trust = "  -  " if ours.trust is None else f"{ours.trust:.2f}{'!' if ours.is_sure else '?'}"
    parts = [
        f"{ours.set:<26} {ours.placed:2d}/{ours.n_photos:<2d} AUC {ours.auc30:.3f} ({ours.auc30_of_placed:.2f})",
        f"ATE {ours.ate_relative:6.2%} f {ours.focal_error:+6.1%} trust {trust} {ours.seconds:4.0f} s {ours.peak_mb:4.0f} MB",
        *(f"{row.way[:4]} {row.placed:2d} {row.auc30:.3f} {row.seconds:3.0f} s" for row in others),
        *([ours.chosen or ours.problem[:60]]),
    ]
    return " | ".join(part.replace("nan%", "  - ").replace("nan", " - ") for part in parts)


def summary(rows: Sequence[PoseRow]) -> str:
    """Means over the sets for each way, and how much our trust is worth."""
    lines: list[str] = []
    for way in (OURS, *RIVALS):
        of_way = [row for row in rows if row.way == way]
        if of_way:
            mean, right = np.mean([row.auc30 for row in of_way]), sum(row.auc30 > RIGHT for row in of_way)
            wrong, seconds = sum(row.auc30 < WRONG for row in of_way), sum(row.seconds for row in of_way)
            lines.append(f"{way}: mean AUC {mean:.3f}, {right} right, {wrong} wrong of {len(of_way)}, {seconds:.0f} s")
    ours = [row for row in rows if row.way == OURS]
    behind = [row.set for row in ours if any(row.auc30 < other.auc30 - 0.01 for other in rows if other.set == row.set)]
    lines.append(f"behind some mapper by more than .01: {len(behind)} ({', '.join(behind)})" if behind else "behind no mapper")
    return "\n".join([*lines, calibration(ours)])


def calibration(rows: Sequence[PoseRow]) -> str:
    """Of sets called sure how many are right, and of wrong ones how many were called sure."""
    judged = [row for row in rows if row.is_sure is not None]
    if not judged:
        return f"calibration: none of {len(rows)} sets was judged"
    sure, wrong = [row for row in judged if row.is_sure], [row for row in judged if row.auc30 < WRONG]
    right = [row for row in judged if row.auc30 > RIGHT]
    called = [f"sure {len(sure)}, of those {sum(row.auc30 > RIGHT for row in sure)} right"]
    for name, group in (("wrong", wrong), ("right", right)):
        called.append(f"{name} {len(group)}, of those {sum(row in sure for row in group)} called sure")
    named = ", ".join(f"{row.set} {row.auc30:.2f}" for row in sure if row.auc30 <= RIGHT)
    return f"calibration: {'; '.join(called)}" + (f"; sure but not right: {named}" if named else "")


if __name__ == "__main__":
    main()

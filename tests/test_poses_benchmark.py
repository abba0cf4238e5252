"""`benchmarks/poses.py` scores poses against the truth and says how much the trust in them is worth."""

import json
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.scene.evaluate import true_poses
from benchmarks import poses
from benchmarks.poses import PoseRow, auc_of_placed, calibration, scored, summary, told
from tests.paths import SAMPLE


def answer_of(stems: list[str], **facts: object) -> dict:
    truth = true_poses(SAMPLE)
    focal = json.loads((SAMPLE / "gt" / "intrinsics.json").read_text())["fx"]
    cameras = {stem: truth[stem].tolist() for stem in stems}
    return {"cam_to_world": cameras, "focal_px": dict.fromkeys(stems, 1.1 * focal), "seconds": 2.0, "peak_mb": 300.0, **facts}


def row(name: str, auc30: float, trust: float | None, way: str = "ours") -> PoseRow:
    return PoseRow(set=name, way=way, n_photos=4, placed=4, auc30=auc30, trust=trust)


def test_true_poses_of_all_photos_score_one_and_of_some_what_the_pairs_left_out_cost():
    stems = list(true_poses(SAMPLE))
    whole, part = scored(SAMPLE, "ours", answer_of(stems)), scored(SAMPLE, "ours", answer_of(stems[:7]))
    assert (whole.auc30, whole.placed, whole.n_photos) == (1.0, 14, 14)
    assert whole.focal_error == pytest.approx(0.1)
    assert part.auc30 == pytest.approx(7 * 6 / (14 * 13))
    assert part.auc30_of_placed == pytest.approx(1.0)


def test_nothing_placed_scores_nothing_and_says_why():
    nothing = scored(SAMPLE, "ours", {"problem": "none of 14 photos could be placed"})
    assert (nothing.placed, nothing.auc30) == (0, 0.0)
    assert np.isnan(nothing.ate_relative)
    assert "none of 14 photos" in told([nothing])
    assert np.isnan(auc_of_placed(0.0, 1, 5))


def test_one_line_per_set_with_all_ways_and_the_trust():
    line = told([row("room", 0.75, 0.95), row("room", 0.8, None, "global")])
    assert "\n" not in line
    assert "AUC 0.750" in line
    assert "0.95!" in line
    assert "glob  4 0.800" in line
    assert "0.20?" in told([row("room", 0.75, 0.2)])


def test_calibration_counts_the_sure_the_wrong_and_the_right():
    rows = [row("a", 0.99, 0.97), row("b", 0.3, 0.93), row("c", 0.2, 0.1), row("d", 0.95, 0.5), row("e", 0.7, 0.91)]
    told_of = calibration(rows)
    assert "sure 3, of those 1 right" in told_of
    assert "wrong 2, of those 1 called sure" in told_of
    assert "right 2, of those 1 called sure" in told_of
    assert told_of.endswith("sure but not right: b 0.30, e 0.70")
    assert "none of 1 sets" in calibration([row("a", 0.9, None)])


def test_the_summary_names_the_sets_where_some_mapper_is_ahead():
    rows = [row("a", 0.99, None), row("a", 0.995, None, "global"), row("b", 0.5, None), row("b", 0.6, None, "incremental")]
    assert "behind some mapper by more than .01: 1 (b)" in summary(rows)
    assert "ours: mean AUC 0.745, 1 right, 0 wrong of 2" in summary(rows)


def test_a_folder_of_sets_gives_its_sets_and_one_without_truth_is_refused(tmp_path: Path):
    for name in ("two", "one", ".hidden"):
        (tmp_path / name / "gt").mkdir(parents=True)
        (tmp_path / name / "gt" / "poses.txt").write_text("")
    assert [path.name for path in poses.found([tmp_path])] == ["one", "two"]
    assert poses.found([tmp_path / "two"]) == [tmp_path / "two"]
    with pytest.raises(SystemExit, match="no set with"):
        poses.found([tmp_path / "one" / "gt"])


def test_a_worker_that_dies_leaves_its_last_line(tmp_path: Path):
    pytest.importorskip("pycolmap")
    answers = poses.asked(SAMPLE, "ours", ["no_such_field=1"])
    assert "no_such_field" in str(answers["ours"]["problem"])
    assert "no such file" in str(poses.asked(tmp_path, "ours", ())["ours"]["problem"])

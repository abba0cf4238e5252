"""`benchmarks/stages.py` prepares inputs that its worker reads, and tells both trees' seconds side by side."""

from pathlib import Path

import pytest

from benchmarks import stage_worker, stages
from tests.paths import ROOT


def test_a_room_is_fused_and_exported_stage_by_stage(tmp_path: Path):
    pytest.importorskip("pycolmap")
    stages.prepare_room(tmp_path, 3, (64, 48), (128, 96))
    seconds: stage_worker.Seconds = {}
    facts = stage_worker.run_points(tmp_path, seconds)
    assert list(seconds) == ["fuse", *stage_worker.EXPORTS]
    assert all(clock >= 0 for clocks in seconds.values() for clock in clocks)
    assert int(str(facts["points"])) > 1000
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy", ".json", ".png"}


def test_the_least_seconds_and_the_most_memory_count_and_ratios_are_told(capsys: pytest.CaptureFixture[str]):
    runs = [
        {"stages": {"fuse": [2.0, 5.0], "ply": [0.5, 0.5]}, "peak_memory_mb": 100.0, "points": 7},
        {"stages": {"fuse": [3.0, 4.0], "ply": [0.5, 0.4]}, "peak_memory_mb": 110.0, "points": 7},
    ]
    here = stages.least(runs)
    assert here == {"stages": {"fuse": (2.0, 4.0), "ply": (0.5, 0.4)}, "peak_memory_mb": 110.0, "points": 7}
    there = {**here, "stages": {"fuse": (8.0, 8.0), "ply": (2.0, 2.0)}}
    results: stages.Results = []
    stages.tell("points", {stages.HERE: here, "abc123": there}, results)
    assert results[4] == {"stage": "fuse + exports", "tree": "this tree", "processor_seconds": 2.5, "wall_seconds": 4.4}
    told = capsys.readouterr().out
    assert [line.split()[-1] for line in told.splitlines()[2:5]] == ["25.0%", "25.0%", "25.0%"]


def test_another_tree_lasts_as_long_as_it_is_needed():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    with stages.trees("HEAD") as places:
        other = places["HEAD"]
        assert (places[stages.HERE], (other / "amb3r_core").is_dir()) == (ROOT, True)
    assert not other.exists()
    with stages.trees(None) as places:
        assert list(places) == [stages.HERE]

"""Benchmarks leave one JSON line per run, which tells where and how it ran."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.records import add_json_option, print_history, recorded
from tests.paths import ROOT

MEASURE_NOTHING = {
    "__init__",
    "da3_goldens",
    "da3_network",
    "da3_package",
    "da3_timing",
    "records",
    "meter",
    "dense_rivals",
    "make_sample",
    "picture",
    "pose_sets",
    "pose_worker",
    "stage_worker",
}
"""Parts of other benchmarks, and what makes pictures."""


def arguments_of(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, nargs="+", default=[10])
    add_json_option(parser)
    return parser.parse_args(words)


def test_every_run_appends_a_line_that_says_what_ran_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = tmp_path / "kept" / "history.jsonl"
    for points in (1, 2):
        with recorded("room", arguments_of("--points", str(points), "--json", str(history))) as results:
            results.append({"error_m": np.float32(0.25), "parts": {"read": 1.23456789}, "place": tmp_path})
    lines = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    assert [line["arguments"] for line in lines] == [{"points": [1]}, {"points": [2]}]
    assert lines[0]["results"] == [{"error_m": 0.25, "parts": {"read": 1.23457}, "place": str(tmp_path)}]
    assert lines[0]["machine"].keys() >= {"cpu", "cores", "memory_gb", "system", "python"}
    assert lines[0].keys() == {"name", "commit", "time", "machine", "arguments", "seconds", "results"}
    print_history(history)
    assert capsys.readouterr().out.count("error_m 0.25") == 2


def test_without_the_option_and_after_a_failure_nothing_is_written(tmp_path: Path) -> None:
    with recorded("room", arguments_of()) as results:
        results.append({"seconds": 1})
    history = tmp_path / "history.jsonl"
    with pytest.raises(ZeroDivisionError), recorded("room", arguments_of("--json", str(history))):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_every_benchmark_keeps_its_results(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    keeps = "from benchmarks.records import" in text and "add_json_option(parser)" in text and " recorded(" in text
    assert keeps != (script.stem in MEASURE_NOTHING)

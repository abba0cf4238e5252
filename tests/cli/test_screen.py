"""What a command shows while it works, in a window of 80 columns and in log files."""

import pytest

from amb3r_core.cli.screen import WARNING, print_table, watching
from amb3r_core.progress import Progress

LONG_NOTE = "colmap, the best model whose weights are present; amb3r: no weights in a folder of a long name"


@pytest.fixture(autouse=True)
def narrow_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def shown(capsys: pytest.CaptureFixture[str], *steps: Progress) -> list[str]:
    with watching("bar") as monitor:
        for step in steps:
            monitor(step)
    return capsys.readouterr().err.splitlines()


def test_a_long_note_leaves_the_names_of_the_stages_whole(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, Progress(stage="load model", message=LONG_NOTE), Progress(stage="keep images", done=1, total=1))
    assert [line[:12].rstrip() for line in lines] == ["load model", "keep images"]
    assert all(len(line.rstrip()) <= 80 for line in lines)


def test_a_stage_that_counts_no_steps_is_done_when_the_next_begins(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, Progress(stage="load model"), Progress(stage="dense", done=3, total=4))
    assert " 1/1 " in lines[0]
    assert " 3/4 " in lines[1]


def test_nothing_is_shown_before_the_first_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys) == []


def test_a_warning_catches_the_eye_on_a_terminal_and_is_plain_text_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"poses": f"{WARNING}doubtful", "scale": "metric"}
    print_table("", rows)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == ["poses  warning: doubtful", "scale  metric"]
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    print_table("", rows)
    warned, plain = capsys.readouterr().out.splitlines()
    assert "\x1b[33m" in warned
    assert "\x1b[33m" not in plain

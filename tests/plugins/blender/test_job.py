"""The engine as a child process: listened to, stopped, and explained when it fails."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from amb3r_blender.failures import explain
from amb3r_blender.job import Job, Outcome, child_environment

ENGINE = Path(__file__).with_name("fake_engine.py")


def _job(tmp_path: Path, mode: str, **more: str) -> Job:
    output = tmp_path / "scène with spaces"
    command = [sys.executable, str(ENGINE), "reconstruct", "photos", "--output", str(output)]
    return Job(command, environment={**os.environ, "FAKE_ENGINE": mode, **more})


def _run(tmp_path: Path, mode: str, **more: str) -> tuple[Job, Outcome]:
    job = _job(tmp_path, mode, **more)
    job.start()
    return job, job.wait(0.01, timeout_s=30)


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_good_run_ends_with_its_scene(tmp_path: Path) -> None:
    job, outcome = _run(tmp_path, "good")
    assert outcome.is_done
    assert outcome.scene is not None
    assert (Path(outcome.scene) / "scene.amb3r").is_file()
    assert (job.progress.stage, job.progress.share) == ("depth", pytest.approx(2 / 3))


def test_garbage_between_the_lines_goes_to_the_log(tmp_path: Path) -> None:
    job, outcome = _run(tmp_path, "garbage")
    assert outcome.is_done
    log = "\n".join(job.log)
    assert "plain words" in log
    assert "\ufffd\ufffd no text" in log
    assert "w\ufffdrning" in log
    assert max(len(line) for line in job.log) <= 1 << 16


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("crash", "The engine crashed (SIGSEGV)"),
        ("killed", "The engine ran out of memory"),
        ("memory", "Memory, disk space or a permission ran out: the GPU has 8 GB"),
        ("weights", "The model's weights are not there or not usable: no weights of model amb3r"),
        ("images", "The photos or options cannot be used: IMG_1.jpg is no image"),
        ("traceback", "The engine stopped with exit code 1: in two lines"),
        ("silent", "The engine ended without a scene"),
        ("usage", "The engine does not know these arguments (unrecognized options: --progress)"),
    ],
)
def test_every_failure_becomes_one_readable_line(tmp_path: Path, mode: str, message: str) -> None:
    job, outcome = _run(tmp_path, mode)
    assert not outcome.is_done
    told = explain(outcome)
    assert told.startswith(message)
    assert "\n" not in told
    assert any("ended with exit code" in line for line in job.log)


def test_an_engine_that_does_not_exist_is_told() -> None:
    job = Job(["/no/such/amb3r", "reconstruct"])
    job.start()
    assert job.poll()
    assert job.outcome is not None
    assert "could not be started" in explain(job.outcome)
    assert "preferences" in explain(job.outcome)


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (Outcome(exit_code=1, last_lines=("torch.OutOfMemoryError: CUDA out of memory.",)), "The engine ran out of memory"),
        (Outcome(exit_code=1, last_lines=("No module named 'amb3r_core'",)), "The engine's Python has no amb3r installed"),
        (Outcome(exit_code=130), "Reconstruction cancelled"),
        (Outcome(exit_code=0, was_cancelled=True), "Reconstruction cancelled"),
        (Outcome(exit_code=1, error_kind="StrangeError", error_message="a\nb"), "The engine stopped (StrangeError): a b"),
        (Outcome(exit_code=-99), "The engine crashed (signal 99)"),
        (Outcome(exit_code=3), "The engine stopped with exit code 3: it said nothing"),
    ],
)
def test_endings_without_a_word_are_explained(outcome: Outcome, message: str) -> None:
    assert explain(outcome).startswith(message)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
def test_cancel_kills_a_deaf_engine_and_its_children_within_a_second(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    job = _job(tmp_path, "hang", FAKE_PIDS=str(pids))
    job.start()
    while job.progress.stage != "poses":
        job.poll()
        time.sleep(0.01)
    engine, child = map(int, pids.read_text().split())
    started = time.monotonic()
    job.cancel()
    assert time.monotonic() - started < 0.1
    outcome = job.wait(0.01)
    assert time.monotonic() - started < 1.0
    assert outcome.was_cancelled
    assert explain(outcome) == "Reconstruction cancelled"
    time.sleep(0.05)
    assert not _is_alive(engine)
    assert not _is_alive(child)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
def test_close_leaves_nothing_running(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    job = _job(tmp_path, "hang", FAKE_PIDS=str(pids))
    job.start()
    while job.progress.stage != "poses":
        job.poll()
        time.sleep(0.01)
    job.close()
    time.sleep(0.05)
    assert not any(_is_alive(int(process)) for process in pids.read_text().split())
    job.close()


def test_poll_never_waits_and_stays_short(tmp_path: Path) -> None:
    job = _job(tmp_path, "good", FAKE_DELAY="0.1")
    job.start()
    longest = 0.0
    while job.outcome is None:
        started = time.thread_time()
        job.poll()
        longest = max(longest, time.thread_time() - started)
        time.sleep(0.01)
    assert longest < 0.005


def test_the_child_is_free_of_the_hosts_python(tmp_path: Path) -> None:
    kept = child_environment({"PYTHONHOME": "/blender", "PYTHONPATH": "/blender/lib", "PATH": "/bin", "LANG": "C"})
    assert kept == {"PATH": "/bin", "LANG": "C", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    told = tmp_path / "told.json"
    _run(tmp_path, "good", FAKE_ARGUMENTS=str(told), PYTHONSTARTUP="/nowhere.py")
    assert "PYTHONSTARTUP" not in json.loads(told.read_text())["environment"]

# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as a child process: started, listened to, stopped. Standard library only; no Blender.

The engine prints one JSON object per line: progress, then a result or an error. Threads read its two streams into a queue;
whoever owns the job drains the queue with `poll`, which never waits.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, cast

LONGEST_LINE = 1 << 16
LOG_LINES = 5000
LINES_PER_POLL = 500
"""So that a chatty engine never makes one tick of Blender's timer long."""
TERM_GRACE_S = 0.5
"""How long a cancelled engine may tidy up before it is killed."""
DRAIN_S = 1.0
"""How long to wait for the rest of a stream that a left-over grandchild keeps open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the engine is."""

    stage: str
    share: float | None
    """Of the stage, in [0, 1]; None when unknown."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job ended."""

    exit_code: int | None
    """Negative for a signal, None when the engine could not be started."""
    scene: str | None = None
    """The scene folder that the engine says it wrote."""
    error_kind: str | None = None
    """The name of the error that the engine reported."""
    error_message: str = ""
    last_lines: tuple[str, ...] = ()
    """Of its error stream."""
    was_cancelled: bool = False

    @property
    def is_done(self) -> bool:
        """Whether there is a scene to import."""
        return self.exit_code == 0 and self.scene is not None and not self.was_cancelled


def child_environment(base: Mapping[str, str]) -> dict[str, str]:
    """The environment for the engine: without Blender's Python, unbuffered, UTF-8."""
    dropped = {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__"}
    kept = {name: value for name, value in base.items() if name not in dropped}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}


class Job:
    """One run of the engine. Start it, `poll` it until `outcome` is there, `cancel` it at any time."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        self.command = list(command)
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.progress = Progress(stage="starting", share=None, message="")
        self.outcome: Outcome | None = None
        self.started_s = time.monotonic()
        self._environment = child_environment(os.environ if environment is None else environment)
        self._lines: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._readers: list[threading.Thread] = []
        self._errors: deque[str] = deque(maxlen=40)
        self._event: dict[str, object] = {}
        self._ended_s: float | None = None
        self._cancelled = False

    def start(self) -> None:
        """Starts the engine; one that cannot be started gives an outcome with exit code None."""
        self.log.append("$ " + subprocess.list2cmdline(self.command))
        try:
            self._process = process = _launch(self.command, self._environment)
        except OSError as error:
            self.log.append(str(error))
            self.outcome = Outcome(exit_code=None, error_kind=type(error).__name__, error_message=str(error))
            return
        for name, stream in (("out", process.stdout), ("err", process.stderr)):
            assert stream is not None
            reader = threading.Thread(target=_read_lines, args=(name, stream, self._lines), daemon=True)
            reader.start()
            self._readers.append(reader)

    def poll(self) -> bool:
        """Takes in what the engine said since the last call, without waiting; whether the job has ended."""
        if self.outcome is not None or self._process is None:
            return True
        taken = self._drain()
        if taken == LINES_PER_POLL or self._process.poll() is None:
            return False
        if self._ended_s is None:
            self._ended_s = time.monotonic()
        still_open = any(reader.is_alive() for reader in self._readers)
        if still_open and time.monotonic() - self._ended_s < DRAIN_S:
            return False
        while self._drain():
            pass
        self._finish(self._process.returncode)
        return True

    def wait(self, interval_s: float = 0.05, timeout_s: float | None = None) -> Outcome:
        """Blocks until the job has ended; past the timeout it is cancelled."""
        while not self.poll():
            if timeout_s is not None and time.monotonic() - self.started_s > timeout_s:
                self.cancel()
            time.sleep(interval_s)
        assert self.outcome is not None
        return self.outcome

    def cancel(self) -> None:
        """Asks the engine to stop and kills its whole process group a moment later; returns at once."""
        if self._cancelled or self.outcome is not None or self._process is None:
            return
        self._cancelled = True
        self.progress = Progress(stage="cancelling", share=None, message="")
        threading.Thread(target=_stop, args=(self._process,), daemon=True).start()

    def close(self) -> None:
        """Ends the engine now, and waits for that: for the moment Blender quits or the extension is disabled."""
        if self._process is not None and self.outcome is None:
            self._cancelled = True
            _stop(self._process, grace_s=0.2)
            self._finish(self._process.returncode)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.started_s

    @property
    def process_id(self) -> int | None:
        return None if self._process is None else self._process.pid

    def _drain(self) -> int:
        for taken in range(LINES_PER_POLL):
            try:
                stream, line = self._lines.get_nowait()
            except queue.Empty:
                return taken
            self._take(stream, line)
        return LINES_PER_POLL

    def _take(self, stream: str, line: str) -> None:
        event = _parse_event(line) if stream == "out" else None
        if event is None:
            self.log.append(line)
            if stream == "err" and line.strip():
                self._errors.append(line)
        elif event["event"] == "progress":
            if not self._cancelled:
                self.progress = _progress_of(event)
        else:
            self.log.append(line)
            self._event = event

    def _finish(self, exit_code: int | None) -> None:
        name, scene = self._event.get("event"), self._event.get("scene")
        kind, message = self._event.get("kind"), self._event.get("message")
        self.log.append(f"ended with exit code {exit_code} after {self.elapsed_s:.1f} s")
        self.outcome = Outcome(
            exit_code=exit_code,
            scene=scene if name == "result" and isinstance(scene, str) else None,
            error_kind=kind if name == "error" and isinstance(kind, str) else None,
            error_message=message if name == "error" and isinstance(message, str) else "",
            last_lines=tuple(self._errors),
            was_cancelled=self._cancelled,
        )


def _launch(command: list[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """The engine in a process group of its own, so that everything it starts can be ended with it."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        creationflags=flags,
        start_new_session=sys.platform != "win32",
    )


def _read_lines(name: str, stream: IO[bytes], lines: "queue.SimpleQueue[tuple[str, str]]") -> None:
    """Runs in a thread: never touches Blender. A line without end is cut into pieces; bytes that are no text are replaced."""
    with stream:
        for line in iter(lambda: stream.readline(LONGEST_LINE), b""):
            lines.put((name, line.decode("utf-8", "replace").rstrip("\r\n")))


def _parse_event(line: str) -> dict[str, object] | None:
    """The event on a line, or None for anything else a program may print."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    fields = cast(dict[str, object], event)
    return fields if fields.get("event") in ("progress", "result", "error") else None


def _progress_of(event: Mapping[str, object]) -> Progress:
    stage, share, message = event.get("stage"), event.get("progress"), event.get("message")
    number = share if isinstance(share, int | float) and not isinstance(share, bool) else None
    return Progress(
        stage=stage if isinstance(stage, str) else "working",
        share=float(number) if number is not None and 0.0 <= number <= 1.0 else None,
        message=message if isinstance(message, str) else "",
    )


def _stop(process: "subprocess.Popen[bytes]", grace_s: float = TERM_GRACE_S) -> None:
    """Asks, waits a moment, then kills the group, whatever is left of it."""
    if sys.platform == "win32":
        tree = ["taskkill", "/PID", str(process.pid), "/T", "/F"]
        subprocess.run(tree, capture_output=True, check=False)
    else:
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
        _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: int) -> None:
    if sys.platform != "win32":  # Windows has no process groups
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)

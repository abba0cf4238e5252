"""Single-threaded worker processes for pycolmap's long calls.

A process of its own for each job makes the work repeatable (one thread, its own random state), lets several jobs use several
cores, survives a crash inside the library, and can be stopped at once. A worker ends when its parent does.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from amb3r_core.errors import ResourceError
from amb3r_core.models.colmap.sfm.requests import Request, request_text

R = TypeVar("R", bound=Request)

POLL_INTERVAL_S = 0.05
PACKAGE_PARENT = Path(__file__).resolve().parents[4]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
LOG_TO_STDERR = {"GLOG_logtostderr": "1"}
"""COLMAP's warnings go to the worker's own log, and not to files of their own in the system's temporary folder."""
OUT_OF_MEMORY_SIGNAL = -9


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob(Generic[R]):
    """One request for a worker process."""

    name: str
    """Of its files in the folder."""
    folder: Path
    """Where its request and its log are written."""
    request: R


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Generic[R]):
    """A job that ended."""

    job: WorkerJob[R]
    problem: str
    """Empty, or one line saying how it failed."""


@dataclass(slots=True)
class _Running(Generic[R]):
    job: WorkerJob[R]
    process: subprocess.Popen[bytes]
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = _log_path(self.job)


def run_jobs(jobs: Iterable[WorkerJob[R]], n_processes: int, poll: Callable[[], None]) -> Iterator[Finished[R]]:
    """Runs the jobs, `n_processes` at a time, and yields each as it ends (in no fixed order).

    `jobs` is consumed only as processes become free. `poll` is called a few times a second and may raise to stop everything;
    closing the iterator stops everything too.
    """
    waiting = iter(jobs)
    running: list[_Running[R]] = []
    exhausted = False
    try:
        while running or not exhausted:
            while not exhausted and len(running) < n_processes:
                job = next(waiting, None)
                exhausted = job is None
                if job is not None:
                    running.append(_start(job))
            for entry in [entry for entry in running if entry.process.poll() is not None]:
                running.remove(entry)
                yield _finish(entry)
            poll()
            time.sleep(POLL_INTERVAL_S)
    finally:
        for entry in running:
            _stop(entry)


def _start(job: WorkerJob[R]) -> _Running[R]:
    job.folder.mkdir(parents=True, exist_ok=True)
    request = job.folder / f"{job.name}.request.json"
    request.write_text(request_text(job.request))
    paths = [str(PACKAGE_PARENT), *filter(None, [os.environ.get("PYTHONPATH")])]
    with _log_path(job).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "amb3r_core.models.colmap.sfm.worker", str(request)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ONE_THREAD, **LOG_TO_STDERR, "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,
        )
    return _Running(job, process)


def _finish(entry: _Running[R]) -> Finished[R]:
    code = entry.process.wait()
    if entry.process.stdin is not None:
        entry.process.stdin.close()
    if code == 0:
        return Finished(job=entry.job, problem="")
    if code == OUT_OF_MEMORY_SIGNAL:
        raise ResourceError(
            f"the system killed the worker {entry.job.name!r}, most likely for memory: use fewer or smaller photos"
        )
    return Finished(job=entry.job, problem=f"exit code {code}: {_last_line(entry.log)}")


def _stop(entry: _Running[R]) -> None:
    entry.process.kill()
    entry.process.wait()
    if entry.process.stdin is not None:
        entry.process.stdin.close()


def _log_path(job: WorkerJob[R]) -> Path:
    return job.folder / f"{job.name}.log"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"

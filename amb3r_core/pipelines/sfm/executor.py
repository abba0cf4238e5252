"""Where a model's independent calls run: in this process, or on Ray workers. The results are the same, in the same order."""

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from amb3r_core.errors import ResourceError
from amb3r_core.models.api import ReconstructionModel
from amb3r_core.optional import require

Item = TypeVar("Item")
Result = TypeVar("Result")

WAIT_S = 300.0
"""A worker on another machine reads the model and its libraries anew."""
REACH_S = 10.0
MAX_REASON = 300
INSTEAD = '`executor="local"` runs in this process'


class Executor(Protocol):
    """Runs one task over many items; the task is a function of a module, and items and results can be pickled."""

    def map(self, task: Callable[[ReconstructionModel, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """The results in the order of the items; the caller may stop early."""
        ...


class InProcess:
    """Runs each task when its result is asked for, with the model at hand."""

    def __init__(self, model: ReconstructionModel) -> None:
        self._model = model

    def map(self, task: Callable[[ReconstructionModel, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        for item in items:
            yield task(self._model, item)


class RayWorkers:
    """Runs tasks on workers that each hold a copy of the model, a few items ahead of what is asked for.

    Connects to the cluster of RAY_ADDRESS, or starts one on this machine. Each worker has a processor to itself; on a cluster of
    several machines they are spread over them.
    """

    def __init__(
        self, model: ReconstructionModel, *, n_workers: int, gpus_per_worker: float = 0.0, wait_s: float = WAIT_S
    ) -> None:
        """gpus_per_worker: what Ray reserves for each worker. wait_s: how long they may take to be ready.

        Raises `DependencyError` when Ray is not installed, `ResourceError` when it or the workers do not start.
        """
        self._ray = require("ray", extra="ray", purpose="to run on many workers")
        self._workers: list[Any] = []
        self._started = not self._ray.is_initialized()
        try:
            if self._started:
                _start(self._ray, n_workers)
            self._check_room(n_workers, gpus_per_worker)
            worker: Any = self._ray.remote(num_cpus=1, num_gpus=gpus_per_worker, scheduling_strategy="SPREAD")(_Worker)
            shared = self._ray.put(model)
            self._workers = [worker.remote(shared) for _ in range(n_workers)]
            self._ray.get([each.model_name.remote() for each in self._workers], timeout=wait_s)
        except ResourceError:
            self.close()
            raise
        except Exception as error:  # Ray's own errors have no common base below this.
            self.close()
            raise ResourceError(f"{_not_started(error)}; {INSTEAD}", option="executor") from error

    def _check_room(self, n_workers: int, gpus_per_worker: float) -> None:
        """Raises `ResourceError` where the workers would wait for processors that the cluster does not have."""
        there = self._ray.cluster_resources()
        for kind, wanted in (("CPU", n_workers), ("GPU", n_workers * gpus_per_worker)):
            if there.get(kind, 0.0) < wanted:
                found = f"{there.get(kind, 0.0):g} {kind}s, and {n_workers} workers need {wanted:g}"
                raise ResourceError(f"the Ray cluster has {found}: ask for fewer `workers`; {INSTEAD}", option="workers")

    def map(self, task: Callable[[ReconstructionModel, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        free = deque(self._workers)
        running: deque[tuple[Any, Any]] = deque()
        for item in items:
            if not free:
                yield self._collect(running, free)
            worker = free.popleft()
            running.append((worker, worker.run.remote(task, item)))
        while running:
            yield self._collect(running, free)

    def _collect(self, running: "deque[tuple[Any, Any]]", free: "deque[Any]") -> Any:
        worker, result = running.popleft()
        value = self._ray.get(result)
        free.append(worker)
        return value

    def close(self) -> None:
        """Ends the workers, and Ray if it was started here."""
        for worker in self._workers:
            self._ray.kill(worker)
        self._workers = []
        if self._started and self._ray.is_initialized():
            self._ray.shutdown()


def _start(ray: Any, n_workers: int) -> None:
    """Connects to the cluster of RAY_ADDRESS, or starts one here with a processor for each worker."""
    quiet = {"log_to_driver": False, "configure_logging": False}
    address = os.environ.get("RAY_ADDRESS")
    if address:
        _check_reachable(address)
        ray.init(**quiet)
    else:
        ray.init(num_cpus=n_workers, include_dashboard=False, **quiet)


def _check_reachable(address: str) -> None:
    """Raises `OSError` when nobody answers at a HOST:PORT, for which Ray itself would wait several minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in host:
        socket.create_connection((host, int(port)), timeout=REACH_S).close()


def _not_started(error: Exception) -> str:
    """What did not start, and why, in one line."""
    why = " ".join(str(error).split()) or type(error).__name__
    address = os.environ.get("RAY_ADDRESS")
    what = f"Ray's cluster at {address} (RAY_ADDRESS) cannot be used" if address else "Ray does not start on this machine"
    return f"{what}: {why[:MAX_REASON]}{'...' if len(why) > MAX_REASON else ''}"


class _Worker:
    """Lives on a Ray worker."""

    def __init__(self, model: ReconstructionModel) -> None:
        self._model = model

    def model_name(self) -> str:
        """Answers once the worker is there."""
        return self._model.name

    def run(self, task: Callable[[ReconstructionModel, Item], Result], item: Item) -> Result:
        return task(self._model, item)

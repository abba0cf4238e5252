"""Where a model's independent calls run: in this process, or on Ray workers. The results are the same, in the same order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from amb3r_core.models.api import ReconstructionModel
from amb3r_core.optional import require

Item = TypeVar("Item")
Result = TypeVar("Result")


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

    Connects to the cluster of RAY_ADDRESS, or starts one on this machine.
    """

    def __init__(self, model: ReconstructionModel, *, n_workers: int, gpus_per_worker: float = 0.0) -> None:
        """gpus_per_worker: what Ray reserves for each worker. Raises `DependencyError` when Ray is not installed."""
        self._ray = require("ray", extra="ray", purpose="to run on many workers")
        self._started = not self._ray.is_initialized()
        if self._started:
            self._ray.init(num_cpus=n_workers, include_dashboard=False, log_to_driver=False, configure_logging=False)
        worker: Any = self._ray.remote(num_gpus=gpus_per_worker)(_Worker)
        shared = self._ray.put(model)
        self._workers = [worker.remote(shared) for _ in range(n_workers)]

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
        if self._started:
            self._ray.shutdown()


class _Worker:
    """Lives on a Ray worker."""

    def __init__(self, model: ReconstructionModel) -> None:
        self._model = model

    def run(self, task: Callable[[ReconstructionModel, Item], Result], item: Item) -> Result:
        return task(self._model, item)

"""The same work for each view, several views at a time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")

MAX_WORKERS = 8


def map_views(work: Callable[[int], T], n_views: int, device: torch.device) -> Iterator[T]:
    """`work(view)` for each view, in order, on as many threads as torch may use.

    On a CPU each view keeps to one core: the many small steps of a semi-global sweep cost more to share out than to do,
    several times more on a busy machine. torch's own number of threads is as before when the iterator is exhausted or closed.
    """
    threads = torch.get_num_threads()
    workers = min(threads, n_views, MAX_WORKERS) if device.type == "cpu" else 1
    if workers <= 1:
        yield from map(work, range(n_views))
        return
    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from pool.map(_without_gradients(work), range(n_views))
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def _without_gradients(work: Callable[[int], T]) -> Callable[[int], T]:
    def run(view: int) -> T:
        # Inference mode belongs to a thread, not to a process.
        with torch.inference_mode():
            return work(view)

    return run

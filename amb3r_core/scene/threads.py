"""The same work for many views, several at a time: numpy lets other threads run while it computes."""

import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

MAX_THREADS = 4
"""More would wait for memory and for one another."""


def usable_threads() -> int:
    """How many threads work on arrays: OMP_NUM_THREADS where it is set, else one per core, and not many."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if wanted.isdecimal() and int(wanted) > 0:
        return min(int(wanted), MAX_THREADS)
    return min(os.cpu_count() or 1, MAX_THREADS)


def map_in_order(work: Callable[[int], T], count: int, threads: int | None = None) -> Generator[T]:
    """`work(index)` for each index, in order; no more results wait than there are threads.

    threads: `usable_threads()` when not given; with one, the work is done where it is asked for.
    """
    threads = min(usable_threads() if threads is None else threads, count)
    if threads <= 1:
        yield from map(work, range(count))
        return
    pool = ThreadPoolExecutor(threads)
    try:
        ahead: deque[Future[T]] = deque()
        for index in range(count):
            ahead.append(pool.submit(work, index))
            if len(ahead) > threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)

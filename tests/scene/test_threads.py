"""Work for many views runs on several threads, comes in order, and never far ahead of who asks for it."""

import threading
import time

import pytest

from amb3r_core.scene import threads
from amb3r_core.scene.threads import MAX_THREADS, map_in_order, usable_threads


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_results_come_in_order(count: int, n_threads: int):
    def work(index: int) -> int:
        time.sleep(0.001 * (index % 3))
        return index * index

    assert list(map_in_order(work, count, n_threads)) == [index * index for index in range(count)]


def test_several_threads_take_part():
    both = threading.Barrier(2, timeout=10)
    assert list(map_in_order(lambda index: both.wait() >= 0, 2, 2)) == [True, True]


def test_no_more_is_done_ahead_than_there_are_threads():
    begun: list[int] = []
    results = map_in_order(begun.append, 50, 2)
    next(results)
    time.sleep(0.05)
    assert max(begun) <= 3
    results.close()


def test_a_failure_goes_up_and_ends_the_work():
    begun: list[int] = []

    def work(index: int) -> int:
        begun.append(index)
        if index == 1:
            raise ValueError("broken")
        return index

    with pytest.raises(ValueError, match="broken"):
        list(map_in_order(work, 50, 2))
    assert len(begun) < 10


@pytest.mark.parametrize(("given", "wanted"), [("1", 1), ("2", 2), ("3,1", 3), ("64", MAX_THREADS)])
def test_threads_are_as_many_as_the_environment_says_within_bounds(given: str, wanted: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert usable_threads() == wanted


@pytest.mark.parametrize("given", [None, "", "many", "0"])
def test_else_there_is_one_thread_per_core(given: str | None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OMP_NUM_THREADS") if given is None else monkeypatch.setenv("OMP_NUM_THREADS", given)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda process: {3, 5}, raising=False)
    assert usable_threads() == 2

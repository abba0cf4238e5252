"""Progress is counted, and stopping is no error."""

import pytest

from amb3r_core.progress import Cancelled, Progress, silent, track


def test_items_pass_unchanged_and_every_step_is_told():
    told: list[Progress] = []
    assert list(track("abc", told.append, stage="read", total=3, message="letters")) == ["a", "b", "c"]
    assert [progress.done for progress in told] == [0, 1, 2, 3]
    assert {progress.stage for progress in told} == {"read"}
    assert told[-1].total == 3


def test_an_unknown_total_is_known_at_the_end():
    told: list[Progress] = []
    list(track(iter("ab"), told.append, stage="read"))
    assert [progress.total for progress in told] == [0, 0, 2]


def test_a_monitor_stops_the_work_before_the_next_item():
    done: list[int] = []

    def stop_at_two(progress: Progress, /) -> None:
        if progress.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        done.extend(track(range(9), stop_at_two, stage="work"))
    assert done == [0, 1]


def test_being_asked_to_stop_is_not_swallowed_by_handlers_of_errors():
    assert not issubclass(Cancelled, Exception)


def test_counts_cannot_be_negative():
    silent(Progress(stage="work"))
    with pytest.raises(ValueError, match="must not be negative: done=-1"):
        Progress(stage="work", done=-1)

"""What long work tells whoever watches, and how the watcher stops it.

A `Monitor` is any callable that takes a `Progress`. The command line's bar, the JSON lines for other programs, Blender's
status line and a notebook are monitors. A monitor stops the work by raising `Cancelled`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")

NOTICE = "notice"
"""A stage whose messages are sentences for the user, each to be shown for itself: what was found, and what is made of it."""


class Cancelled(BaseException):
    """The user asked to stop. Not an `Exception`, so that no handler of errors swallows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step of a stage: `done` of `total` units are finished (`total` 0: unknown)."""

    stage: str
    done: int = 0
    total: int = 0
    message: str = ""

    def __post_init__(self) -> None:
        if self.done < 0 or self.total < 0:
            raise ValueError(f"progress counts must not be negative: done={self.done}, total={self.total}")


class Monitor(Protocol):
    """Receives progress; may raise `Cancelled` to stop the work."""

    def __call__(self, progress: Progress, /) -> None: ...


def silent(progress: Progress, /) -> None:
    """The monitor that shows nothing and never stops the work."""


def track(items: Iterable[T], monitor: Monitor, *, stage: str, total: int = 0, message: str = "") -> Iterator[T]:
    """The same items, reported to the monitor before each one and once at the end.

    >>> list(track("ab", lambda progress: print(progress.stage, progress.done, progress.total), stage="read", total=2))
    read 0 2
    read 1 2
    read 2 2
    ['a', 'b']
    """
    done = 0
    for item in items:
        monitor(Progress(stage=stage, done=done, total=total, message=message))
        yield item
        done += 1
    monitor(Progress(stage=stage, done=done, total=total or done, message=message))

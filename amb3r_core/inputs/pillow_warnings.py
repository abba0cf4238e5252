"""Pillow's warnings as texts for the one who opened the file, from any thread, instead of lines on stderr."""

import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

_lock = threading.Lock()
_heard = threading.local()
_n_listening = 0
_listening: "warnings.catch_warnings[None] | None" = None


@contextmanager
def heard_warnings() -> Generator[list[str]]:
    """The texts that Pillow warns with in this thread, each once, growing until the block ends.

    `warnings.catch_warnings` alone is of the whole process and mixes threads up; here the first thread in sets it, the last one
    out takes it back, and warnings of threads that do not listen go where they went before.
    """
    before: list[str] | None = getattr(_heard, "texts", None)
    texts: list[str] = []
    _heard.texts = texts
    _listen()
    try:
        yield texts
    finally:
        _stop()
        _heard.texts = before


def _listen() -> None:
    global _n_listening, _listening  # noqa: PLW0603 - warning filters are global, so is who set them
    with _lock:
        _n_listening += 1
        if _n_listening == 1:
            _listening = warnings.catch_warnings()
            _listening.__enter__()
            warnings.filterwarnings("always", module=r"PIL\.")
            warnings.showwarning = _told(warnings.showwarning)


def _stop() -> None:
    global _n_listening, _listening  # noqa: PLW0603
    with _lock:
        _n_listening -= 1
        if _n_listening == 0 and _listening is not None:
            _listening.__exit__(None, None, None)
            _listening = None


def _told(otherwise: Callable[..., None]) -> Callable[..., None]:
    def tell(message: Warning | str, *where: Any, **more: Any) -> None:
        texts: list[str] | None = getattr(_heard, "texts", None)
        if texts is None:
            otherwise(message, *where, **more)
        elif str(message) not in texts:
            texts.append(" ".join(str(message).split()))

    return tell

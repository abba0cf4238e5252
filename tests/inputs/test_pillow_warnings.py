"""Who hears Pillow's warnings."""

import threading
import warnings

import pytest

from amb3r_core.inputs.pillow_warnings import heard_warnings


def pillow_warns(text: str) -> None:
    warnings.warn_explicit(text, UserWarning, "Image.py", 1, module="PIL.Image")


def test_warnings_come_as_texts_once_each() -> None:
    with heard_warnings() as texts:
        pillow_warns("Corrupt  EXIF\ndata")
        pillow_warns("a bomb")
        pillow_warns("a bomb")
    assert texts == ["Corrupt EXIF data", "a bomb"]


def test_each_thread_hears_its_own() -> None:
    heard: dict[str, list[str]] = {}
    together = threading.Barrier(2)

    def read(name: str) -> None:
        with heard_warnings() as texts:
            together.wait()
            pillow_warns(name)
            together.wait()
        heard[name] = texts

    threads = [threading.Thread(target=read, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {"a": ["a"], "b": ["b"]}


def test_others_hear_what_they_heard_before() -> None:
    filters = list(warnings.filters)
    with heard_warnings():
        pillow_warns("mine")
    assert warnings.filters == filters
    with pytest.warns(UserWarning, match="theirs"):
        pillow_warns("theirs")

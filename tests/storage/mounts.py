"""Mounts of their own for one test: a small disk, and a folder that can be neither renamed nor removed."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(place: Path, *arguments: str) -> Generator[Path]:
    """The folder `place` with something mounted on it by `mount ARGUMENTS place`; skips the test where that is forbidden."""
    place.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(["mount", *arguments, str(place)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here")
    if done.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def small_disk(place: Path, size_kb: int):
    """A disk in memory of this size, mounted at `place`."""
    return mounted(place, "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs")


def bind_mount(source: Path, place: Path):
    """The folder `source` seen at `place` as Docker's `-v` shows one: on the same disk, yet not movable."""
    source.mkdir(parents=True, exist_ok=True)
    return mounted(place, "--bind", str(source))

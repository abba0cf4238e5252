"""What is left of the machine's memory."""

import sys
from pathlib import Path

import psutil
import pytest

from amb3r_core.compute.machine import container_bytes, free_memory_bytes


def test_no_more_than_the_machine_has_is_free() -> None:
    assert 0 < free_memory_bytes() <= psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("folder", "names", "cache_line"),
    [
        (".", ("memory.max", "memory.current"), "inactive_file 300"),
        ("memory", ("memory.limit_in_bytes", "memory.usage_in_bytes"), "total_inactive_file 300"),
    ],
)
def test_a_container_is_asked_for_no_more_than_its_limit(
    folder: str, names: tuple[str, str], cache_line: str, tmp_path: Path
) -> None:
    assert container_bytes(tmp_path) == sys.maxsize
    place = tmp_path / folder
    place.mkdir(exist_ok=True)
    (place / names[0]).write_text("5000\n")
    (place / names[1]).write_text("4000\n")
    (place / "memory.stat").write_text(f"anon 3000\n{cache_line}\n")
    assert container_bytes(tmp_path) == 1300
    (place / names[0]).write_text("max\n")
    assert container_bytes(tmp_path) == sys.maxsize

"""What the machine, or the container on it, has left."""

import sys
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
CGROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)
"""Limit, use, and the name of unused cache in memory.stat, of cgroup versions 2 and 1 as a container sees them."""


def free_memory_bytes() -> int:
    """Bytes of main memory that a new job may take now."""
    return min(int(psutil.virtual_memory().available), container_bytes(CGROUP))


def container_bytes(root: Path) -> int:
    """Bytes that the container this process runs in may still take, by its cgroup (version 2 or 1); no limit elsewhere.

    Cached file pages that nobody uses count as free: the kernel drops them first.
    """
    for limit_name, used_name, cache_name in CGROUP_FILES:
        try:
            limit = int((root / limit_name).read_text())
            used = int((root / used_name).read_text())
            lines = (root / limit_name).with_name("memory.stat").read_text().splitlines()
        except (OSError, ValueError):  # no such cgroup, or "max"
            continue
        cached = next((int(line.split()[1]) for line in lines if line.startswith(f"{cache_name} ")), 0)
        return max(limit - used + cached, 0)
    return sys.maxsize

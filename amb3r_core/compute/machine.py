"""What the machine, or the container on it, has left, and what this process has taken."""

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


def peak_memory_mb() -> float:
    """The most memory this process, or one of its finished children, held at once, in MB; children are not seen on Windows."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 1e6
    import resource

    unit = 1.0 if sys.platform == "darwin" else 1024.0
    usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return max(usage) * unit / 1e6

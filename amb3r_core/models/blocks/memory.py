"""Memory that a network may take, and what is said when there is too little."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import torch

from amb3r_core.compute.machine import free_memory_bytes
from amb3r_core.errors import ResourceError


def available_bytes(device: torch.device) -> int:
    """Bytes that a new job may take on the device now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    return free_memory_bytes()


@contextmanager
def running_out_named(name: str, levers: Callable[[], str]) -> Generator[None]:
    """Turns running out of memory inside the block into a `ResourceError` of that model; levers: what to change, in words."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise ResourceError(f"{name} ran out of memory: {levers()}") from error


def _is_out_of_memory(error: Exception) -> bool:
    """CUDA has an error class of its own; the CPU's and Apple's allocators raise a RuntimeError that says so."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return any(phrase in text for phrase in ("out of memory", "not enough memory", "can't allocate memory"))

"""Memory that a network may take, whether a call fits, and what to change when it does not."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from amb3r_core.compute.machine import free_memory_bytes
from amb3r_core.errors import ResourceError
from amb3r_core.models.blocks.precision import runs_bfloat16

CPU = torch.device("cpu")
PATCH_PX = 14
RUNTIME_BYTES = 0.65e9
"""What the process holds without the network: torch and its libraries."""
MOST_VIEWS = 10_000
"""No machine is asked for more at once."""
SMALLEST_LONG_SIDE_PX = 140
"""Below ten patches there is no point in proposing a smaller size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewLoad(ABC):
    """One call of a network: N views of height x width pixels. A network's own kind says what that takes."""

    n_views: int
    height: int
    width: int
    dtype: torch.dtype
    device: torch.device = CPU

    @abstractmethod
    def bytes_needed(self) -> tuple[int, int]:
        """Bytes of (weights, activations) at their largest, runtime included."""

    def own_lever(self) -> "tuple[str, ViewLoad] | None":
        """What else this network could do with less, as a phrase, and the load it would then be."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """Whether a call fits, in bytes; levers: what would make it fit or take less, best first, as phrases for the user."""

    load: ViewLoad
    weights: int
    activations: int
    available: int
    levers: tuple[str, ...]

    @property
    def needed(self) -> int:
        return self.weights + self.activations

    @property
    def fits(self) -> bool:
        return self.needed <= self.available

    @property
    def sentence(self) -> str:
        """One line for the user."""
        load = self.load
        views = f"{load.n_views} view{'s' if load.n_views > 1 else ''} of {load.width} x {load.height}"
        numbers = (
            f"{views} in {str(load.dtype).removeprefix('torch.')} take about {_gigabytes(self.needed)} GB "
            f"(weights {_gigabytes(self.weights)}), {_gigabytes(self.available)} GB are free"
        )
        return numbers if self.fits else f"{numbers}: {'; or '.join(self.levers)}"


def plan(load: ViewLoad, available: int) -> MemoryPlan:
    """What a call needs against the bytes that are available, and the levers to pull when it does not fit."""
    weights, activations = load.bytes_needed()
    fits = weights + activations <= available
    levers = () if fits else tuple(_levers(load, available))
    return MemoryPlan(load=load, weights=weights, activations=activations, available=available, levers=levers)


def require_room(name: str, load: ViewLoad, available: int) -> None:
    """Raises `ResourceError` with the levers when a call will not fit.

    Asked before any work, because a system that promises memory it lacks kills the process instead of raising an error.
    """
    answer = plan(load, available)
    if not answer.fits:
        raise ResourceError(f"{name}: {answer.sentence}")


def view_limit(load: ViewLoad, available: int) -> int:
    """How many views a call may take whatever their shape: as many squares of the load's longer side as fit."""
    side = max(load.height, load.width)
    return largest_view_count(replace(load, n_views=MOST_VIEWS, height=side, width=side), available)


def available_bytes(device: torch.device) -> int:
    """Bytes that a new job may take on the device now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    return free_memory_bytes()


def lever_sentence(device: torch.device, dtype: torch.dtype, n_views: int) -> str:
    """What to do after memory ran out with a network in this dtype and this many views."""
    levers = ['`dtype="bfloat16"`'] if dtype == torch.float32 and runs_bfloat16(device) else []
    levers += [f'fewer than {n_views} views at once (`pipeline="sfm" or "vo"`)'] if n_views > 1 else []
    return f"try {', or '.join([*levers, 'a smaller `long_side`'])}"


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


def _levers(load: ViewLoad, available: int) -> list[str]:
    """What would help, quietest change first; each phrase says how far to go, and only what is enough by itself is offered."""
    levers: list[str] = []
    if _fits(replace(load, dtype=torch.bfloat16), available) and load.dtype == torch.float32 and runs_bfloat16(load.device):
        levers.append('`dtype="bfloat16"`')
    views = largest_view_count(load, available)
    if views:
        levers.append(f'at most {views} views at once (`pipeline="sfm" or "vo"`)')
    side = _largest_long_side(load, available)
    if side:
        levers.append(f"`long_side={side}`")
    own = load.own_lever()
    if own is not None and _fits(own[1], available):
        levers.append(own[0])
    return levers or ['no setting makes it fit: use a machine with more memory, or `model="colmap"`']


def largest_view_count(load: ViewLoad, available: int) -> int:
    """How many views of this size fit at once, up to those of the load; 0 when not even one does."""
    fewest, most = 0, load.n_views
    while fewest < most:
        middle = (fewest + most + 1) // 2
        fewest, most = (middle, most) if _fits(replace(load, n_views=middle), available) else (fewest, middle - 1)
    return fewest


def _largest_long_side(load: ViewLoad, available: int) -> int:
    """The longest side, in steps of a patch, at which all views fit; 0 when none worth proposing does."""
    patch, longest = PATCH_PX, max(load.height, load.width)
    for side in range(longest - longest % patch, SMALLEST_LONG_SIDE_PX - 1, -patch):
        shrink = side / longest
        height, width = (max(round(length * shrink / patch), 1) * patch for length in (load.height, load.width))
        if side < longest and _fits(replace(load, height=height, width=width), available):
            return side
    return 0


def _fits(load: ViewLoad, available: int) -> bool:
    return sum(load.bytes_needed()) <= available


def _gigabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f}"

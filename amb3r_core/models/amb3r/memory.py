"""How much memory a scene will take, before anything is loaded, and what to change when it is too much."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache

import torch

from amb3r_core.errors import ResourceError
from amb3r_core.models.amb3r.amb3r import Amb3rNetwork
from amb3r_core.models.amb3r.config import LARGE, ModelConfig
from amb3r_core.models.amb3r.precision import compute_dtype, set_dtype
from amb3r_core.models.blocks.memory import running_out_named
from amb3r_core.models.blocks.precision import runs_bfloat16

CPU = torch.device("cpu")
RUNTIME_BYTES = 0.65e9
"""What the process holds without the network: torch and its libraries.

This and the next four leave some room above the peaks measured on a CPU with views of 518 x 392, see `tests`.
"""
BYTES_PER_TOKEN = {torch.float32: 100e3, torch.bfloat16: 90e3, torch.float16: 90e3}
"""Most that all activations alive at once take; four tapped features of 2 x 1024 float32 are 32 kB of it."""
BYTES_PER_BACKEND_TOKEN = 30e3
"""What the second pass holds besides: the first pass's tokens, and the features it injects."""
BYTES_PER_CHUNK_PIXEL = 1700.0
"""The dense head's last layers, per pixel of the views it works on at a time."""
BYTES_PER_PIXEL = 60.0
"""Images, depth, points and confidences of two passes."""
MOST_VIEWS = 10_000
"""No machine is asked for more at once."""
SMALLEST_LONG_SIDE_PX = 140
"""Below ten patches there is no point in proposing a smaller size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One call of the network: N views of height x width pixels."""

    n_views: int
    height: int
    width: int
    dtype: torch.dtype
    device: torch.device = CPU
    use_backend: bool = True
    config: ModelConfig = LARGE


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """Whether a call fits, in bytes; levers: what would make it fit or take less, best first, as phrases for the user."""

    load: Load
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


def plan(load: Load, available: int) -> MemoryPlan:
    """What a call needs against the bytes that are available, and the levers to pull when it does not fit."""
    weights, activations = estimate(load)
    fits = weights + activations <= available
    levers = () if fits else tuple(_levers(load, available))
    return MemoryPlan(load=load, weights=weights, activations=activations, available=available, levers=levers)


def require_room(name: str, load: Load, available: int) -> None:
    """Raises `ResourceError` with the levers when a call will not fit.

    Asked before any work, because a system that promises memory it lacks kills the process instead of raising an error.
    """
    answer = plan(load, available)
    if not answer.fits:
        raise ResourceError(f"{name}: {answer.sentence}")


def estimate(load: Load) -> tuple[int, int]:
    """Bytes of (weights, activations) at their largest, runtime included."""
    config, n_pixels = load.config, load.height * load.width
    tokens = load.n_views * (n_pixels / config.patch_size**2 + config.n_special_tokens)
    per_token = BYTES_PER_TOKEN[load.dtype] + (BYTES_PER_BACKEND_TOKEN if load.use_backend else 0)
    chunk = min(load.n_views, config.dense.frames_per_chunk) * n_pixels * BYTES_PER_CHUNK_PIXEL
    share = config.width / LARGE.width
    activations = RUNTIME_BYTES + share * (tokens * per_token + chunk) + load.n_views * n_pixels * BYTES_PER_PIXEL
    return weight_bytes(config, load.dtype, use_backend=load.use_backend), int(activations)


@cache
def weight_bytes(config: ModelConfig, dtype: torch.dtype, *, use_backend: bool = True) -> int:
    """Bytes of a network's weights once loaded, each in the dtype that `precision.set_dtype` gives it.

    The tracker's parameters stay on disk, mapped and never read.
    """
    with torch.device("meta"):
        network = Amb3rNetwork(replace(config, has_track_head=False))
    set_dtype(network, dtype)
    unused = "" if use_backend else "backend."
    kept = (tensor for name, tensor in network.named_parameters() if not (unused and name.startswith(unused)))
    return sum(tensor.numel() * tensor.itemsize for tensor in kept)


def view_limit(load: Load, available: int) -> int:
    """How many views a call may take whatever their shape: as many squares of the load's longer side as fit."""
    side = max(load.height, load.width)
    return largest_view_count(replace(load, n_views=MOST_VIEWS, height=side, width=side), available)


def lever_sentence(network: Amb3rNetwork, n_views: int) -> str:
    """What to do after memory ran out with this network and this many views."""
    device = next(network.parameters()).device
    levers = ['`dtype="bfloat16"`'] if compute_dtype(network) == torch.float32 and runs_bfloat16(device) else []
    levers += [f'fewer than {n_views} views at once (`pipeline="sfm" or "vo"`)'] if n_views > 1 else []
    return f"try {', or '.join([*levers, 'a smaller `long_side`'])}"


def naming_levers(network: Amb3rNetwork, name: str, n_views: int) -> AbstractContextManager[None]:
    """Turns running out of memory inside the block into a `ResourceError` that says what to change."""
    return running_out_named(name, lambda: lever_sentence(network, n_views))


def _levers(load: Load, available: int) -> list[str]:
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
    if load.use_backend and _fits(replace(load, use_backend=False), available):
        levers.append("`backend=False` (less exact)")
    return levers or ['no setting makes it fit: use a machine with more memory, or `model="colmap"`']


def largest_view_count(load: Load, available: int) -> int:
    """How many views of this size fit at once, up to those of the load; 0 when not even one does."""
    fewest, most = 0, load.n_views
    while fewest < most:
        middle = (fewest + most + 1) // 2
        fewest, most = (middle, most) if _fits(replace(load, n_views=middle), available) else (fewest, middle - 1)
    return fewest


def _largest_long_side(load: Load, available: int) -> int:
    """The longest side, in steps of a patch, at which all views fit; 0 when none worth proposing does."""
    patch, longest = LARGE.patch_size, max(load.height, load.width)
    for side in range(longest - longest % patch, SMALLEST_LONG_SIDE_PX - 1, -patch):
        shrink = side / longest
        height, width = (max(round(length * shrink / patch), 1) * patch for length in (load.height, load.width))
        if side < longest and _fits(replace(load, height=height, width=width), available):
            return side
    return 0


def _fits(load: Load, available: int) -> bool:
    return sum(estimate(load)) <= available


def _gigabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f}"

"""Progress of a running network, and the way to stop it, without the network knowing."""

from collections.abc import Generator
from contextlib import contextmanager

from torch import nn
from torch.utils.hooks import RemovableHandle

from amb3r_core.models.blocks.attention import Block
from amb3r_core.models.blocks.dpt import Fusion
from amb3r_core.progress import Monitor, Progress


@contextmanager
def watched(network: nn.Module, monitor: Monitor, *, stage: str, total: int = 0) -> Generator[None]:
    """Inside the block, the monitor hears of every step of the network and may raise `Cancelled` between two of them.

    A step is one transformer block or one fusion of two levels in a dense head; total is how many are expected, 0 for unknown.
    """
    done = 0

    def step(module: nn.Module, _arguments: object) -> None:
        nonlocal done
        monitor(Progress(stage=stage, done=min(done, total) if total else done, total=total))
        done += 1

    handles: list[RemovableHandle] = [
        module.register_forward_pre_hook(step) for module in network.modules() if isinstance(module, Block | Fusion)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    monitor(Progress(stage=stage, done=max(done, total), total=max(done, total)))

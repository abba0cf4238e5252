"""The published point tracker's parameters, carried along so that a checkpoint stays whole; nothing calls them."""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from amb3r_core.models.amb3r.manifest import published_tensors

PREFIX = "front_end.model.track_head."


class TrackHead(nn.Module):
    """66 million parameters under their published names. They stay where they were loaded, whatever device the model moves to."""

    def __init__(self) -> None:
        super().__init__()
        for name, spec in published_tensors().items():
            if name.startswith(PREFIX):
                *path, leaf = name.removeprefix(PREFIX).split(".")
                parameter = nn.Parameter(torch.empty(spec.shape), requires_grad=False)
                _submodule(self, path).register_parameter(leaf, parameter)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        return self


def _submodule(module: nn.Module, path: list[str]) -> nn.Module:
    """The module at a path below `module`, made on the way where it is not there yet."""
    for name in path:
        child = module.get_submodule(name) if name in dict(module.named_children()) else nn.Module()
        module.add_module(name, child)
        module = child
    return module

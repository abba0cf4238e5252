"""Lists of what a checkpoint holds, packed beside the network's code."""

import gzip
import json
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape and dtype ("float32" or "bool") of one tensor of a state dict."""

    shape: tuple[int, ...]
    dtype: str


def read_manifest(package: str, name: str) -> dict[str, TensorSpec]:
    """The tensors that a manifest in a package lists, by their names."""
    entries = json.loads(gzip.decompress(resources.files(package).joinpath(name).read_bytes()))
    return {tensor: TensorSpec(tuple(entry["shape"]), entry["dtype"]) for tensor, entry in entries.items()}

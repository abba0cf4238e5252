"""What the published checkpoint holds: the name, shape and dtype of every tensor."""

import gzip
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape and dtype ("float32" or "bool") of one tensor of a state dict."""

    shape: tuple[int, ...]
    dtype: str


@cache
def published_tensors() -> dict[str, TensorSpec]:
    """Every tensor of the published state dict by name, 2534 of them. Read once; do not change it."""
    packed = resources.files("amb3r_core.models.amb3r").joinpath("manifest.json.gz").read_bytes()
    entries = json.loads(gzip.decompress(packed))
    return {name: TensorSpec(tuple(entry["shape"]), entry["dtype"]) for name, entry in entries.items()}

"""What the published checkpoint holds: the name, shape and dtype of every tensor."""

from functools import cache

from amb3r_core.models.blocks.manifest import TensorSpec, read_manifest


@cache
def published_tensors() -> dict[str, TensorSpec]:
    """Every tensor of the published state dict by name, 2534 of them. Read once; do not change it."""
    return read_manifest("amb3r_core.models.amb3r", "manifest.json.gz")

"""What the published checkpoints hold: the name, shape and dtype of every tensor.

The manifests were written by `benchmarks/da3_goldens.py manifests` from the configurations in the published package, where a
checkpoint is its whole model, every name under `model.`.
"""

from functools import cache

from amb3r_core.models.blocks.manifest import TensorSpec, read_manifest
from amb3r_core.models.da3.config import Variant


@cache
def published_tensors(variant: Variant) -> dict[str, TensorSpec]:
    """Every tensor of a published state dict by name. Read once; do not change it."""
    return read_manifest("amb3r_core.models.da3", f"manifest_{variant.replace('-', '_')}.json.gz")

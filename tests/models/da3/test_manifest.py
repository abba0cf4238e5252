from typing import get_args

import pytest
import torch

from amb3r_core.models.blocks.manifest import TensorSpec
from amb3r_core.models.da3.config import CONFIGS, Variant
from amb3r_core.models.da3.manifest import published_tensors
from amb3r_core.models.da3.network import Da3Network

COUNTS = {
    "da3-small": 443,
    "da3-base": 443,
    "da3-large": 643,
    "da3-giant": 977,
    "da3-metric": 406,
    "da3-mono": 406,
    "da3-nested": 1383,
}


@pytest.mark.parametrize("variant", get_args(Variant))
def test_a_network_has_the_published_names_shapes_and_dtypes(variant: Variant) -> None:
    with torch.device("meta"):
        held = Da3Network(CONFIGS[variant]).state_dict()
    ours = {name: TensorSpec(tuple(value.shape), str(value.dtype).removeprefix("torch.")) for name, value in held.items()}
    assert ours == published_tensors(variant)
    assert len(ours) == COUNTS[variant]


def test_the_manifest_names_every_tensor_as_the_published_files_do() -> None:
    assert published_tensors("da3-small")["model.backbone.pretrained.camera_token"] == TensorSpec((1, 2, 384), "float32")
    assert "model.da3_metric.head.scratch.sky_output_conv2.2.bias" in published_tensors("da3-nested")

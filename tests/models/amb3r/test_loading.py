from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from amb3r_core.compute.linear import has_fused_kernel
from amb3r_core.errors import WeightsError
from amb3r_core.models.amb3r.config import FRONT_END, ModelConfig, tiny_config
from amb3r_core.models.amb3r.loading import load_network, missing
from amb3r_core.models.amb3r.model import Amb3rModel
from amb3r_core.models.amb3r.weights import Kind
from amb3r_core.models.registry import ModelOptions
from amb3r_core.options import DtypeName
from amb3r_core.progress import silent
from tests.models.amb3r.tiny import save_weights, tiny_batch, tiny_network

Load = Callable[..., Amb3rModel]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    path = tmp_path / "tiny.safetensors"
    save_weights(tiny_network(), path)

    def loaded(kind: Kind = "amb3r", config: ModelConfig | None = None, dtype: DtypeName = "float32", backend: bool = True):
        return load_network(kind, config or tiny_config(), options(path, dtype, backend), silent)

    return loaded


def options(path: Path, dtype: DtypeName = "float32", backend: bool = True) -> ModelOptions:
    return ModelOptions(
        device="cpu",
        dtype=dtype,
        backend=backend,
        weights=path,
        commercial_ok=False,
        long_side_px=70,
        seed=0,
        scratch=path.parent,
    )


def test_loaded_weights_give_the_same_bytes_as_those_saved(load: Load) -> None:
    model, batch = load(), tiny_batch()
    assert torch.equal(model.predict(batch).depth, Amb3rModel(tiny_network()).predict(batch).depth)
    assert model.weights is not None
    assert model.weights.name == "tiny"


def test_without_the_back_end_its_weights_are_let_go(load: Load) -> None:
    model, batch = load(backend=False), tiny_batch()
    assert model.network.backend is None
    assert torch.equal(model.predict(batch).depth, load().draft(batch).prediction.depth)


@pytest.mark.skipif(not has_fused_kernel(torch.bfloat16), reason="this processor has no bfloat16 kernels")
def test_the_asked_precision_reaches_the_trunk(load: Load) -> None:
    network = load(dtype="bfloat16").network
    assert network.front_end.model.aggregator.patch_embed.patch_embed.proj.weight.dtype == torch.bfloat16


def test_weights_of_another_kind_name_the_model_they_are_for(load: Load) -> None:
    with pytest.raises(WeightsError, match='holds amb3r weights: load them with `model="amb3r"`'):
        load("vggt", FRONT_END)


def test_missing_weights_are_told_in_one_phrase(tmp_path: Path) -> None:
    assert missing(options(tmp_path / "none.safetensors")) == f"no weights at {tmp_path / 'none.safetensors'}"

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from amb3r_core.errors import ResourceError, WeightsError
from amb3r_core.models.amb3r.weights_files import specs_of, write_safetensors
from amb3r_core.models.da3 import loading
from amb3r_core.models.da3.config import Da3Config, tiny_any_view
from amb3r_core.models.da3.loading import open_checkpoint
from amb3r_core.progress import silent
from tests.models.da3.tiny import LONG_SIDE_PX, batch, tiny_model, tiny_network


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a tiny network's file, and takes its configuration for the published one."""

    def save(config: Da3Config, **changes: torch.Tensor | None) -> Path:
        held = tiny_network(config).state_dict()
        specs = specs_of(held)
        monkeypatch.setattr(loading, "CONFIGS", dict.fromkeys(loading.CONFIGS, config))
        monkeypatch.setattr(loading, "published_tensors", lambda _variant: specs)
        kept = {name: value for name, value in (held | changes).items() if value is not None}
        write_safetensors(tmp_path / "model.safetensors", kept, silent)
        return tmp_path / "model.safetensors"

    return save


def test_a_file_gives_the_network_it_was_made_of(saved: Callable[..., Path]) -> None:
    path = saved(tiny_any_view(gaussian_channels=5))
    model = open_checkpoint(path, "da3-small", dtype="float32", long_side_px=LONG_SIDE_PX)
    prediction = model.predict(batch())
    torch.testing.assert_close(prediction.depth, tiny_model(tiny_any_view(gaussian_channels=5)).predict(batch()).depth)
    assert model.weights is not None
    assert (model.weights.name, model.weights.licence) == ("model", "Apache-2.0")
    assert not any("gs_head" in name for name in model.network.state_dict())


def test_a_missing_a_misshapen_and_an_unknown_tensor_are_named(saved: Callable[..., Path]) -> None:
    token, bias = "model.backbone.pretrained.cls_token", "model.cam_dec.fc_t.bias"
    path = saved(tiny_any_view(), **{token: None, bias: torch.zeros(4), "stray": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"1 missing \(.*cls_token\); 1 unexpected \(stray\); 1 misshapen \(.*fc_t.bias"):
        open_checkpoint(path, "da3-small")


def test_a_file_of_another_size_is_refused(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "small.safetensors", tiny_network().state_dict(), silent)
    with pytest.raises(WeightsError, match=r"does not fit this network\. Of 443 tensors"):
        open_checkpoint(tmp_path / "small.safetensors", "da3-base")


@pytest.mark.parametrize("variant", ["da3-large", "da3-giant", "da3-nested"])
def test_weights_for_non_commercial_use_are_refused_where_that_is_asked(variant: loading.Variant, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"CC BY-NC 4\.0"):
        open_checkpoint(tmp_path / "none.safetensors", variant, commercial_ok=True)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        open_checkpoint(tmp_path / "none.safetensors", "da3-small", commercial_ok=True)


def test_too_little_memory_is_said_before_the_network_is_made(
    saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tiny_any_view())
    monkeypatch.setattr(loading, "available_bytes", lambda _device: 1000)
    with pytest.raises(ResourceError, match="da3-small: 1 view of 504 x 504"):
        open_checkpoint(path, "da3-small")

"""The weights folder: importing, finding, checking and loading."""

import argparse
import json
from pathlib import Path

import pytest
import torch

from amb3r_core.errors import FormatError, InputError, WeightsError
from amb3r_core.models.amb3r import weights
from amb3r_core.models.amb3r.amb3r import Amb3rNetwork
from amb3r_core.models.amb3r.config import ModelConfig, tiny_config
from amb3r_core.models.amb3r.weights_files import INTERP_V2, specs_of
from tests.models.amb3r.tiny import save_weights, tiny_images, tiny_network

FRONT_END = "front_end.model."


def empty_network(config: ModelConfig | None = None) -> Amb3rNetwork:
    with torch.device("meta"):
        return Amb3rNetwork(config or tiny_config()).eval()


def checkpoint(folder: Path, name: str = "amb3r.pt") -> Path:
    path = folder / name
    torch.save(tiny_network().state_dict(), path)
    return path


def imported(folder: Path, **options: str) -> weights.WeightsRecord:
    source = checkpoint(folder)
    return weights.import_weights(source, folder=folder / "kept", expected=specs_of(tiny_network().state_dict()), **options)


def test_imported_weights_load_bit_equal_and_answer_the_same(tmp_path: Path) -> None:
    record = imported(tmp_path)
    network = empty_network()
    info = weights.load_weights(network, record)
    state = tiny_network().state_dict()
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert (info.name, info.sha256, info.licence) == ("amb3r", record.sha256, record.licence)
    with torch.inference_mode():
        new, old = (n(tiny_images(1)) for n in (network, tiny_network()))
    assert torch.equal(new[-1].depth.values, old[-1].depth.values)


def test_loading_maps_the_file_instead_of_copying_it(tmp_path: Path) -> None:
    record = imported(tmp_path)
    network = empty_network()
    weights.load_weights(network, record)
    with record.path.open("r+b") as file:
        file.write(bytes(record.path.stat().st_size))
    assert not any(parameter.any() for parameter in network.parameters())


def test_a_wrapped_bfloat16_checkpoint_without_the_flag_is_imported(tmp_path: Path) -> None:
    state = {
        name: t.bfloat16() if name.startswith(FRONT_END + "aggregator") else t
        for name, t in tiny_network().state_dict().items()
        if name != INTERP_V2
    }
    torch.save({"model": state, "args": argparse.Namespace(lr=1.0), "epoch": 1}, tmp_path / "train.pt")
    record = weights.import_weights(
        tmp_path / "train.pt", folder=tmp_path, expected=specs_of(tiny_network().state_dict()), licence="MIT"
    )
    network = empty_network()
    weights.load_weights(network, record, commercial_ok=True)
    assert not network.backend.interp_v2
    assert network.front_end.model.aggregator.camera_token.dtype == torch.bfloat16


def test_a_front_end_alone_is_its_own_kind(tmp_path: Path) -> None:
    state = {n.removeprefix(FRONT_END): t for n, t in tiny_network().state_dict().items() if n.startswith(FRONT_END)}
    torch.save(state, tmp_path / "vggt.pt")
    expected = {FRONT_END + name: spec for name, spec in specs_of(state).items()}
    record = weights.import_weights(tmp_path / "vggt.pt", folder=tmp_path / "kept", expected=expected)
    assert (record.kind, record.commercial) == ("vggt", "forbidden")
    assert weights.find_weights("vggt", folder=tmp_path / "kept") == record
    with pytest.raises(WeightsError, match="amb3r weights import FILE"):
        weights.find_weights("amb3r", folder=tmp_path / "kept")


def test_a_checkpoint_of_another_size_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    source = checkpoint(tmp_path)
    with pytest.raises(WeightsError, match=r"does not fit this network. Of 2534 tensors: \d+ missing"):
        weights.import_weights(source, folder=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_loading_into_a_network_of_another_shape_is_refused(tmp_path: Path) -> None:
    record = imported(tmp_path)
    with pytest.raises(WeightsError, match="unexpected"):
        weights.load_weights(empty_network(ModelConfig(**{**_fields(tiny_config()), "backend": None})), record)


def _fields(config: ModelConfig) -> dict[str, object]:
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


def test_the_record_says_where_weights_came_from_and_survives_the_disk(tmp_path: Path) -> None:
    record = imported(tmp_path, name="mine", origin="https://example.org/amb3r.pt")
    assert weights.list_weights(tmp_path / "kept") == [record]
    assert record.source == "https://example.org/amb3r.pt"
    assert weights.named_weights("mine", tmp_path / "kept") == record
    assert json.loads(record.sidecar.read_text())["sha256"] == record.sha256


def test_weights_whose_licence_does_not_grant_it_are_refused_for_commercial_use(tmp_path: Path) -> None:
    record = imported(tmp_path)
    with pytest.raises(WeightsError, match="all rights reserved"):
        weights.load_weights(empty_network(), record, commercial_ok=True)
    granted = imported(tmp_path, name="granted", licence="Apache-2.0")
    assert weights.load_weights(empty_network(), granted, commercial_ok=True).licence == "Apache-2.0"


def test_verify_notices_a_single_changed_byte(tmp_path: Path) -> None:
    record = imported(tmp_path)
    weights.verify_weights(record)
    data = bytearray(record.path.read_bytes())
    data[-1] ^= 1
    record.path.write_bytes(data)
    with pytest.raises(WeightsError, match="has changed"):
        weights.verify_weights(record)


def test_a_given_file_is_used_without_importing_it(tmp_path: Path) -> None:
    record = weights.find_weights("amb3r", path=checkpoint(tmp_path))
    assert record.commercial == "not granted"
    weights.load_weights(empty_network(), record)
    assert weights.missing_weights("amb3r", path=record.path) is None
    assert weights.missing_weights("amb3r", path=tmp_path / "gone.pt") == f"no weights at {tmp_path / 'gone.pt'}"


def test_of_several_weights_the_one_named_after_the_kind_is_taken(tmp_path: Path) -> None:
    for name in ("aaa", "amb3r"):
        imported(tmp_path, name=name)
    assert weights.find_weights("amb3r", folder=tmp_path / "kept").name == "amb3r"


def test_nothing_is_there_at_first_and_looking_creates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMB3R_WEIGHTS", str(tmp_path / "none"))
    assert weights.list_weights() == []
    assert "amb3r weights fetch vggt-1b" in (weights.missing_weights("vggt") or "")
    assert not (tmp_path / "none").exists()


def test_the_folder_is_the_users_unless_the_environment_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMB3R_WEIGHTS", raising=False)
    assert weights.weights_folder().parts[-2:] == ("amb3r", "weights")


def test_names_that_lead_elsewhere_and_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`name="):
        imported(tmp_path, name="../up")
    with pytest.raises(WeightsError, match="there are: none"):
        weights.named_weights("x", tmp_path)


@pytest.mark.parametrize(
    "content", ['{"name": "x"}', "[]", "null", "{", "[" * 100_000, "{}", '{"name": 5}', '{"path": "/etc/passwd"}']
)
def test_a_spoiled_record_is_told_and_not_believed(tmp_path: Path, content: str) -> None:
    record = imported(tmp_path)
    record.sidecar.write_text(content)
    with pytest.raises(FormatError, match=r"import amb3r\.safetensors again"):
        weights.list_weights(tmp_path / "kept")


def test_a_saved_network_loads_back_bit_equal(tmp_path: Path) -> None:
    save_weights(tiny_network(), tmp_path / "w.safetensors")
    network = empty_network()
    weights.load_weights(network, weights.find_weights("amb3r", tmp_path / "w.safetensors"))
    state = tiny_network().state_dict()
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_the_front_end_of_the_manifest_is_what_a_vggt_checkpoint_holds() -> None:
    names = weights.expected_tensors("vggt")
    assert len(names) == 1797
    assert len(weights.expected_tensors("amb3r")) == 2534

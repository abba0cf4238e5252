"""`amb3r weights` from end to end, with a checkpoint of the tiny network."""

from pathlib import Path

import pytest
import torch

from amb3r_core.cli import weights as commands
from amb3r_core.errors import WeightsError
from amb3r_core.models.amb3r import weights
from amb3r_core.models.amb3r.weights_files import specs_of
from tests.models.amb3r.tiny import tiny_network


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny checkpoint that passes for the published one, and an empty weights folder."""
    state = tiny_network().state_dict()
    monkeypatch.setattr(weights, "expected_tensors", lambda kind: specs_of(state))
    monkeypatch.setenv("AMB3R_WEIGHTS", str(tmp_path / "kept"))
    torch.save(state, tmp_path / "amb3r.pt")
    return tmp_path / "amb3r.pt"


def test_import_list_and_verify_show_digest_source_and_licence(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands.import_weights(checkpoint, progress="none")
    record = weights.named_weights("amb3r")
    capsys.readouterr()
    commands.list_weights()
    shown = "".join(capsys.readouterr().out.split())
    assert record.sha256 in shown
    assert "treatasnon-commercial" in shown
    assert "".join(str(checkpoint).split()) in shown
    commands.verify_weights(progress="none")
    assert "unchanged" in capsys.readouterr().out


def test_an_empty_folder_says_how_to_get_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMB3R_WEIGHTS", str(tmp_path))
    commands.list_weights()
    assert "amb3r weights import FILE" in " ".join(capsys.readouterr().out.split())


def test_fetching_a_local_file_offline_imports_and_keeps_it(checkpoint: Path) -> None:
    commands.fetch_weights(str(checkpoint), name="mine", licence="MIT", offline=True, progress="none")
    assert checkpoint.exists()
    assert weights.named_weights("mine").commercial == "allowed"
    assert weights.named_weights("mine").source == str(checkpoint)


def test_verifying_unknown_weights_names_those_that_are_there(checkpoint: Path) -> None:
    commands.import_weights(checkpoint, progress="none")
    with pytest.raises(WeightsError, match="there are: amb3r"):
        commands.verify_weights("other", progress="none")

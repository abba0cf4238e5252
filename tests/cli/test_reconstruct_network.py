"""`amb3r reconstruct --model amb3r` from weights on disk to exports, with a small network and random weights: no accuracy."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from amb3r_core.cli.main import run
from amb3r_core.export.scene_dir import load_scene
from amb3r_core.models.amb3r import loading, model
from amb3r_core.models.amb3r.config import tiny_config
from amb3r_core.models.amb3r.memory import Load, estimate
from amb3r_core.models.amb3r.weights_files import file_digest
from amb3r_core.progress import silent
from tests.models.amb3r.tiny import save_weights, tiny_network

pytestmark = pytest.mark.slow


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of the tiny network, which passes for the published size."""
    monkeypatch.setattr(loading, "LARGE", tiny_config())
    path = tmp_path / "weights" / "random.safetensors"
    save_weights(tiny_network(), path)
    return path


def words(photos: Path, checkpoint: Path, output: Path, *more: str) -> list[str]:
    asked = ["--model", "amb3r", "--weights", str(checkpoint), "--long-side", "70", "--device", "cpu", "--dtype", "float32"]
    return ["reconstruct", str(photos), "-o", str(output), *asked, *more]


def test_photos_become_a_scene_in_metres_that_says_what_made_it(
    photos: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exports = "ply,glb,colmap,nerfstudio,tum,splat,npz"
    output = tmp_path / "scene"
    assert run(words(photos, checkpoint, output, "--export", exports, "--progress", "json")) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    result = events[-1]
    assert (result["event"], result["views"]) == ("result", 6)
    assert {"amb3r draft", "amb3r refine"} <= {event.get("stage") for event in events}
    assert len(result["exports"]) == len(exports.split(","))
    assert all(Path(path).exists() for path in result["exports"])
    scene = load_scene(output)
    assert scene.dense.depth.shape == (6, 56, 70)
    assert (scene.scale.kind, scene.scale.source) == ("metric", "metric-scale head of amb3r")
    weights = scene.provenance.weights
    assert weights is not None
    assert (weights.name, weights.sha256) == ("random", file_digest(checkpoint, silent))
    assert "treat as non-commercial" in weights.licence
    assert any(note.startswith("pipeline: one-shot") for note in scene.provenance.notes)


@pytest.mark.parametrize("pipeline", ["vo", "sfm"])
def test_the_pipelines_run_over_the_network(pipeline: str, photos: Path, checkpoint: Path, tmp_path: Path) -> None:
    assert run(words(photos, checkpoint, tmp_path / "scene", "--pipeline", pipeline, "--progress", "none")) == 0
    scene = load_scene(tmp_path / "scene")
    assert scene.provenance.pipeline == pipeline
    assert scene.n_views + len(scene.unregistered) == 6
    assert scene.scale.is_metric
    assert scene.dense.depth.shape[1:] == (56, 70)


def test_where_memory_is_short_the_views_go_through_in_windows(
    photos: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "view_limit", lambda _load, _available: 4)
    assert run(words(photos, checkpoint, tmp_path / "scene", "--order", "video", "--progress", "none")) == 0
    notes = load_scene(tmp_path / "scene").provenance.notes
    assert any(note.startswith("pipeline: vo, 6 views are more than model amb3r takes at once (4)") for note in notes)


def test_without_enough_memory_for_what_was_asked_one_line_names_the_lever(
    photos: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    two_views = sum(estimate(Load(n_views=2, height=70, width=70, dtype=torch.float32, config=tiny_config())))
    for available, told in ((0, "or --model colmap"), (two_views, "takes at once (2); use --pipeline sfm")):
        monkeypatch.setattr(loading, "available_bytes", lambda _device, available=available: available)
        assert run(words(photos, checkpoint, tmp_path / "scene", "--pipeline", "one-shot", "--progress", "none")) == 1
        shown = capsys.readouterr().err
        assert shown.count("\n") == 1, shown
        assert shown.startswith("error: ")
        assert told in shown
    assert not (tmp_path / "scene").exists()


def test_without_the_back_end_the_draft_is_exported(photos: Path, checkpoint: Path, tmp_path: Path) -> None:
    for name, more in (("with", ()), ("without", ("--no-backend",))):
        assert run(words(photos, checkpoint, tmp_path / name, "--progress", "none", *more)) == 0
    refined, draft = (load_scene(tmp_path / name) for name in ("with", "without"))
    assert not np.array_equal(refined.dense.depth, draft.dense.depth)


def test_weights_that_may_not_be_used_commercially_are_refused_when_asked(
    photos: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words(photos, checkpoint, tmp_path / "scene", "--commercial-ok")) == 1
    assert "weights random are refused, their licence does not allow it" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["amb3r", "vggt"])
def test_without_weights_one_line_says_how_to_get_them(
    name: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMB3R_WEIGHTS", str(tmp_path / "empty"))
    assert run(["reconstruct", str(photos), "-o", str(tmp_path / "scene"), "--model", name]) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert f"error: model {name} cannot run: no {name} weights in" in shown
    assert "amb3r weights import FILE" in shown

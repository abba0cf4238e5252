"""What the colmap model remembers between calls of one job."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from amb3r_core.errors import RegistrationError
from amb3r_core.inputs.images import Frame, frames_from_arrays, open_photos
from amb3r_core.models.api import Prediction
from amb3r_core.models.batching import prepare
from amb3r_core.models.colmap import model as colmap
from amb3r_core.models.colmap import prediction_cache
from amb3r_core.models.colmap.model import ColmapConfig, ColmapModel
from amb3r_core.scene.camera import PinholeCamera
from tests.paths import SAMPLE


def scratch_of(frames: tuple[Frame, ...], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the model looks for finished stages of these frames."""
    used: list[Path] = []

    def nothing_placed(*_: object, scratch: Path, **__: object) -> None:
        used.append(scratch)
        raise RegistrationError("none")

    monkeypatch.setattr(colmap, "reconstruct_sparse", nothing_placed)
    model = ColmapModel(ColmapConfig(), folder)
    with pytest.raises(RegistrationError):
        model.predict(prepare(frames, model.input_spec))
    return used[0]


def sample_frames(n: int) -> list[Frame]:
    return list(open_photos([SAMPLE / "images"]))[:n]


def moved(x: float) -> np.ndarray:
    pose = np.eye(4)
    pose[0, 3] = x
    return pose


def test_only_frames_that_know_the_same_share_their_finished_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = frames_from_arrays([np.zeros((48, 64, 3), np.uint8)] * 2)
    camera = PinholeCamera(width=64, height=48, fx=50.0, fy=50.0, cx=31.5, cy=23.5)
    sets = [
        (first, second),
        (replace(first, cam_to_world=moved(0.0)), second),
        (replace(first, cam_to_world=moved(1.0)), second),
        (replace(first, camera=camera), second),
        (replace(first, facts=replace(first.facts, focal_px=50.0)), second),
    ]
    folders = [scratch_of(frames, tmp_path, monkeypatch) for frames in sets]
    assert len(set(folders)) == len(sets)
    assert scratch_of(sets[2], tmp_path, monkeypatch) == folders[2]


@pytest.mark.slow
def test_the_order_of_photos_changes_no_byte_but_the_world(tmp_path: Path) -> None:
    scene = sample_frames(6)
    shuffled = [scene[row] for row in (3, 0, 5, 1, 4, 2)]
    first, second = (ColmapModel(ColmapConfig(long_side_px=160), tmp_path / name) for name in "ab")
    straight = first.predict(prepare(scene, first.input_spec))
    mixed = second.predict(prepare(shuffled, second.input_spec))
    back = [shuffled.index(frame) for frame in scene]
    assert bool(straight.registered.all())
    assert straight.weight_is_probability
    assert mixed.weight_is_probability
    assert torch.equal(mixed.depth[back], straight.depth)
    assert torch.equal(mixed.confidence[back], straight.confidence)
    assert straight.scene_trust == mixed.scene_trust
    assert straight.scene_trust is not None
    assert 0.0 < straight.scene_trust <= 1.0
    assert straight.pose_trust == tuple(mixed.pose_trust[row] for row in back)
    assert all(0.0 < trust <= 1.0 for trust in straight.pose_trust)
    np.testing.assert_allclose(mixed.cam_to_world[0].numpy(), np.eye(4), atol=1e-12)
    moved_back = straight.cam_to_world[3] @ mixed.cam_to_world[back]
    np.testing.assert_allclose(moved_back.numpy(), straight.cam_to_world.numpy(), atol=1e-12)


@pytest.mark.slow
def test_views_seen_before_are_not_worked_on_again_whatever_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = sample_frames(3)
    model = ColmapModel(ColmapConfig(long_side_px=160), tmp_path)
    straight = model.predict(prepare(scene, model.input_spec))
    kept = [path.name for path in next(tmp_path.glob("*/prediction.npz")).parent.iterdir()]
    assert kept == ["prediction.npz"]

    def unexpected(*_: object, **__: object) -> None:
        raise AssertionError("the kept prediction must be used")

    monkeypatch.setattr(colmap, "reconstruct_sparse", unexpected)
    again = ColmapModel(ColmapConfig(long_side_px=160), tmp_path).predict(prepare(scene[::-1], model.input_spec))
    assert torch.equal(again.depth.flip(0), straight.depth)
    assert again.reasons == straight.reasons
    assert again.details == straight.details
    assert again.pose_trust == straight.pose_trust[::-1]
    assert again.scene_trust == straight.scene_trust


def test_only_the_latest_predictions_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_cache, "MAX_KEPT", 2)
    prediction = Prediction(
        depth=torch.ones(1, 2, 3),
        confidence=torch.ones(1, 2, 3),
        cam_to_world=torch.eye(4, dtype=torch.float64)[None],
        intrinsics=torch.eye(3, dtype=torch.float64)[None],
        registered=torch.ones(1, dtype=torch.bool),
        reasons=("",),
        weight_is_probability=True,
        pose_trust=(0.1 + 0.2,),
        scene_trust=0.7,
    )
    for age, name in enumerate("abc"):
        (tmp_path / name).mkdir()
        prediction_cache.keep_prediction(tmp_path / name, prediction)
        os.utime(tmp_path / name / prediction_cache.FILE, ns=(age, age))
    assert not (tmp_path / "a").exists()
    found = prediction_cache.load_prediction(tmp_path / "b")
    assert found is not None, "looked up, so it is the latest now"
    assert found.weight_is_probability
    assert (found.pose_trust, found.scene_trust) == ((0.1 + 0.2,), 0.7)
    (tmp_path / "d").mkdir()
    prediction_cache.keep_prediction(tmp_path / "d", prediction)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["b", "d"]

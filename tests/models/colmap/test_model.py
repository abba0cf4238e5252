"""What the colmap model remembers between calls of one job."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.batching import prepare
from amb3r_core.errors import RegistrationError
from amb3r_core.images import Frame, frames_from_arrays
from amb3r_core.models.colmap import model as colmap
from amb3r_core.models.colmap.model import ColmapConfig, ColmapModel
from amb3r_core.scene import PinholeCamera


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

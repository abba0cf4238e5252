"""Requests reach a worker as they were sent."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.models.colmap.sfm.json_records import from_json, to_json
from amb3r_core.models.colmap.sfm.requests import (
    Attempt,
    ExtractFeatures,
    ExtractLearned,
    FinishModel,
    Mapper,
    MatchLearned,
    Request,
    RunAttempt,
    read_request,
    request_text,
)
from amb3r_core.models.colmap.sfm.sparse import AttemptScore

ATTEMPT = Attempt(name="a", mapper=Mapper.GLOBAL, focal_ratio=0.1 + 0.2, holds_lens=True, seed=3)
FOLDER = Path("scratch") / "attempts"
REQUESTS: list[Request] = [
    ExtractFeatures(scratch=FOLDER, targets={"000000": FOLDER / "f.npz"}, max_features=100),
    ExtractLearned(scratch=FOLDER, targets={"0": FOLDER / "f.npz"}, kind="aliked", max_features=9, device="cpu", quarter_turns=3),
    MatchLearned(kind="xfeat", device="cpu", files={"0": FOLDER / "f.npz"}, pairs={"0-1": "0 1"}, target=FOLDER / "m.npz"),
    RunAttempt(attempt=ATTEMPT, database=FOLDER / "d.db", folder=FOLDER, n_photos=4),
    FinishModel(
        winner="a", database=FOLDER / "d.db", folder=FOLDER, n_photos=4, seed=7, keep_poses=True, rivals={"b": 0.1 + 0.2}
    ),
]


@pytest.mark.parametrize("request_sent", REQUESTS, ids=lambda request: type(request).__name__)
def test_a_request_comes_back_as_it_was_sent(request_sent: Request) -> None:
    assert read_request(request_text(request_sent)) == request_sent


def test_known_poses_come_back_to_the_last_bit() -> None:
    poses = {2: np.random.default_rng(0).normal(size=(3, 4)), 7: np.eye(4)[:3]}
    sent = RunAttempt(attempt=ATTEMPT, database=FOLDER, folder=FOLDER, n_photos=4, cam_from_world=poses)
    received = read_request(request_text(sent))
    assert isinstance(received, RunAttempt)
    assert received.attempt == ATTEMPT
    assert list(received.cam_from_world) == [2, 7]
    for key, pose in poses.items():
        np.testing.assert_array_equal(received.cam_from_world[key], pose)
        assert received.cam_from_world[key].dtype == np.float64


def test_a_score_is_plain_json() -> None:
    score = AttemptScore(name="a", n_registered=3, support=1.5)
    text = json.dumps(to_json(score))
    assert from_json(AttemptScore, json.loads(text)) == score
    assert set(json.loads(text)) == {field.name for field in fields(score)}


@dataclass(frozen=True)
class Small:
    size: int


def test_a_field_that_the_dataclass_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        from_json(Small, {"size": 1, "colour": 2})

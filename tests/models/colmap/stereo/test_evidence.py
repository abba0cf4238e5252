"""A neighbour's depth carried into a view, with exact depth."""

import pytest
import torch
from torch import Tensor

from amb3r_core.models.colmap.stereo.cost import PlaneWarp, plane_warp
from amb3r_core.models.colmap.stereo.evidence import SECOND_VOTE, Hypotheses, carried_depth, joined
from tests.models.colmap.room import Room, render_room

TOLERANCE = 0.02


@pytest.fixture(scope="module")
def room() -> Room:
    return render_room(n_views=2, size=(48, 64), spread_m=0.2)


@pytest.fixture(scope="module")
def hypotheses(room: Room) -> Hypotheses:
    low, high = float(1 / room.depth.max()), float(1 / room.depth.min())
    return Hypotheses(0.8 * low, (1.2 * high - 0.8 * low) / 63, 64)


def from_second_view(room: Room) -> PlaneWarp:
    scene = room.scene
    cameras = (scene.intrinsics[1], scene.cam_to_world[1], scene.intrinsics[0], scene.cam_to_world[0])
    return plane_warp(*cameras, scene.size, torch.device("cpu"))


def votes(room: Room, hypotheses: Hypotheses, inverse_depth: Tensor, weight: float = 1.0) -> Tensor:
    weights = torch.full_like(inverse_depth, weight)
    return carried_depth(inverse_depth, weights, from_second_view(room), hypotheses, TOLERANCE)


def test_exact_depth_votes_for_the_depth_that_the_view_sees(room: Room, hypotheses: Hypotheses) -> None:
    cast = votes(room, hypotheses, 1 / room.depth[1])
    elected = hypotheses.low + hypotheses.step * cast.argmax(-1)
    voted = cast.amax(-1) > 0
    error = (elected * room.depth[0] - 1).abs()[voted]
    assert float(voted.float().mean()) > 0.6
    assert float((error < 0.5 * hypotheses.step * room.depth[0][voted] + 0.06).float().mean()) > 0.9


def test_a_vote_is_worth_at_most_its_weight(room: Room, hypotheses: Hypotheses) -> None:
    cast = votes(room, hypotheses, 1 / room.depth[1], weight=0.25)
    assert 0.2 < float(cast.max()) <= 0.25
    assert float(cast.min()) == 0


def test_unknown_depth_does_not_vote(room: Room, hypotheses: Hypotheses) -> None:
    assert float(votes(room, hypotheses, torch.zeros_like(room.depth[1])).abs().max()) == 0


def test_depth_outside_the_swept_range_does_not_vote(room: Room, hypotheses: Hypotheses) -> None:
    assert float(votes(room, hypotheses, 1 / (room.depth[1] * 100)).abs().max()) == 0


def test_the_second_voter_counts_less_and_the_third_nothing() -> None:
    cast = [torch.tensor([[[0.2, 0.0]]]), torch.tensor([[[0.8, 0.0]]]), torch.tensor([[[0.4, 0.6]]])]
    torch.testing.assert_close(joined(cast), torch.tensor([[[0.8 + SECOND_VOTE * 0.4, 0.6]]]))

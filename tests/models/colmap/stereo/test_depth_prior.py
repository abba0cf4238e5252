"""A depth from elsewhere finds the scene's unit and helps, and a wrong one is left out."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from amb3r_core.models.colmap.stereo.dense import StereoConfig, densify
from amb3r_core.models.colmap.stereo.depth_prior import aligned_prior, fit_alignment
from tests.models.colmap.room import Room, render_room

SIZE = (72, 96)
FAR_WALL = 5


@dataclass(frozen=True)
class Given:
    """Depth maps (N, h, w) as a prior."""

    maps: Tensor

    def depth(self, view: int) -> Tensor | None:
        return self.maps[view]


@dataclass(frozen=True)
class Nothing:
    def depth(self, view: int) -> Tensor | None:
        return None


@pytest.fixture(scope="module")
def room() -> Room:
    return render_room(n_views=4, size=SIZE, blank_surfaces=(FAR_WALL,))


def distorted(depth: Tensor) -> Tensor:
    """The depth in another unit, its inverse shifted."""
    return 1 / (0.4 / depth + 0.05)


def test_scale_and_shift_are_found_though_a_third_of_the_points_is_wrong() -> None:
    generator = torch.Generator().manual_seed(0)
    wanted = torch.rand(200, generator=generator, dtype=torch.float64) + 0.2
    given = (wanted - 0.05) / 2.5
    wanted[::3] *= 1.7
    found = fit_alignment(given, wanted)
    assert found is not None
    assert abs(found.scale - 2.5) < 0.01
    assert abs(found.shift - 0.05) < 0.005
    assert 0.6 < found.agreement < 0.8


def test_a_prior_that_fits_nowhere_is_left_out() -> None:
    generator = torch.Generator().manual_seed(0)
    given, wanted = (torch.rand(200, generator=generator, dtype=torch.float64) + 0.01 for _ in range(2))
    assert fit_alignment(given, wanted) is None


def test_a_prior_at_another_size_and_unit_lands_on_the_scene(room: Room) -> None:
    prior = aligned_prior(Given(distorted(room.depth)), room.scene, 1, (SIZE[0] // 2, SIZE[1] // 2))
    assert prior is not None
    wanted = 1 / room.depth[1][1::2, 1::2]
    assert float((prior.inverse_depth / wanted - 1).abs().median()) < 0.01
    assert float(prior.strength.max()) > 0.8


def test_a_good_prior_answers_a_blank_wall_that_no_match_can(room: Room) -> None:
    on_wall = room.surface == FAR_WALL
    valid = torch.ones_like(room.depth, dtype=torch.bool)
    alone, _ = densify(room.pixels, valid, room.scene)
    helped, _ = densify(room.pixels, valid, room.scene, prior=Given(distorted(room.depth)))
    wrong = [float(((depth / room.depth - 1).abs() > 0.05)[on_wall].float().mean()) for depth in (alone, helped)]
    assert wrong[1] < 0.5 * wrong[0]


def test_no_prior_for_a_view_changes_nothing(room: Room) -> None:
    valid = torch.ones_like(room.depth, dtype=torch.bool)
    alone = densify(room.pixels, valid, room.scene, replace(StereoConfig(), refine_steps=0))
    again = densify(room.pixels, valid, room.scene, replace(StereoConfig(), refine_steps=0), prior=Nothing())
    assert torch.equal(alone[0], again[0])

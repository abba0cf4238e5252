"""Choice of neighbours and depth range."""

from dataclasses import replace

import pytest
import torch

from amb3r_core.models.colmap.stereo.neighbours import (
    NeighbourConfig,
    angle_weight,
    inverse_depth_range,
    select_neighbours,
    viewing_angles_deg,
)
from tests.models.colmap.room import Room, render_room


@pytest.fixture(scope="module")
def room() -> Room:
    return render_room(n_views=7, size=(48, 64), spread_m=2.0)


def test_the_weight_is_greatest_at_the_best_angle() -> None:
    config = NeighbourConfig()
    angles = torch.tensor([0.5, 2.0, config.best_angle_deg, 20.0, 60.0])
    weights = angle_weight(angles, config)
    assert int(weights.argmax()) == 2
    assert float(weights[2]) == pytest.approx(1)
    assert float(weights[0]) < float(weights[1])
    assert float(weights[4]) < float(weights[3])


def test_viewing_angles_are_exact() -> None:
    points = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    first, second = torch.tensor([0.0, 0.0, 0.0], dtype=torch.float64), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    assert float(viewing_angles_deg(points, first, second)[0]) == pytest.approx(45)


def test_no_view_is_its_own_neighbour_and_no_more_are_taken_than_asked(room: Room) -> None:
    ranges = [inverse_depth_range(room.scene, view) for view in range(7)]
    chosen = select_neighbours(room.scene, ranges, NeighbourConfig(count=3))
    for view, neighbours in enumerate(chosen):
        assert view not in neighbours
        assert len(set(neighbours)) == len(neighbours) == 3


def test_a_view_at_the_same_place_is_not_chosen(room: Room) -> None:
    scene = replace(
        room.scene,
        cam_to_world=torch.cat([room.scene.cam_to_world, room.scene.cam_to_world[:1]]),
        intrinsics=torch.cat([room.scene.intrinsics, room.scene.intrinsics[:1]]),
        observed=(*room.scene.observed, room.scene.observed[0]),
    )
    ranges = [inverse_depth_range(scene, view) for view in range(8)]
    assert 7 not in select_neighbours(scene, ranges, NeighbourConfig(count=3))[0]


def test_the_range_holds_what_is_seen(room: Room) -> None:
    for view in range(7):
        low, high = inverse_depth_range(room.scene, view)
        assert low < float((1 / room.depth[view]).min())
        assert high > float((1 / room.depth[view]).max())


def test_without_points_the_range_follows_the_baselines(room: Room) -> None:
    scene = replace(room.scene, points=torch.zeros((0, 3), dtype=torch.float64), observed=(torch.zeros(0, dtype=torch.long),) * 7)
    low, high = inverse_depth_range(scene, 3)
    assert 0 < low < 1 / 3 < high

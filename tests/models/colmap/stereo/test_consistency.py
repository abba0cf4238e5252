"""Agreement between depth maps, with exact depth."""

import torch

from amb3r_core.models.colmap.stereo.consistency import agreement, near_jump
from amb3r_core.models.colmap.stereo.cost import plane_warp
from tests.models.colmap.room import Room, render_room

CPU = torch.device("cpu")


def found(room: Room, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    scene = room.scene
    warp = plane_warp(scene.intrinsics[0], scene.cam_to_world[0], scene.intrinsics[1], scene.cam_to_world[1], scene.size, CPU)
    tolerance = torch.full_like(first, 0.03)
    result = agreement(1 / first, tolerance, 3 * tolerance, [warp], [second])
    return result.support, result.conflict


def test_exact_depth_is_confirmed_and_never_contradicted() -> None:
    room = render_room(n_views=2, size=(48, 64), spread_m=0.2)
    support, conflict = found(room, room.depth[0], 1 / room.depth[1])
    assert float((support > 0.8).float().mean()) > 0.75
    assert float(conflict.mean()) < 0.05


def test_depth_too_near_is_contradicted_and_depth_too_far_is_not() -> None:
    room = render_room(n_views=2, size=(48, 64), spread_m=0.2)
    support, near = found(room, 0.8 * room.depth[0], 1 / room.depth[1])
    _, far = found(room, 1.25 * room.depth[0], 1 / room.depth[1])
    assert float(near.mean()) > 0.6
    assert float(far.mean()) < 0.1
    assert float(support.mean()) < 0.05


def test_unknown_depth_says_nothing() -> None:
    room = render_room(n_views=2, size=(48, 64), spread_m=0.2)
    support, conflict = found(room, room.depth[0], torch.zeros_like(room.depth[1]))
    assert float(support.abs().max()) == 0
    assert float(conflict.abs().max()) == 0


def test_near_jump_marks_both_sides_within_the_radius() -> None:
    inverse_depth = torch.ones(3, 20)
    inverse_depth[:, 10:] = 0.5
    assert near_jump(inverse_depth, 3, 1.18)[1].nonzero().flatten().tolist() == list(range(7, 13))
    assert not bool(near_jump(inverse_depth, 0, 1.18).any())

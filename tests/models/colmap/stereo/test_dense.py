"""Laws of the dense stereo on a room with exact depth."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from amb3r_core.models.colmap.stereo.dense import ROUNDS, StereoConfig, densify
from amb3r_core.models.colmap.stereo.neighbours import SparseScene
from amb3r_core.progress import Cancelled, Progress
from tests.models.colmap.room import Room, look_at, render_room

SIZE = (72, 96)


@pytest.fixture(scope="module")
def room() -> Room:
    return render_room(n_views=4, size=SIZE)


@pytest.fixture(scope="module")
def answer(room: Room) -> tuple[Tensor, Tensor]:
    return densify(room.pixels, everything(room), room.scene)


def everything(room: Room) -> Tensor:
    return torch.ones_like(room.depth, dtype=torch.bool)


def relative_error(depth: Tensor, room: Room) -> Tensor:
    return (depth / room.depth - 1).abs()


def test_depth_of_a_textured_room_is_right_nearly_everywhere(room: Room, answer: tuple[Tensor, Tensor]) -> None:
    error = relative_error(answer[0], room)
    assert float(error.median()) < 0.03
    assert float((error < 0.1).float().mean()) > 0.85


def test_the_most_confident_half_has_less_error_than_the_rest(room: Room, answer: tuple[Tensor, Tensor]) -> None:
    error, confidence = relative_error(answer[0], room), answer[1]
    order = confidence.flatten().argsort(descending=True)
    quarters = [float(part.mean()) for part in error.flatten()[order].chunk(4)]
    assert quarters[0] < 0.03
    assert quarters[1] < quarters[2] < quarters[3]


def test_confidence_starts_at_one(answer: tuple[Tensor, Tensor]) -> None:
    assert float(answer[1].min()) >= 1
    assert bool(torch.isfinite(answer[1]).all())


def test_a_blank_wall_is_answered_with_less_confidence_than_a_textured_one(room: Room, answer: tuple[Tensor, Tensor]) -> None:
    far_wall = 5
    blank_room = render_room(n_views=4, size=SIZE, blank_surfaces=(far_wall,))
    depth, confidence = densify(blank_room.pixels, everything(blank_room), blank_room.scene)
    on_wall = room.surface == far_wall
    assert bool((depth[on_wall] > 0).all())
    assert float(confidence[on_wall].median()) - 1 < 0.3 * (float(answer[1][on_wall].median()) - 1)


def test_pixels_outside_the_mask_get_no_depth(room: Room) -> None:
    valid = everything(room)
    valid[:, :, :20] = False
    valid[1] = False
    depth, confidence = densify(room.pixels, valid, room.scene)
    assert bool((depth[~valid] == 0).all())
    assert bool((confidence[~valid] == 1).all())
    assert float(relative_error(depth, room)[0][valid[0]].median()) < 0.04


def test_what_masked_pixels_show_changes_nothing(room: Room) -> None:
    valid = everything(room)
    valid[:, 20:40, 30:60] = False
    other = room.pixels.clone()
    other[:, :, 20:40, 30:60] = 0.25
    first, second = densify(room.pixels, valid, room.scene), densify(other, valid, room.scene)
    away = everything(room)
    away[:, 16:44, 26:64] = False
    agree = (first[0] / second[0].clamp(min=1e-9) - 1).abs() < 0.02
    assert float(agree[away].float().mean()) > 0.97


def test_moving_and_scaling_the_world_moves_and_scales_the_depth(room: Room, answer: tuple[Tensor, Tensor]) -> None:
    motion = torch.from_numpy(look_at(np.array([3.0, -2.0, 5.0]), np.array([-1.0, 4.0, 0.5])))
    scale = 2.5
    poses = motion @ room.scene.cam_to_world
    poses[:, :3, 3] *= scale
    points = (room.scene.points @ motion[:3, :3].T + motion[:3, 3]) * scale
    depth, confidence = densify(room.pixels, everything(room), replace(room.scene, cam_to_world=poses, points=points))
    close = (depth / (scale * answer[0]) - 1).abs() < 1e-3
    assert float(close.float().mean()) > 0.99
    assert torch.allclose(confidence.median(), answer[1].median(), rtol=1e-2)


def test_the_same_input_gives_the_same_bytes_on_any_number_of_threads(room: Room, answer: tuple[Tensor, Tensor]) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        again = densify(room.pixels, everything(room), room.scene)
        torch.set_num_threads(3)
        shared_out = densify(room.pixels, everything(room), room.scene)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    for first, second, third in zip(answer, again, shared_out, strict=True):
        assert torch.equal(first, second)
        assert torch.equal(first, third)


def test_two_views_are_enough() -> None:
    room = render_room(n_views=2, size=SIZE, spread_m=0.3)
    depth, confidence = densify(room.pixels, everything(room), room.scene)
    surest = confidence >= confidence.median()
    assert float(relative_error(depth, room)[surest].median()) < 0.03


def test_a_view_that_sees_something_else_harms_nobody(room: Room, answer: tuple[Tensor, Tensor]) -> None:
    away = torch.from_numpy(look_at(np.array([0.0, 0.0, -30.0]), np.array([0.0, 0.0, -60.0])))
    scene = SparseScene(
        intrinsics=torch.cat([room.scene.intrinsics, room.scene.intrinsics[:1]]),
        cam_to_world=torch.cat([room.scene.cam_to_world, away[None]]),
        size=room.scene.size,
        points=room.scene.points,
        observed=(*room.scene.observed, torch.zeros(0, dtype=torch.long)),
    )
    pixels = torch.cat([room.pixels, room.pixels[:1].flip(-1)])
    depth, confidence = densify(pixels, torch.ones((5, *SIZE), dtype=torch.bool), scene)
    assert torch.equal(depth[:4], answer[0])
    assert bool((depth[4] == 0).all())
    assert bool((confidence[4] == 1).all())


def test_known_poses_without_any_sparse_point_still_give_depth(room: Room) -> None:
    scene = replace(room.scene, points=torch.zeros((0, 3), dtype=torch.float64), observed=(torch.zeros(0, dtype=torch.long),) * 4)
    depth, confidence = densify(room.pixels, everything(room), scene)
    surest = confidence >= confidence.median()
    assert float(relative_error(depth, room)[surest].median()) < 0.05


def test_images_of_odd_size_are_covered_to_the_edge() -> None:
    room = render_room(n_views=3, size=(61, 83))
    depth, _ = densify(room.pixels, everything(room), room.scene)
    assert bool((depth > 0).all())
    assert float(relative_error(depth, room)[:, -2:, -2:].median()) < 0.2


def test_the_monitor_hears_of_every_view_and_can_stop_the_work(room: Room) -> None:
    heard: list[Progress] = []
    densify(room.pixels, everything(room), room.scene, monitor=heard.append)
    assert [event.done for event in heard] == list(range(1, ROUNDS * 4 + 1))
    threads = torch.get_num_threads()

    def stop(progress: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        densify(room.pixels, everything(room), room.scene, monitor=stop)
    assert torch.get_num_threads() == threads


def test_cameras_of_another_number_are_refused(room: Room) -> None:
    with pytest.raises(ValueError, match="one camera per view"):
        densify(room.pixels[:2], everything(room)[:2], room.scene)


def test_a_configuration_without_hypotheses_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        StereoConfig(min_hypotheses=1)


def test_the_neighbours_depth_makes_more_depths_right(room: Room, answer: tuple[Tensor, Tensor]) -> None:
    alone, _ = densify(room.pixels, everything(room), room.scene, replace(StereoConfig(), evidence=0.0))
    wrong_alone, wrong = ((relative_error(depth, room) > 0.05).float().mean() for depth in (alone, answer[0]))
    assert float(wrong) < float(wrong_alone)


def test_planes_do_not_blur_a_textured_room(room: Room, answer: tuple[Tensor, Tensor]) -> None:
    without, _ = densify(room.pixels, everything(room), room.scene, replace(StereoConfig(), planes=0.0))
    assert not torch.equal(without, answer[0])
    assert float(relative_error(answer[0], room).median()) < 1.1 * float(relative_error(without, room).median())


def test_costs_that_are_not_kept_for_the_second_sweep_give_the_same_bytes(
    room: Room, answer: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amb3r_core.models.colmap.stereo.dense.KEPT_BYTES", 0)
    again = densify(room.pixels, everything(room), room.scene)
    assert torch.equal(answer[0], again[0])
    assert torch.equal(answer[1], again[1])

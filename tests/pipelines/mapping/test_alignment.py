"""The similarity between a window and the map."""

import numpy as np
import pytest

from amb3r_core.errors import AlignmentError
from amb3r_core.pipelines.mapping.alignment import AlignmentConfig, Anchor, align, match_points, robust_scale, weighted_median
from amb3r_core.pipelines.mapping.store import FrameDepth
from amb3r_core.scene.conventions import invert
from amb3r_core.scene.geometry import Sim3
from tests.pipelines.windows_of_truth import moved_by, true_window

CONFIG = AlignmentConfig()


def anchors_of(window):
    return [
        Anchor(frame, FrameDepth(window.depth[row], window.weight[row]), window.cam_to_world[row], window.intrinsics[row])
        for row, frame in enumerate(window.frames)
    ]


def test_a_window_in_another_frame_and_unit_comes_back():
    truth = true_window(range(5))
    local = moved_by(truth, Sim3(0.37, truth.cam_to_world[3][:3, :3], np.array([1.0, -2.0, 0.5])))
    alignment = align(local, anchors_of(truth), CONFIG)
    back = alignment.apply(local)
    assert alignment.scale == pytest.approx(1 / 0.37, rel=1e-6)
    np.testing.assert_allclose(back.cam_to_world, truth.cam_to_world, atol=1e-6)
    np.testing.assert_allclose(back.depth, truth.depth, rtol=1e-5)


def test_moving_the_map_moves_the_answer():
    truth = true_window(range(4))
    world = truth.cam_to_world[2]
    moved = moved_by(truth, Sim3.from_rigid(world))
    a = align(truth, anchors_of(truth), CONFIG).apply(truth).cam_to_world
    b = align(truth, anchors_of(moved), CONFIG).apply(truth).cam_to_world
    np.testing.assert_allclose(b, world @ a, atol=1e-6)


def test_every_anchor_gives_points_of_its_own():
    """The published code computed one candidate on 64 distinct points."""
    truth = true_window(range(2), width=128, height=96)
    points = match_points(truth, anchors_of(truth), CONFIG.samples_per_view)
    assert len(np.unique(points.local, axis=0)) > 4000


def test_the_scale_ignores_a_third_of_wild_points():
    rng = np.random.default_rng(0)
    local = rng.uniform(1, 3, (300, 3))
    target = 1.7 * local
    target[:100] *= rng.uniform(3, 9, (100, 1))
    assert robust_scale(local, target, np.ones(300), truncation=1.0) == pytest.approx(1.7, rel=1e-6)


def test_the_weighted_median_is_where_half_the_weight_lies():
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0])) == 2.0


def test_anchors_that_look_backwards_do_not_spoil_the_scale():
    truth = true_window([0, 60], n_path=120)
    assert (truth.cam_to_world[0][:3, 2] @ truth.cam_to_world[1][:3, 2]) < -0.9
    local = moved_by(truth, Sim3(2.5, np.eye(3), np.zeros(3)))
    assert align(local, anchors_of(truth), CONFIG).scale == pytest.approx(0.4, rel=1e-6)


def test_a_window_without_registered_anchors_is_refused():
    truth = true_window(range(3))
    lost = moved_by(truth, Sim3.identity(), registered=np.zeros(3, dtype=bool))
    with pytest.raises(AlignmentError, match="placed none of the frames"):
        align(lost, anchors_of(truth), CONFIG)


def test_anchors_without_common_depth_are_refused():
    truth = true_window(range(3))
    dark = [
        Anchor(a.frame, FrameDepth(np.zeros_like(a.maps.depth), a.maps.weight), a.cam_to_world, a.intrinsics)
        for a in anchors_of(truth)
    ]
    with pytest.raises(AlignmentError, match="share 0 points"):
        align(truth, dark, CONFIG)


def test_one_turned_anchor_does_not_swing_far_views():
    """The move is fitted to the anchors' centres, not to each anchor's own translation times its distance."""
    truth = true_window(range(6))
    far = moved_by(truth, Sim3(1.0, np.eye(3), np.array([50.0, 0.0, 0.0])))
    turned = far.cam_to_world.copy()
    turned[2, :3, :3] = turned[2, :3, :3] @ invert(truth.cam_to_world[0])[:3, :3] @ truth.cam_to_world[1][:3, :3]
    spoiled = moved_by(far, Sim3.identity(), cam_to_world=turned)
    back = align(spoiled, anchors_of(truth), CONFIG).apply(spoiled)
    error = np.linalg.norm(back.cam_to_world[:, :3, 3] - truth.cam_to_world[:, :3, 3], axis=1)
    assert error.max() < 0.05


def test_a_window_that_shows_another_scene_is_refused():
    truth = true_window(range(4))
    rng = np.random.default_rng(0)
    other = moved_by(truth, Sim3.identity(), depth=rng.uniform(0.2, 5.0, truth.depth.shape).astype(np.float32))
    with pytest.raises(AlignmentError, match=r"disagree by \d+% about what they share"):
        align(other, anchors_of(truth), CONFIG)


def test_far_pixels_that_differ_by_any_factor_do_not_refuse_a_window():
    truth = true_window(range(4))
    sky = truth.depth.copy()
    sky[:, :8] *= np.float32(40.0)
    alignment = align(moved_by(truth, Sim3.identity(), depth=sky), anchors_of(truth), CONFIG)
    assert alignment.scale == pytest.approx(1.0, rel=1e-6)
    assert alignment.relative_error < 1e-6

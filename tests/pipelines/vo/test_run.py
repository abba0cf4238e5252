"""Visual odometry over a model that knows the truth."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.errors import InputError, RegistrationError
from amb3r_core.inputs.images import frames_from_arrays
from amb3r_core.pipelines.vo.run import VisualOdometry, run_vo
from amb3r_core.pipelines.vo.state import VoConfig
from amb3r_core.progress import Cancelled
from tests.paths import shared_scene
from tests.pipelines.fake_model import FakeModel, FakeObedientModel, FakePickyModel, FakeRefinableModel, FakeStoppingModel
from tests.pipelines.fake_scenes import BoxScene, RgbdScene, block_loop, orbit_path, room_boxes, street
from tests.pipelines.scoring import end_drift, path_length, position_error

SHORT = BoxScene(room_boxes(), orbit_path(30, turns=0.3), image_width=32)


def run(scene, tmp_path, config=None, **model):
    return run_vo(FakeModel(scene, **{"long_side_px": 32, **model}), scene.frames(), tmp_path, config=config)


def test_without_noise_the_path_and_the_depth_are_the_truth(tmp_path):
    scene = run(SHORT, tmp_path)
    assert scene.n_views == 30
    assert position_error(scene, SHORT) < 1e-3 * path_length(scene, SHORT)
    ratio = np.stack([SHORT.depth(view.name, 32, 24) for view in scene.views]) / scene.dense.depth
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("kind", ["orbit", "street", "rgbd"])
def test_noise_of_two_percent_gives_a_path_within_two_percent(kind, noise, tmp_path):
    made = {"orbit": lambda: BoxScene(room_boxes(), orbit_path(100)), "street": lambda: street(70)}
    truth = RgbdScene(shared_scene("7s_a_video")) if kind == "rgbd" else made[kind]()
    scene = run(truth, tmp_path, noise=noise, long_side_px=64)
    assert scene.n_views == len(truth.names)
    bar = 0.02 if noise else 1e-3
    assert position_error(scene, truth) <= bar * path_length(scene, truth)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [FakeModel, FakeObedientModel])
def test_coming_back_to_old_places_closes_a_loop(kind, tmp_path):
    truth, lap = block_loop(150, turns=1.25), round(149 / 1.25)
    drifts = {}
    for reentry in ("on", "off"):
        config = VoConfig()
        config = replace(config, resample=replace(config.resample, reentry=reentry, loop_gap=50))
        model = kind(truth, noise=0.02, bend_deg_per_m=0.2, long_side_px=32)
        scene = run_vo(model, truth.frames(), tmp_path / reentry, config=config)
        drifts[reentry] = end_drift(scene, truth, lap)
    assert drifts["off"] > 3 * drifts["on"]


@pytest.mark.parametrize("n_frames", [1, 2, 5, 19, 21, 29])
def test_clips_of_any_length_are_placed_whole(n_frames, tmp_path):
    """The published code fails on clips shorter than its first window."""
    truth = BoxScene(room_boxes(), orbit_path(n_frames, turns=0.01 * n_frames), image_width=32)
    scene = run(truth, tmp_path)
    assert scene.n_views == n_frames
    assert scene.views[0].is_keyframe
    np.testing.assert_allclose(scene.views[0].cam_to_world, np.eye(4), atol=1e-9)


def test_timestamps_and_order_are_kept(tmp_path):
    scene = run(SHORT, tmp_path)
    assert [view.timestamp_s for view in scene.views] == [index / 10 for index in range(30)]


def test_a_view_hangs_on_its_windows_and_the_path_on_all_of_them(tmp_path):
    trust = dict.fromkeys(SHORT.names, 0.95) | {SHORT.names[-1]: 0.3}
    scene = run(SHORT, tmp_path, trust=trust)
    assert scene.pose_trust == 0.3
    assert [view.pose_trust for view in scene.views] == [0.95] * 29 + [0.3]


def test_a_window_that_was_not_judged_leaves_the_path_not_judged(tmp_path):
    scene = run(SHORT, tmp_path, trust=dict.fromkeys(SHORT.names[:-1], 0.95))
    assert scene.pose_trust is None
    assert (scene.views[0].pose_trust, scene.views[-1].pose_trust) == (0.95, None)
    assert run(SHORT, tmp_path / "none").pose_trust is None


def test_a_live_session_shows_the_path_as_it_grows():
    model = FakeModel(SHORT, long_side_px=32)
    images = [SHORT.rgb(name) for name in SHORT.names]
    frames = frames_from_arrays(images, SHORT.names)
    session = VisualOdometry(VoConfig(first_window=10, map_every=5)).start(model)
    seen = []
    for frame in frames:
        session.feed([frame])
        seen.append(session.snapshot().n_views)
    assert seen[8] == 0
    assert seen[9:15] == [10, 10, 10, 10, 10, 15]
    assert session.n_mapped == 30
    scene = session.finish()
    assert scene.n_views == 30
    np.testing.assert_array_equal(scene.dense.rgb[7], images[7])


def test_metres_are_one_factor_for_poses_and_depth_with_its_spread(tmp_path):
    scene = run(SHORT, tmp_path, is_metric=True, noise=0.02)
    assert scene.scale.is_metric
    assert 0.0 < scene.scale.relative_spread < 0.1
    truth = np.stack([SHORT.depth(view.name, 32, 24) for view in scene.views])
    by_depth = float(np.median(truth / scene.dense.depth))
    ours = scene.cam_to_world[:, :3, 3]
    true = np.array([SHORT.pose(view.name)[:3, 3] for view in scene.views])
    by_path = np.linalg.norm(true[-1] - true[0]) / np.linalg.norm(ours[-1] - ours[0])
    assert by_depth == pytest.approx(1.0, abs=0.04)
    assert by_path == pytest.approx(by_depth, abs=0.04)


def test_without_metric_windows_the_scale_is_relative(tmp_path):
    assert run(SHORT, tmp_path).scale.kind == "relative"


def test_metric_and_relative_models_choose_the_same_keyframes(tmp_path):
    relative, metric = run(SHORT, tmp_path / "a"), run(SHORT, tmp_path / "b", is_metric=True)
    assert [v.is_keyframe for v in relative.views] == [v.is_keyframe for v in metric.views]


def test_frames_the_model_cannot_place_are_told(tmp_path):
    lost = frozenset({SHORT.names[4], SHORT.names[25]})
    scene = run(SHORT, tmp_path, lost_names=lost)
    assert {view.name for view in scene.unregistered} == lost
    assert scene.n_views == 28


def test_a_model_that_places_nothing_is_an_error(tmp_path):
    with pytest.raises(RegistrationError, match="none of the 30 views"):
        run(SHORT, tmp_path, lost_names=frozenset(SHORT.names))


def test_windows_are_fitted_to_what_the_model_takes(tmp_path):
    model = FakeModel(SHORT, long_side_px=32, max_views=8)
    scene = run_vo(model, SHORT.frames(), tmp_path)
    assert max(map(len, model.calls)) <= 8
    assert scene.n_views == 30
    with pytest.raises(InputError, match="windows of 4 views"):
        run_vo(FakeModel(SHORT, max_views=3), SHORT.frames(), tmp_path / "small")


def test_a_refinable_model_is_refined_where_its_draft_is_unsure(tmp_path):
    model = FakeRefinableModel(SHORT, long_side_px=32, draft_noise=0.03, draft_confidence=1.6)
    scene = run_vo(model, SHORT.frames(), tmp_path)
    assert model.n_refined == 3
    assert position_error(scene, SHORT) < 0.02 * path_length(scene, SHORT)


def test_known_poses_come_back_unchanged(tmp_path):
    frames = SHORT.frames()
    known = tuple(replace(frame, cam_to_world=SHORT.pose(frame.name)) for frame in frames)
    scene = run_vo(FakeModel(SHORT, long_side_px=32), replace(frames, frames=known), tmp_path)
    np.testing.assert_array_equal(scene.cam_to_world, SHORT.path)
    truth = np.stack([SHORT.depth(view.name, 32, 24) for view in scene.views])
    assert float(np.median(truth / scene.dense.depth)) == pytest.approx(1.0, abs=1e-3)


def test_a_window_that_the_model_refuses_is_tried_again_later(tmp_path):
    model = FakePickyModel(SHORT, long_side_px=32, poison=frozenset({SHORT.names[29]}))
    scene = run_vo(model, SHORT.frames(), tmp_path)
    assert {view.name for view in scene.unregistered} == {SHORT.names[29]}
    assert position_error(scene, SHORT) < 1e-3 * path_length(scene, SHORT)


def test_the_last_frames_help_where_the_keyframes_do_not(tmp_path):
    model = FakePickyModel(SHORT, long_side_px=32, poison=frozenset({SHORT.names[0]}))
    session = VisualOdometry(VoConfig(first_window=10)).start(FakeModel(SHORT, long_side_px=32), work=tmp_path)
    session.feed(SHORT.frames().frames[:10])
    assert 0 in session.keyframes
    again = VisualOdometry(VoConfig(first_window=10)).start(model, work=tmp_path)
    again.feed(SHORT.frames())
    assert again.finish().n_views == 30


def test_a_first_window_that_hardly_moves_waits_and_spreads(tmp_path):
    truth = BoxScene(room_boxes(), orbit_path(48, turns=0.12), image_width=32)
    model = FakeModel(truth, long_side_px=32)
    session = VisualOdometry(VoConfig(first_window=10)).start(model, work=tmp_path)
    seen = []
    for frame in truth.frames():
        session.feed([frame])
        seen.append(session.snapshot().n_views)
    first, second = (sorted(call) for call in model.calls[:2])
    assert first == sorted(truth.names[:10])
    assert (len(second), second[0], second[-1]) == (10, truth.names[0], truth.names[19])
    assert (seen[18], seen[19]) == (0, 20)
    scene = session.finish()
    assert scene.n_views == 48
    assert position_error(scene, truth) < 1e-3 * path_length(scene, truth)


def test_a_camera_that_never_moves_is_mapped_all_the_same(tmp_path):
    truth = BoxScene(room_boxes(), np.repeat(orbit_path(1), 50, axis=0), image_width=32)
    session = VisualOdometry(VoConfig(first_window=10)).start(FakeModel(truth, long_side_px=32), work=tmp_path)
    session.feed(truth.frames())
    assert session.n_mapped >= 40
    assert session.finish().n_views == 50


def test_a_kill_while_catching_up_changes_nothing(tmp_path):
    truth = BoxScene(room_boxes(), orbit_path(48, turns=0.12), image_width=32)
    config = VoConfig(first_window=10)
    straight = run_vo(FakeModel(truth, long_side_px=32, noise=0.02), truth.frames(), tmp_path / "a", config=config)
    n_stops = 0
    while True:
        model = FakeStoppingModel(truth, long_side_px=32, noise=0.02, last_call=3)
        try:
            resumed = run_vo(model, truth.frames(), tmp_path / "b", config=config)
        except Cancelled:
            n_stops += 1
            continue
        break
    assert n_stops >= 2
    np.testing.assert_array_equal(resumed.cam_to_world, straight.cam_to_world)

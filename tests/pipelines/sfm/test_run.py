"""Structure from motion over a model that knows the truth."""

import numpy as np
import pytest

from amb3r_core.errors import InputError, RegistrationError
from amb3r_core.pipelines.mapping.codec import decode, encode
from amb3r_core.pipelines.sfm.clusters import ImageClusterConfig
from amb3r_core.pipelines.sfm.run import run_sfm
from amb3r_core.pipelines.sfm.seed import split_isolated
from amb3r_core.pipelines.sfm.state import PlannedWindow, SfmConfig, SfmState
from amb3r_core.scene.geometry import umeyama
from tests.paths import shared_scene
from tests.pipelines.fake_model import FakeDescribingModel, FakeModel, FakeObedientModel, FakePickyModel, FakeRefinableModel
from tests.pipelines.fake_scenes import BoxScene, RgbdScene, orbit_path, room_boxes, shuffled, street
from tests.pipelines.scoring import auc30, path_length, position_error

ARC = BoxScene(room_boxes(), orbit_path(24, turns=0.35), image_width=32)


def run(scene, tmp_path, *, model=FakeDescribingModel, order=1, **options):
    made = model(scene, **{"long_side_px": 32, **options})
    return run_sfm(made, shuffled(scene.frames(), order), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("kind", ["orbit", "street", "rgbd"])
def test_two_percent_noise_leaves_poses_right(kind, noise, tmp_path):
    made = {"orbit": lambda: BoxScene(room_boxes(), orbit_path(48)), "street": lambda: street(40)}
    truth = RgbdScene(shared_scene("7s_a_video"), stride=4) if kind == "rgbd" else made[kind]()
    scene = run(truth, tmp_path, noise=noise, long_side_px=48)
    assert scene.n_views >= 0.95 * len(truth.names)
    assert auc30(scene, truth) >= 95
    if noise == 0.0:
        assert position_error(scene, truth) < 1e-3 * path_length(scene, truth)


@pytest.mark.slow
def test_the_order_of_the_photos_does_not_matter(tmp_path):
    a = run(ARC, tmp_path / "a", order=1, noise=0.02)
    b = run(ARC, tmp_path / "b", order=2, noise=0.02)
    place = {view.name: view.cam_to_world for view in b.views}
    ours, theirs = a.cam_to_world, np.array([place[view.name] for view in a.views])
    moved = umeyama(theirs[:, :3, 3], ours[:, :3, 3]).apply_pose(theirs)
    assert a.views[0].name != b.views[0].name
    np.testing.assert_allclose(moved, ours, atol=1e-4 * float(np.median(a.dense.depth)))


@pytest.mark.slow
def test_a_model_without_descriptors_is_served_by_small_pictures(tmp_path):
    scene = run(ARC, tmp_path, model=FakeModel, noise=0.02)
    assert scene.n_views == 24
    assert auc30(scene, ARC) >= 95


@pytest.mark.slow
def test_photos_of_another_place_are_told_and_never_fused(tmp_path):
    """The published code fuses what it cannot place, unaligned."""
    rooms = np.concatenate([room_boxes(0), room_boxes(1) + np.array([100.0, 0.0, 0.0])])
    far = orbit_path(3, turns=0.02)
    far[:, 0, 3] += 100.0
    truth = BoxScene(rooms, np.concatenate([ARC.path, far]), image_width=32)
    scene = run(truth, tmp_path, noise=0.01)
    assert {view.name for view in scene.unregistered} == set(truth.names[24:])
    assert all(view.reason for view in scene.unregistered)
    known = BoxScene(rooms, ARC.path)
    assert position_error(scene, known) < 0.02 * path_length(scene, known)


def test_frames_the_model_never_registers_are_told(tmp_path):
    truth = BoxScene(room_boxes(), orbit_path(10, turns=0.1), image_width=32)
    lost = frozenset({truth.names[3]})
    scene = run(truth, tmp_path, lost_names=lost)
    assert {view.name for view in scene.unregistered} == lost


def test_nothing_placed_is_an_error(tmp_path):
    truth = BoxScene(room_boxes(), orbit_path(6, turns=0.1), image_width=32)
    with pytest.raises(RegistrationError, match="no group of images"):
        run(truth, tmp_path, lost_names=frozenset(truth.names))


@pytest.mark.parametrize("model", [FakeDescribingModel, FakeObedientModel])
def test_a_view_hangs_on_its_windows_and_the_path_on_all_of_them(model, tmp_path):
    truth = BoxScene(room_boxes(), orbit_path(10, turns=0.12), image_width=32)
    trust = dict.fromkeys(truth.names, 0.95) | {truth.names[4]: 0.3}
    scene = run(truth, tmp_path, model=model, trust=trust)
    assert scene.pose_trust == 0.3
    assert {view.name: view.pose_trust for view in scene.views} == trust
    part = run(truth, tmp_path / "part", model=model, trust={name: 0.95 for name in truth.names if name != truth.names[4]})
    assert part.pose_trust is None


def test_two_photos_make_a_scene(tmp_path):
    truth = BoxScene(room_boxes(), orbit_path(2, turns=0.01), image_width=32)
    assert run(truth, tmp_path).n_views == 2


@pytest.mark.slow
def test_windows_are_fitted_to_what_the_model_takes(tmp_path):
    model = FakeDescribingModel(ARC, long_side_px=32, max_views=10)
    scene = run_sfm(model, shuffled(ARC.frames(), 1), tmp_path)
    assert max(map(len, model.calls)) <= 10
    assert scene.n_views == 24
    with pytest.raises(InputError, match="windows of 8 views, but the model takes 7 at once: try a smaller `long_side`"):
        run_sfm(FakeModel(ARC, max_views=7), ARC.frames(), tmp_path / "small")


@pytest.mark.slow
def test_a_refinable_model_and_metres_work_too(tmp_path):
    scene = run(ARC, tmp_path, model=FakeRefinableModel, is_metric=True, noise=0.01, draft_confidence=1.6)
    assert scene.scale.is_metric
    assert scene.scale.relative_spread < 0.1
    truth = np.stack([ARC.depth(view.name, 32, 24) for view in scene.views])
    assert float(np.median(truth / scene.dense.depth)) == pytest.approx(1.0, abs=0.03)


def test_an_unsure_head_gives_way_to_the_surest_member():
    """The published code starts from a single image when the head of its seed falls."""
    weights = {0: 0.01, 1: 0.5, 2: 0.9, 3: 0.02}
    assert split_isolated([[0, 1, 2], [3]], weights, 0.05) == ([[2, 1]], [0, 3])


def test_a_group_that_is_unsure_as_a_whole_stays_together():
    assert split_isolated([[0, 1], [2, 3]], {0: 0.01, 1: 0.02, 2: 0.01, 3: 0.9}, 0.05) == ([[0, 1], [3]], [2])


def test_a_map_with_one_keyframe_shows_others_beside_it(tmp_path):
    truth = BoxScene(room_boxes(), orbit_path(12, turns=0.02), image_width=32)
    model = FakeDescribingModel(truth, long_side_px=32)
    scene = run_sfm(model, truth.frames(), tmp_path)
    assert sum(view.is_keyframe for view in scene.views) == 1
    assert scene.n_views == 12
    assert max(map(len, model.calls)) == 4 + 6


def test_the_state_survives_its_record():
    state = SfmState(
        stage="polish",
        descriptors=np.eye(3),
        clusters=[[2, 0], [1]],
        scores=[0.5],
        focal_px=[300.0],
        plan=[PlannedWindow([4], [2, 3])],
        visited=[1, 2],
        n_rounds=2,
        last_deferred=5,
        poses_before=np.arange(32.0).reshape(2, 4, 4),
    )
    again, arrays = decode("state", SfmState, encode("state", state)), {"descriptors": None, "poses_before": None}
    np.testing.assert_array_equal(again.descriptors, state.descriptors)
    np.testing.assert_array_equal(again.poses_before, state.poses_before)
    assert {**vars(again), **arrays} == {**vars(state), **arrays}


def test_settings_are_the_published_ones():
    config = SfmConfig()
    assert (config.keyframe_spacing, config.defer_weight, config.accept_weight) == (0.2, 0.1, 0.6)
    assert (config.images.min_size, config.images.max_size) == (5, 8)
    assert ImageClusterConfig().restarts == 50


def test_a_group_that_the_model_refuses_is_tried_without_the_culprit(tmp_path):
    truth = BoxScene(room_boxes(), orbit_path(10, turns=0.1), image_width=32)
    poison = frozenset({truth.names[3]})
    scene = run(truth, tmp_path, model=FakePickyModel, poison=poison)
    assert {view.name for view in scene.unregistered} == poison

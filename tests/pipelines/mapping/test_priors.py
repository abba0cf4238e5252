"""Priors from the map, and what comes of them."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.inputs.exif import PhotoFacts
from amb3r_core.models.api import InputSpec
from amb3r_core.pipelines.mapping.priors import with_priors
from amb3r_core.pipelines.mapping.records import RecordFolder
from amb3r_core.pipelines.mapping.scene_map import MapConfig, SceneMap
from amb3r_core.pipelines.mapping.store import DenseStore, FrameStore
from amb3r_core.pipelines.mapping.windows import predict
from amb3r_core.pipelines.sfm.run import run_sfm
from amb3r_core.pipelines.vo.run import VisualOdometry, run_vo
from tests.pipelines.fake_model import FakeDescribingModel, FakeModel, FakeObedientModel
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes, shuffled
from tests.pipelines.scoring import auc30, path_length, position_error

ARC = BoxScene(room_boxes(), orbit_path(30, turns=0.3), image_width=64)


def started(tmp_path, frames=None):
    """The map of the first five frames, and the store with all of them."""
    store = FrameStore(RecordFolder(tmp_path), InputSpec(long_side_px=32), is_ordered=True)
    for frame in frames or ARC.frames():
        store.add(frame)
    scene = SceneMap(DenseStore(RecordFolder(tmp_path), store.layout.grid), MapConfig())
    scene.start(predict(FakeModel(ARC, long_side_px=32), store.window(range(5))))
    return scene, store


def test_anchors_come_with_their_place_in_the_map_and_all_with_the_focal_length_of_the_original(tmp_path):
    scene, store = started(tmp_path)
    window = with_priors(store.window([7], anchors=[1, 3]), scene)
    assert set(window.pose_priors) == {1, 3}
    np.testing.assert_array_equal(window.sources[1].cam_to_world, scene.pose(3))
    assert window.sources[2].cam_to_world is None
    true_focal_px = ARC.camera(64, 48).fx
    assert [source.facts.focal_px for source in window.sources] == pytest.approx(3 * [true_focal_px], rel=1e-6)


def test_what_exif_or_the_user_says_is_left_alone(tmp_path):
    frames = list(ARC.frames())
    frames[7] = replace(frames[7], facts=PhotoFacts(focal_px=123.0))
    frames[8] = replace(frames[8], cam_to_world=np.eye(4))
    scene, store = started(tmp_path, frames)
    assert with_priors(store.window([7], anchors=[1, 3]), scene).sources[2].facts.focal_px == 123.0
    assert not with_priors(store.window([8], anchors=[1, 3]), scene).pose_priors


def test_a_model_that_keeps_the_pose_priors_is_not_moved(tmp_path):
    scene, store = started(tmp_path)
    window = with_priors(store.window([7], anchors=[1, 3]), scene)
    kept = predict(FakeObedientModel(ARC, long_side_px=32), window)
    assert kept.in_map_frame
    alignment = scene.align(kept, [1, 3])
    assert alignment.scale == 1.0
    np.testing.assert_array_equal(alignment.world_from_local, np.eye(4))
    assert alignment.relative_error < 1e-3


def test_a_model_that_goes_its_own_way_or_has_one_pose_prior_is_aligned(tmp_path):
    scene, store = started(tmp_path)
    own_way = predict(FakeModel(ARC, long_side_px=32), with_priors(store.window([7], anchors=[1, 3]), scene))
    one = predict(FakeObedientModel(ARC, long_side_px=32), with_priors(store.window([7], anchors=[1]), scene))
    assert not own_way.in_map_frame
    assert not one.in_map_frame
    assert scene.align(own_way, [1, 3]).scale != 1.0


def test_odometry_gives_priors_and_its_keyframes_stay(tmp_path):
    model = FakeObedientModel(ARC, long_side_px=32, noise=0.01)
    session = VisualOdometry().start(model, work=tmp_path)
    session.feed(ARC.frames().frames[:20])
    before = {view.name: view.cam_to_world for view in session.snapshot().views if view.is_keyframe}
    session.feed(ARC.frames().frames[20:])
    after = {view.name: view.cam_to_world for view in session.snapshot().views}
    for name, pose in before.items():
        np.testing.assert_array_equal(after[name], pose)
    assert model.focal_px_priors[0] is None
    assert model.focal_px_priors[1] == pytest.approx(ARC.camera(64, 48).fx, rel=0.01)
    scene = session.finish()
    assert scene.n_views == 30
    assert position_error(scene, ARC) < 0.02 * path_length(scene, ARC)


@pytest.mark.slow
def test_structure_from_motion_asks_an_obedient_model_less_often(tmp_path):
    truth, calls = BoxScene(room_boxes(), orbit_path(48), image_width=32), {}
    for kind in (FakeDescribingModel, FakeObedientModel):
        model = kind(truth, long_side_px=32, noise=0.01, confidence=1.8)
        scene = run_sfm(model, shuffled(truth.frames(), 1), tmp_path / kind.__name__)
        assert scene.n_views == 48
        assert auc30(scene, truth) >= 95
        calls[kind] = len(model.calls)
    assert calls[FakeObedientModel] < 0.58 * calls[FakeDescribingModel], calls


def test_known_poses_of_the_user_still_come_back_unchanged(tmp_path):
    frames = ARC.frames()
    known = tuple(replace(frame, cam_to_world=ARC.pose(frame.name)) for frame in frames)
    scene = run_vo(FakeObedientModel(ARC, long_side_px=32), replace(frames, frames=known), tmp_path)
    np.testing.assert_array_equal(scene.cam_to_world, ARC.path)

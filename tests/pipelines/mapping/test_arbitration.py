"""Front end against back end."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.pipelines.mapping.arbitration import ArbitrationConfig, blended, choose, infer
from amb3r_core.pipelines.mapping.records import RecordFolder
from amb3r_core.pipelines.mapping.store import FrameStore
from amb3r_core.scene.geometry import Sim3
from tests.pipelines.fake_model import FakeModel, FakeRefinableModel
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes
from tests.pipelines.mapping.test_alignment import anchors_of
from tests.pipelines.windows_of_truth import moved_by, true_window

CONFIG = ArbitrationConfig()
FOUR = range(4)


def unsure(window, confidence):
    return replace(window, raw_confidence=np.full(len(window.frames), confidence))


def stretched(window, amount):
    """The window with the depth of the right half wrong by `amount`."""
    depth = window.depth.copy()
    depth[:, :, depth.shape[2] // 2 :] *= 1.0 + amount
    return replace(window, depth=depth)


@pytest.fixture
def store(tmp_path):
    scene = BoxScene(room_boxes(), orbit_path(80))
    store = FrameStore(RecordFolder(tmp_path), FakeModel(scene).input_spec, is_ordered=True)
    for frame in scene.frames():
        store.add(frame)
    return scene, store


def test_a_sure_draft_needs_no_back_end(store):
    scene, frames = store
    model = FakeRefinableModel(scene, draft_confidence=6.0)
    infer(model, frames.window(FOUR), [], CONFIG)
    assert model.n_refined == 0


def test_an_unsure_draft_is_refined(store):
    scene, frames = store
    model = FakeRefinableModel(scene, draft_confidence=1.6)
    infer(model, frames.window(FOUR), [], CONFIG)
    assert model.n_refined == 1


def test_answers_that_agree_are_blended():
    draft, refined = unsure(true_window(FOUR), 2.0), unsure(stretched(true_window(FOUR), 0.02), 3.0)
    answer = choose(moved_by(draft, Sim3(0.5, np.eye(3), np.zeros(3))), refined, [], CONFIG)
    assert np.abs(answer.depth - refined.depth).max() > 0
    np.testing.assert_allclose(answer.depth, 0.5 * (draft.depth + refined.depth), rtol=0.02)
    assert choose(draft, refined, [], replace(CONFIG, blend="off")) is refined


def test_a_very_sure_refinement_is_not_blended():
    refined = unsure(stretched(true_window(FOUR), 0.02), 4.0)
    assert choose(unsure(true_window(FOUR), 2.0), refined, [], CONFIG) is refined


def test_the_map_decides_when_the_answers_disagree():
    truth, wrong = true_window(FOUR), stretched(true_window(FOUR), 0.5)
    anchors = anchors_of(truth)
    assert choose(unsure(truth, 2.0), unsure(wrong, 3.0), anchors, CONFIG).depth is truth.depth
    assert choose(unsure(wrong, 2.0), unsure(truth, 3.0), anchors, CONFIG).depth is truth.depth


def test_a_refinement_that_ran_away_is_dropped():
    draft = unsure(true_window(FOUR), 2.0)
    depth = draft.depth.copy()
    depth[:, ::4] *= 40.0
    assert choose(draft, unsure(replace(draft, depth=depth), 3.0), [], CONFIG) is draft


def test_unblended_answers_without_a_map_do_not_fail():
    """The published code leaves a variable unset with blending off."""
    wrong = unsure(stretched(true_window(FOUR), 0.5), 3.0)
    assert choose(unsure(true_window(FOUR), 2.0), wrong, [], replace(CONFIG, blend="off")) is wrong


def test_a_blend_is_trusted_as_the_lesser_of_the_two():
    a = replace(true_window(range(3)), pose_trust=(0.9, 0.2, 0.8), scene_trust=0.7)
    b = replace(true_window(range(3)), pose_trust=(0.6, 0.3, 0.9), scene_trust=0.8)
    assert (blended(a, b).pose_trust, blended(a, b).scene_trust) == ((0.6, 0.2, 0.8), 0.7)
    plain = blended(a, true_window(range(3)))
    assert (plain.pose_trust, plain.scene_trust) == ((), None)


def test_a_blend_lies_between():
    a, b = true_window(FOUR), stretched(true_window(FOUR), 0.02)
    middle = blended(a, b)
    assert (middle.depth >= a.depth - 1e-5).all()
    assert (middle.depth <= b.depth + 1e-5).all()
    np.testing.assert_allclose(middle.cam_to_world, a.cam_to_world, atol=1e-9)

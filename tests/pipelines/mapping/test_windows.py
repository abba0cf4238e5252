"""Windows and their parts."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.pipelines.mapping.records import RecordFolder
from amb3r_core.pipelines.mapping.store import FrameStore
from amb3r_core.pipelines.mapping.windows import predict
from amb3r_core.scene.conventions import rigid
from tests.pipelines.fake_model import FakeModel, FakePickyModel
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes
from tests.pipelines.windows_of_truth import true_window

ARC = BoxScene(room_boxes(), orbit_path(12, turns=0.1), image_width=32)


@pytest.fixture
def frames(tmp_path):
    model = FakeModel(ARC, long_side_px=32)
    store = FrameStore(RecordFolder(tmp_path), model.input_spec, is_ordered=True)
    for frame in ARC.frames():
        store.add(frame)
    return store


def test_a_model_sees_the_anchors_before_the_frames(frames):
    window = frames.window([2, 3], anchors=[7, 1])
    model = FakeModel(ARC, long_side_px=32)
    answer = predict(model, window)
    assert window.views == answer.views == (7, 1, 2, 3)
    assert (answer.anchors, answer.frames) == ((7, 1), (2, 3))
    assert model.calls == [tuple(ARC.names[view] for view in (7, 1, 2, 3))]
    assert list(answer.weight_by_view) == [7, 1, 2, 3]


def test_views_are_ordered_only_without_a_gap(frames):
    assert frames.window([2, 3], anchors=[0, 1]).is_ordered
    assert not frames.window([2, 3], anchors=[1, 0]).is_ordered
    assert not frames.window([3, 5]).is_ordered


def test_a_model_that_refuses_registers_nothing(frames):
    answer = predict(FakePickyModel(ARC, poison=frozenset(ARC.names)), frames.window([2, 3], anchors=[0]))
    assert answer.views == (0, 2, 3)
    assert not answer.registered.any()
    assert not any(answer.places(view, 0.0) for view in answer.views)


def test_chosen_views_keep_their_rows_in_the_new_order():
    window = replace(true_window([4, 9, 2]), anchors=(4,), frames=(9, 2))
    chosen = window.select([2, 4])
    assert (chosen.anchors, chosen.frames) == ((), (2, 4))
    np.testing.assert_array_equal(chosen.depth, window.depth[[2, 0]])
    np.testing.assert_array_equal(chosen.cam_to_world, window.cam_to_world[[2, 0]])
    assert chosen.pose_trust == ()
    assert replace(window, pose_trust=(0.1, 0.2, 0.3)).select([2, 4]).pose_trust == (0.3, 0.1)


def test_an_unsure_view_is_placed_only_in_the_frame_of_the_map():
    window = true_window([4, 9])
    assert window.places(9, 0.8 - 1e-6)
    assert not window.places(9, 0.9)
    assert replace(window, in_map_frame=True).places(9, 0.9)


def test_moving_scales_lengths_then_moves():
    window = replace(true_window([4, 9]), metres_per_unit=1.0)
    move = rigid(np.eye(3), np.array([1.0, 2.0, 3.0]))
    moved = window.moved(move, 2.0)
    np.testing.assert_allclose(moved.cam_to_world[:, :3, 3], 2.0 * window.cam_to_world[:, :3, 3] + [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(moved.depth, 2.0 * window.depth)
    assert moved.metres_per_unit == 0.5


def test_views_that_do_not_belong_to_their_rows_are_refused(frames):
    with pytest.raises(ValueError, match="must be distinct"):
        frames.window([1], anchors=[1])
    with pytest.raises(ValueError, match="one row each"):
        replace(true_window([4, 9]), frames=(4,))

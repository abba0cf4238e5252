"""The incremental pipelines over the network itself, small and with random weights: shapes, metres, resumption; no accuracy."""

import numpy as np
import pytest

from amb3r_core.inputs.images import FrameList
from amb3r_core.models.amb3r.model import Amb3rModel
from amb3r_core.models.api import DescribesImages, RefinableModel
from amb3r_core.pipelines.sfm.run import run_sfm
from amb3r_core.pipelines.vo.run import run_vo
from tests.models.amb3r.tiny import tiny_network
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes, shuffled

SCENE = BoxScene(room_boxes(), orbit_path(24, turns=0.2), image_width=56)


@pytest.fixture(scope="module")
def model():
    return Amb3rModel(tiny_network(), long_side_px=56)


def test_the_network_has_both_capabilities(model):
    assert isinstance(model, RefinableModel)
    assert isinstance(model, DescribesImages)


@pytest.mark.slow
def test_a_video_goes_through_and_can_be_taken_up(model, tmp_path):
    first = run_vo(model, SCENE.frames(), tmp_path)
    again = run_vo(model, SCENE.frames(), tmp_path)
    assert first.n_views + len(first.unregistered) == 24
    assert first.scale.is_metric
    assert first.dense.depth.shape[1:] == (42, 56)
    np.testing.assert_array_equal(first.cam_to_world, again.cam_to_world)


@pytest.mark.slow
def test_a_set_goes_through_and_can_be_taken_up(model, tmp_path):
    frames = shuffled(FrameList(SCENE.frames().frames[:8]), 1)
    first = run_sfm(model, frames, tmp_path)
    again = run_sfm(model, frames, tmp_path)
    assert first.n_views + len(first.unregistered) == 8
    np.testing.assert_array_equal(first.cam_to_world, again.cam_to_world)
    np.testing.assert_array_equal(first.dense.depth, again.dense.depth)

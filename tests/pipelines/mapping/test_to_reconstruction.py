"""From the map to the scene."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.errors import AlignmentError
from amb3r_core.pipelines.mapping.records import RecordFolder
from amb3r_core.pipelines.mapping.scene_map import MapConfig, SceneMap
from amb3r_core.pipelines.mapping.store import DenseStore
from amb3r_core.pipelines.mapping.to_reconstruction import combine_scales, similarity_of_poses
from amb3r_core.scene.conventions import rigid
from amb3r_core.scene.geometry import Sim3
from tests.pipelines.fake_model import FakeModel
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes
from tests.pipelines.windows_of_truth import true_window

MODEL = FakeModel(BoxScene(room_boxes(), orbit_path(4)))


@pytest.fixture
def scene(tmp_path):
    return SceneMap(DenseStore(RecordFolder(tmp_path), (24, 32)), MapConfig())


def test_one_wild_window_does_not_move_the_metre(scene):
    scene.metres = [(2.0, 1.0), (2.02, 1.0), (1.98, 1.0), (9.0, 1.0), (2.01, 1.0)]
    scale = combine_scales(scene, MODEL)
    assert scale.factor == pytest.approx(2.01)
    assert scale.scale.is_metric
    assert scale.scale.relative_spread == pytest.approx(1.4826 * 0.01 / 2.01, rel=1e-6)


def test_a_sure_window_counts_more(scene):
    scene.metres = [(1.0, 0.1), (1.1, 0.1), (3.0, 5.0)]
    assert combine_scales(scene, MODEL).factor == 3.0


def test_a_relative_map_gets_the_unit_of_its_first_window_back(scene):
    window = true_window(range(3))
    scene.start(window)
    scale = combine_scales(scene, MODEL)
    assert scale.scale.kind == "relative"
    np.testing.assert_allclose(scene.maps(0).depth * scale.factor, window.depth[0], rtol=1e-5)


def test_a_straight_path_has_a_similarity_to_known_poses():
    path = np.array([rigid(np.eye(3), np.array([0.0, 0.0, z])) for z in (0.0, 1.0, 2.5)])
    wanted = Sim3(1.7, orbit_path(9)[3][:3, :3], np.array([1.0, -2.0, 3.0]))
    found = similarity_of_poses(path, wanted.apply_pose(path))
    assert found.scale == pytest.approx(1.7)
    np.testing.assert_allclose(found.rotation, wanted.rotation, atol=1e-9)
    np.testing.assert_allclose(found.translation, wanted.translation, atol=1e-9)


def test_a_path_that_runs_backwards_is_refused():
    path = np.array([rigid(np.eye(3), np.array([0.0, 0.0, z])) for z in (0.0, 1.0, 2.5)])
    back = path.copy()
    back[:, 2, 3] *= -1
    with pytest.raises(AlignmentError, match="does not follow the known poses"):
        similarity_of_poses(path, back)


def test_unregistered_windows_do_not_count(scene):
    window = true_window(range(3))
    scene.start(replace(window, registered=np.zeros(3, dtype=bool)))
    assert scene.placed() == []

"""Model calls here and on workers."""

import numpy as np
import pytest

from amb3r_core.errors import DependencyError
from amb3r_core.pipelines.sfm.executor import InProcess, RayWorkers
from amb3r_core.pipelines.sfm.run import run_sfm
from tests.pipelines.fake_model import FakeDescribingModel, FakeModel
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes, shuffled

SCENE = BoxScene(room_boxes(), orbit_path(10, turns=0.12), image_width=32)


def name_and_double(model, item):
    return model.name, 2 * item


def test_results_come_in_order_and_only_when_asked_for():
    asked = []
    items = (asked.append(i) or i for i in range(5))
    results = InProcess(FakeModel(SCENE)).map(name_and_double, items)
    assert [next(results), next(results)] == [("fake", 0), ("fake", 2)]
    assert asked == [0, 1]


def test_without_ray_the_command_to_install_it_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(DependencyError, match=r'pip install "amb3r\[ray\]"'):
        RayWorkers(FakeModel(SCENE), n_workers=2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_ray_workers_give_what_this_process_gives(tmp_path):
    pytest.importorskip("ray")
    model = FakeDescribingModel(SCENE, noise=0.02, long_side_px=32)
    here = run_sfm(model, shuffled(SCENE.frames(), 1), tmp_path / "here")
    workers = RayWorkers(model, n_workers=2)
    try:
        assert list(workers.map(name_and_double, range(5))) == [("fake", 2 * i) for i in range(5)]
        there = run_sfm(model, shuffled(SCENE.frames(), 1), tmp_path / "there", executor=workers)
    finally:
        workers.close()
    np.testing.assert_array_equal(here.cam_to_world, there.cam_to_world)
    np.testing.assert_array_equal(here.dense.depth, there.dense.depth)

"""Model calls here and on workers."""

import json
import socket
import subprocess
import sys

import numpy as np
import pytest

from amb3r_core.errors import DependencyError, ResourceError
from amb3r_core.pipelines.sfm.executor import InProcess, RayWorkers
from amb3r_core.pipelines.sfm.run import run_sfm
from tests.paths import ROOT
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
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DependencyError, match=r'pip install "amb3r\[ray\]"'):
        RayWorkers(FakeModel(SCENE), n_workers=2)


class FakeRay:
    """Ray as far as starting goes: `init` raises `refuses`, or gives a cluster of `resources` whose workers never answer."""

    def __init__(self, *, refuses: Exception | None = None, resources: dict[str, float] | None = None):
        self.refuses, self.resources, self.given, self.is_up = refuses, resources or {}, {}, False

    def is_initialized(self):
        return self.is_up

    def init(self, **given):
        self.given = given
        if self.refuses:
            raise self.refuses
        self.is_up = True

    def shutdown(self):
        self.is_up = False

    def cluster_resources(self):
        return self.resources


def start_failing(monkeypatch, ray: FakeRay, n_workers: int = 2) -> str:
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(ResourceError) as caught:
        RayWorkers(FakeModel(SCENE), n_workers=n_workers)
    assert not ray.is_up
    return str(caught.value)


def test_a_ray_that_does_not_start_says_so_in_one_line(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    told = start_failing(
        monkeypatch, FakeRay(refuses=RuntimeError("The current node timed out\n during startup." + 99 * " more"))
    )
    assert told.startswith("Ray does not start on this machine: The current node timed out during startup. more")
    assert told.endswith('...; `executor="local"` runs in this process')
    assert "\n" not in told


def test_a_cluster_that_cannot_be_reached_is_named(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        ray = FakeRay(refuses=ConnectionError("another version"))
        told = start_failing(monkeypatch, ray)
    assert told.startswith(f"Ray's cluster at {address} (RAY_ADDRESS) cannot be used: another version; ")
    unasked = FakeRay()
    assert "refused" in start_failing(monkeypatch, unasked)
    assert not unasked.given
    assert "num_cpus" not in ray.given  # which Ray refuses for a cluster that is there already


def test_more_workers_than_processors_are_refused_instead_of_waited_for(monkeypatch):
    told = start_failing(monkeypatch, FakeRay(resources={"CPU": 3.0}), n_workers=4)
    assert told.startswith("the Ray cluster has 3 CPUs, and 4 workers need 4: ask for fewer `workers`")


@pytest.mark.slow
def test_two_nodes_of_a_cluster_give_what_this_process_gives(tmp_path):
    pytest.importorskip("ray", reason="a cluster needs Ray")
    command = [sys.executable, "-m", "tests.pipelines.cluster_run", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    if "busy" in told:
        pytest.skip(f"this machine is too busy for a node of Ray: {told['busy']}")
    assert told == {"nodes": 2, "same": True}


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

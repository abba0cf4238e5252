"""A run that is killed goes on and ends where it would have ended."""

import random
import signal
import subprocess
import sys

import numpy as np
import pytest

from amb3r_core.errors import InputError
from amb3r_core.pipelines.mapping import session
from amb3r_core.pipelines.sfm.run import run_sfm
from amb3r_core.pipelines.vo.run import VisualOdometry
from amb3r_core.pipelines.vo.state import VoConfig
from amb3r_core.progress import Cancelled
from tests.paths import ROOT
from tests.pipelines.fake_model import FakeDescribingModel, FakeModel, FakeStoppingModel
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes
from tests.pipelines.killed_run import run

N_KILLS = 3


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "n_calls"), [("vo", 4), ("sfm", 24)])
def test_three_kills_change_nothing(kind, n_calls, tmp_path):
    chance = random.Random(kind)
    for _ in range(N_KILLS):
        call, delay_ms = chance.randint(1, max(n_calls // N_KILLS, 1)), chance.uniform(0, 30)
        arguments = [kind, str(tmp_path / "killed"), str(call), str(delay_ms)]
        command = [sys.executable, "-m", "tests.pipelines.killed_run", *arguments]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    resumed = run(kind, tmp_path / "killed")
    straight = run(kind, tmp_path / "straight")
    assert [view.name for view in resumed.views] == [view.name for view in straight.views]
    np.testing.assert_array_equal(resumed.cam_to_world, straight.cam_to_world)
    np.testing.assert_array_equal(resumed.dense.depth, straight.dense.depth)
    np.testing.assert_array_equal(resumed.dense.confidence, straight.dense.confidence)


def test_a_finished_session_is_taken_up_without_calling_the_model(tmp_path):
    scene = BoxScene(room_boxes(), orbit_path(30, turns=0.3), image_width=32)
    first = FakeModel(scene, long_side_px=32, trust=dict.fromkeys(scene.names, 0.8))
    a = VisualOdometry().start(first, work=tmp_path)
    a.feed(scene.frames())
    before = a.finish()
    second = FakeModel(scene, long_side_px=32)
    b = VisualOdometry().start(second, work=tmp_path)
    b.feed(scene.frames())
    after = b.finish()
    assert second.calls == []
    np.testing.assert_array_equal(before.cam_to_world, after.cam_to_world)
    assert (after.pose_trust, {view.pose_trust for view in after.views}) == (0.8, {0.8})


def test_a_finished_set_is_taken_up_without_calling_the_model(tmp_path):
    scene = BoxScene(room_boxes(), orbit_path(10, turns=0.12), image_width=32)
    models = [FakeDescribingModel(scene, long_side_px=32) for _ in range(2)]
    before, after = (run_sfm(model, scene.frames(), tmp_path) for model in models)
    assert models[1].calls == []
    np.testing.assert_array_equal(before.cam_to_world, after.cam_to_world)
    np.testing.assert_array_equal(before.dense.depth, after.dense.depth)


@pytest.mark.parametrize("n_calls", [1, 3, 6, 9])
def test_a_set_that_is_stopped_goes_on_where_it_was(n_calls, tmp_path):
    scene = BoxScene(room_boxes(), orbit_path(10, turns=0.12), image_width=32)
    straight = run_sfm(FakeModel(scene, long_side_px=32, noise=0.02), scene.frames(), tmp_path / "straight")
    stopped = FakeStoppingModel(scene, long_side_px=32, noise=0.02, last_call=n_calls)
    with pytest.raises(Cancelled):
        run_sfm(stopped, scene.frames(), tmp_path / "stopped")
    rest = FakeModel(scene, long_side_px=32, noise=0.02)
    resumed = run_sfm(rest, scene.frames(), tmp_path / "stopped")
    assert rest.calls
    np.testing.assert_array_equal(resumed.cam_to_world, straight.cam_to_world)
    np.testing.assert_array_equal(resumed.dense.depth, straight.dense.depth)


def test_a_large_set_whose_journal_is_written_every_few_steps_goes_on_too(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "FRAMES_PER_STEP", 3)  # Ten frames: every fourth step.
    scene = BoxScene(room_boxes(), orbit_path(10, turns=0.12), image_width=32)
    straight = run_sfm(FakeModel(scene, long_side_px=32, noise=0.02), scene.frames(), tmp_path / "straight")
    for n_calls in (2, 6, 9):
        stopped = FakeStoppingModel(scene, long_side_px=32, noise=0.02, last_call=n_calls)
        with pytest.raises(Cancelled):
            run_sfm(stopped, scene.frames(), tmp_path / "stopped")
    resumed = run_sfm(FakeModel(scene, long_side_px=32, noise=0.02), scene.frames(), tmp_path / "stopped")
    np.testing.assert_array_equal(resumed.cam_to_world, straight.cam_to_world)
    np.testing.assert_array_equal(resumed.dense.depth, straight.dense.depth)


def test_a_folder_with_another_videos_run_is_refused(tmp_path):
    scene = BoxScene(room_boxes(), orbit_path(30, turns=0.3), image_width=32)
    session = VisualOdometry(VoConfig(first_window=6)).start(FakeModel(scene, long_side_px=32), work=tmp_path)
    session.feed(scene.frames().frames[:8])
    other = VisualOdometry(VoConfig(first_window=6)).start(FakeModel(scene, long_side_px=32), work=tmp_path)
    with pytest.raises(InputError, match="holds a run of other frames"):
        other.feed(scene.frames().frames[10:20])

"""A run that is killed goes on and ends where it would have ended."""

import random
import signal
import subprocess
import sys

import numpy as np
import pytest

from amb3r_core.errors import InputError
from amb3r_core.pipelines.vo.run import VisualOdometry, VoConfig
from tests.paths import ROOT
from tests.pipelines.fake_model import FakeModel
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
    first = FakeModel(scene, long_side_px=32)
    a = VisualOdometry().start(first, work=tmp_path)
    a.feed(scene.frames())
    before = a.finish()
    second = FakeModel(scene, long_side_px=32)
    b = VisualOdometry().start(second, work=tmp_path)
    b.feed(scene.frames())
    after = b.finish()
    assert second.calls == []
    np.testing.assert_array_equal(before.cam_to_world, after.cam_to_world)


def test_a_folder_with_another_videos_run_is_refused(tmp_path):
    scene = BoxScene(room_boxes(), orbit_path(30, turns=0.3), image_width=32)
    session = VisualOdometry(VoConfig(first_window=6)).start(FakeModel(scene, long_side_px=32), work=tmp_path)
    session.feed(scene.frames().frames[:8])
    other = VisualOdometry(VoConfig(first_window=6)).start(FakeModel(scene, long_side_px=32), work=tmp_path)
    with pytest.raises(InputError, match="holds a run of other frames"):
        other.feed(scene.frames().frames[10:20])

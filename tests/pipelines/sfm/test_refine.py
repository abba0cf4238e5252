"""The global pass of structure from motion."""

import numpy as np
import pytest

from amb3r_core.pipelines.mapping.windows import predict
from amb3r_core.pipelines.sfm import run as sfm
from amb3r_core.pipelines.sfm.executor import InProcess
from amb3r_core.pipelines.sfm.refine import _Nearby, propagate_to_others, refine_keyframes
from amb3r_core.pipelines.sfm.state import SfmConfig, SfmRun
from amb3r_core.progress import silent
from amb3r_core.scene.conventions import rigid
from amb3r_core.scene.geometry import umeyama
from tests.pipelines.fake_model import FakeDescribingModel, FakeModel, FakeObedientModel, about
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes

ARC = BoxScene(room_boxes(), orbit_path(8, turns=0.25), image_width=32)


def opened(model: FakeModel, folder) -> SfmRun:
    return sfm.open_run(model, ARC.frames(), folder, SfmConfig(), InProcess(model), silent)


def misplaced(model: FakeModel, folder) -> SfmRun:
    """A run at its global pass whose keyframes are where a model with 20 % noise saw them."""
    run = opened(model, folder)
    run.scene.start(predict(FakeModel(ARC, noise=0.2, long_side_px=32), run.store.window(range(8))))
    run.state.keyframes = list(range(8))
    run.state.stage = "refine"
    return run


def error(run: SfmRun) -> float:
    """Root mean square error of the camera centres, over the path's length."""
    centres = run.scene.poses(range(8))[:, :3, 3]
    truth = np.array([ARC.pose(name) for name in ARC.names])[:, :3, 3]
    apart = umeyama(centres, truth).apply(centres) - truth
    return float(np.sqrt((apart**2).sum(axis=1).mean()) / np.linalg.norm(np.diff(truth, axis=0), axis=1).sum())


@pytest.mark.parametrize("kind", [FakeDescribingModel, FakeObedientModel])
def test_keyframes_find_better_poses_together(kind: type[FakeModel], tmp_path):
    """A model that keeps pose priors would leave all of them where they are, were there priors."""
    run = misplaced(kind(ARC, long_side_px=32), tmp_path)
    before = error(run)
    refine_keyframes(run)
    assert before > 0.01
    assert error(run) < before / 5
    assert run.state.stage == "polish"


def test_the_other_frames_go_along_with_the_keyframes_beside_them(tmp_path):
    run = opened(FakeModel(ARC, long_side_px=32), tmp_path)
    run.scene.start(predict(run.model, run.store.window(range(8))))
    true = run.scene.poses(range(8)).copy()
    run.state.keyframes = [0, 7]
    move = rigid(about(np.array([0.0, 1.0, 0.0]), 0.1), np.array([0.3, 0.0, 0.0]))
    run.scene.set_poses(range(8), move @ true)
    run.state.poses_before = run.scene.poses([0, 7])
    run.scene.set_poses([0, 7], true[[0, 7]])
    propagate_to_others(run)
    np.testing.assert_allclose(run.scene.poses(range(8)), true, atol=1e-9)


def test_a_frame_goes_with_the_nearer_of_two_keyframes_that_part(tmp_path):
    run = opened(FakeModel(ARC, long_side_px=32), tmp_path)
    run.scene.start(predict(run.model, run.store.window(range(8))))
    before = run.scene.poses(range(8)).copy()
    run.state.keyframes = [0, 7]
    run.state.poses_before = before[[0, 7]]
    run.scene.set_poses([7], rigid(np.eye(3), np.array([0.2, 0.0, 0.0])) @ before[[7]])
    propagate_to_others(run)
    shifts = run.scene.poses(range(8))[:, 0, 3] - before[:, 0, 3]
    assert shifts[0] == 0.0
    assert (np.diff(shifts) > 0).all()
    assert shifts[1] < 0.02
    assert shifts[6] > 0.18


def test_no_frame_within_the_radius_is_missed_and_few_beyond_it_are_given():
    rng = np.random.default_rng(0)
    centres = rng.uniform(-1, 1, (400, 3))
    frames = rng.permutation(400).tolist()
    nearby = _Nearby(frames, centres, 0.2)
    for place in centres[:20]:
        found, apart = nearby.of(place), np.linalg.norm(centres - place, axis=1)
        assert {frames[row] for row in np.flatnonzero(apart <= 0.2)} <= set(found)
        assert len(found) < 40
        assert [frames.index(frame) for frame in found] == sorted(frames.index(frame) for frame in found)

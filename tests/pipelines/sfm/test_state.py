"""What structure from motion keeps between its steps."""

from pathlib import Path

import numpy as np

from amb3r_core.pipelines.mapping.windows import predict
from amb3r_core.pipelines.sfm import run as sfm
from amb3r_core.pipelines.sfm.clusters import KeyframeClusterConfig
from amb3r_core.pipelines.sfm.executor import InProcess
from amb3r_core.pipelines.sfm.state import SfmConfig, SfmRun
from amb3r_core.progress import silent
from amb3r_core.scene.geometry import pose_distance
from tests.pipelines.fake_model import FakeModel
from tests.pipelines.fake_scenes import street

WALK = street(36)
CONFIG = SfmConfig(keyframe_spacing=0.05, keyframes=KeyframeClusterConfig(regroup_from=12))


def walked(folder: Path, config: SfmConfig) -> SfmRun:
    """A run that knows the whole walk, and whose first 24 frames are keyframes."""
    model = FakeModel(WALK, long_side_px=48)
    run = sfm.open_run(model, WALK.frames(), folder, config, InProcess(model), silent)
    run.scene.start(predict(model, run.store.window(range(36))))
    run.add_keyframes(range(24))
    return run


def test_new_keyframes_regroup_only_what_is_near_them(tmp_path: Path):
    run = walked(tmp_path, CONFIG)
    before = [list(group) for group in run.state.keyframe_clusters]
    run.add_keyframes(range(24, 28))
    after, spread = run.state.keyframe_clusters, CONFIG.keyframes.max_spread
    new = [frame for frame in run.state.keyframes if frame >= 24]
    assert new
    poses = run.scene.poses(range(28))
    far = [group for group in before if pose_distance(poses[group][:, None], poses[new][None]).min() > spread]
    assert far
    assert all(group in after for group in far)
    assert sorted(frame for group in after for frame in group) == sorted(run.state.keyframes)
    assert max(map(len, after)) <= CONFIG.keyframes.max_size
    assert max(float(pose_distance(poses[group][:, None], poses[group][None]).max()) for group in after) <= spread


def test_without_new_keyframes_groups_stay(tmp_path: Path):
    run = walked(tmp_path, CONFIG)
    before = [list(group) for group in run.state.keyframe_clusters]
    run.add_keyframes(range(24))
    assert run.state.keyframe_clusters == before


def test_few_keyframes_are_grouped_anew_as_a_whole(tmp_path: Path):
    all_at_once = walked(tmp_path / "a", SfmConfig(keyframe_spacing=0.05))
    assert len(all_at_once.state.keyframes) < KeyframeClusterConfig().regroup_from
    assert np.array_equal(np.sort(np.concatenate(all_at_once.state.keyframe_clusters)), np.sort(all_at_once.state.keyframes))

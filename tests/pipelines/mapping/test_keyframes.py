"""Keyframe selection and resampling."""

from dataclasses import replace

import numpy as np

from amb3r_core.pipelines.mapping.keyframes import ResampleConfig, needs_resampling, resample, select_keyframes
from amb3r_core.scene.conventions import rigid
from amb3r_core.scene.geometry import pose_distance

CONFIG = ResampleConfig()


def along(*places):
    return np.array([rigid(np.eye(3), np.array([x, 0.0, 0.0])) for x in places]).reshape(-1, 4, 4)


def test_keyframes_keep_their_spacing_and_cover_every_candidate():
    rng = np.random.default_rng(0)
    poses = along(*rng.uniform(0, 3, 60))
    chosen = select_keyframes(list(range(60)), poses, rng.uniform(0.5, 1, 60), along(0.0), 0.15)
    kept = np.concatenate([along(0.0), poses[chosen]])
    apart = pose_distance(kept[:, None], kept[None]) + 9 * np.eye(len(kept))
    assert apart.min() > 0.15
    assert (pose_distance(poses[:, None], kept[None]).min(axis=1) <= 0.15).all()


def test_the_surest_goes_first_and_the_earliest_among_equals():
    poses = along(1.0, 2.0, 3.0)
    assert select_keyframes([10, 11, 12], poses, np.array([0.7, 0.9, 0.8997]), along(0.0), 0.15) == [11, 12, 10]
    assert select_keyframes([10, 11, 12], poses, np.array([0.8997, 0.9, 0.7]), along(0.0), 0.15)[0] == 10


def test_no_candidates_give_no_keyframes():
    assert select_keyframes([], along(), np.zeros(0), along(0.0), 0.15) == []


def test_resampling_is_asked_for_by_number_or_by_spread():
    assert not needs_resampling(along(0, 0.2, 0.4), 2, CONFIG)
    assert needs_resampling(along(0, 0.2, 1.3), 2, CONFIG)
    assert needs_resampling(along(*np.linspace(0, 0.5, 11)), 10, CONFIG)


def test_resampling_leaves_seven_with_the_most_central_first():
    places = np.arange(0, 3, 0.16)
    frames = list(range(0, 10 * len(places), 10))
    active = resample(frames, along(*places), len(frames) - 1, CONFIG)
    assert len(active) == len(set(active)) == CONFIG.n_active
    assert frames[-1] in active
    poses = dict(zip(frames, along(*places), strict=True))
    summed = {frame: sum(float(pose_distance(poses[frame], poses[other])) for other in active[1:]) for frame in frames}
    unchosen = [frame for frame in frames if frame not in active[1:]]
    assert active[0] == min(unchosen, key=lambda frame: summed[frame])


def test_an_old_place_comes_back_when_the_camera_returns():
    out = np.arange(0, 2, 0.16)
    places = np.concatenate([out, out[::-1] + 0.05])
    frames = [20 * i for i in range(len(places))]
    active = resample(frames, along(*places), len(frames) - 1, CONFIG)
    assert min(active) < 100
    recent = resample(frames, along(*places), len(frames) - 1, replace(CONFIG, reentry="off"))
    assert min(recent) >= frames[-1] - CONFIG.loop_gap


def test_no_bridge_and_an_empty_pool_are_fine():
    """The published code leaves a variable unset in both cases."""
    frames, poses = [0, 10, 20], along(0, 0.2, 0.4)
    assert resample(frames, poses, 2, replace(CONFIG, n_bridge=0))[0] == 20
    assert sorted(resample(frames, poses, 2, CONFIG)) == frames

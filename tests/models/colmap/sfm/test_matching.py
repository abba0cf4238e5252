"""Matches are mutual, exact, and never chance."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.models.colmap.sfm import matching
from amb3r_core.models.colmap.sfm.cameras import colmap_cameras
from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.models.colmap.sfm.matching import (
    Chance,
    MatchConfig,
    PairMemory,
    log10_false_alarms,
    match_descriptors,
    match_pairs,
)
from amb3r_core.progress import silent
from tests.models.colmap import posed_photos as scene

CONFIG = MatchConfig()
NAMES = ["a", "b"]


def two_views(n_points: int = 300) -> list[Features]:
    return [scene.see(scene.cloud(n_points), pose, seed=k) for k, pose in enumerate(scene.poses_on_an_arc(2))]


def cameras_of(features: list[Features]):
    return colmap_cameras([scene.photo(str(index)) for index in range(len(features))], features)


def scrambled(features: Features, seed: int) -> Features:
    """The same descriptors at random places: every match by descriptor is wrong."""
    keypoints = features.keypoints.copy()
    keypoints[:, :2] = np.random.default_rng(seed).uniform(0, 1, (len(keypoints), 2)) * [scene.WIDTH, scene.HEIGHT]
    return Features(keypoints=keypoints, descriptors=features.descriptors, width=features.width, height=features.height)


def test_a_permutation_of_descriptors_is_found_again():
    described = scene.descriptors(500)
    order = np.random.default_rng(0).permutation(500)
    matches = match_descriptors(described, described[order], CONFIG)
    assert len(matches) >= 0.98 * 500  # a few are too much alike for the ratio test
    np.testing.assert_array_equal(order[matches[:, 1]], matches[:, 0])


def test_matching_does_not_depend_on_which_photo_comes_first():
    first, second = scene.descriptors(300, seed=1)[:250], scene.descriptors(300, seed=1)[50:]
    forward = match_descriptors(first, second, CONFIG)
    backward = match_descriptors(second, first, CONFIG)[:, ::-1]
    assert {tuple(row) for row in forward.tolist()} == {tuple(row) for row in backward.tolist()}


def test_a_repeated_descriptor_is_ambiguous_and_gives_no_match():
    described = scene.descriptors(40)
    twice = np.concatenate([described, described[:1]])
    assert 0 not in match_descriptors(described, twice, CONFIG)[:, 0]


def test_a_true_geometry_is_verified_and_its_wrong_matches_are_dropped():
    first, second = two_views()
    wrong = np.arange(0, 60)
    keypoints = second.keypoints.copy()
    keypoints[wrong] = scrambled(second, 3).keypoints[wrong]
    second = Features(keypoints=keypoints, descriptors=second.descriptors, width=second.width, height=second.height)
    pair = scene.match_pair([first, second], cameras_of([first, second]), (0, 1), CONFIG)
    assert pair is not None
    assert np.isin(pair.matches[:, 1], wrong).sum() <= 6
    assert len(pair.matches) >= len(second.keypoints) - len(wrong) - 10


@pytest.mark.parametrize("n_points", [20, 60])
def test_matches_at_random_places_are_never_verified(n_points: int):
    first, second = two_views(n_points)
    for seed in range(2):
        views = [first, scrambled(second, seed)]
        assert scene.match_pair(views, cameras_of(views), (0, 1), CONFIG) is None


def test_more_inliers_are_less_likely_by_chance():
    chance = Chance(probability=0.02, n_sample=7, n_models=3)
    alarms = [log10_false_alarms(n, 100, chance) for n in range(20, 100)]
    assert all(later < earlier for earlier, later in pairwise(alarms))
    assert log10_false_alarms(7, 100, chance) == 0.0


def test_finished_blocks_are_read_back_and_give_the_same(tmp_path: Path):
    views = two_views()
    fresh = match_pairs(views, cameras_of(views), [(0, 1)], CONFIG, tmp_path, silent)
    again = match_pairs([scene.no_features()] * 2, cameras_of(views), [(0, 1)], CONFIG, tmp_path, silent)
    np.testing.assert_array_equal(fresh[0].matches, again[0].matches)
    assert fresh[0].kind == again[0].kind


def test_blocks_of_another_input_are_refused(tmp_path: Path):
    views = two_views()
    match_pairs(views, cameras_of(views), [(0, 1)], CONFIG, tmp_path, silent)
    with pytest.raises(ValueError, match="belongs to another input"):
        match_pairs([*views, views[0]], cameras_of([*views, views[0]]), [(0, 2)], CONFIG, tmp_path, silent)


def test_pairs_seen_before_are_verified_without_another_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    views, memory = two_views(), PairMemory()
    cameras = cameras_of(views)
    first = match_pairs(views, cameras, [(0, 1)], CONFIG, tmp_path / "a", silent, names=NAMES, memory=memory)
    monkeypatch.setattr(matching, "match_descriptors", None)
    again = match_pairs(views, cameras, [(0, 1)], CONFIG, tmp_path / "b", silent, names=NAMES, memory=memory)
    assert len(first) == len(again) == 1
    np.testing.assert_array_equal(first[0].matches, again[0].matches)
    assert memory.find("b", "a") is None


def test_only_the_latest_pairs_are_remembered():
    memory, matches = PairMemory(max_pairs=2), np.zeros((0, 2), np.uint32)
    for second in "bcd":
        memory.keep("a", second, matches)
    assert memory.find("a", "b") is None
    assert memory.find("a", "c") is matches
    assert memory.find("a", "d") is matches

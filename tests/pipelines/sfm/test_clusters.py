"""Groups of alike images and of near keyframes."""

import numpy as np
import pytest

from amb3r_core.pipelines.sfm.clusters import (
    ImageClusterConfig,
    KeyframeClusterConfig,
    cluster_images,
    cluster_keyframes,
    farthest_points,
)
from amb3r_core.pipelines.sfm.retrieval import similarities
from amb3r_core.scene.geometry import pose_distance
from tests.pipelines.fake_scenes import orbit_path

CONFIG = ImageClusterConfig()


def places(n_images, *, noise=1.0, seed=0):
    """Descriptors (N, 1024) of groups of six, with much in common, and the group of each."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(n_images // 6), 6))
    centres = rng.standard_normal((n_images // 6, 1024))
    descriptors = 3 * rng.standard_normal(1024) + centres[labels] + noise * rng.standard_normal((n_images, 1024))
    return descriptors, labels


def purity(groups, labels):
    return sum(int(np.bincount(labels[group]).max()) for group in groups) / len(labels)


@pytest.mark.parametrize("n_images", [60, 240])
def test_groups_of_six_are_found(n_images):
    """The published whitening gives 0.37 and 0.55 here."""
    descriptors, labels = places(n_images)
    groups = cluster_images(similarities(descriptors), CONFIG, 0)
    assert purity(groups, labels) >= 0.95
    assert sorted(image for group in groups for image in group) == list(range(n_images))


@pytest.mark.slow
def test_groups_of_six_are_found_among_600():
    descriptors, labels = places(600, noise=2.0)
    assert purity(cluster_images(similarities(descriptors), CONFIG, 0), labels) >= 0.95


def test_no_group_is_larger_than_the_limit():
    rng = np.random.default_rng(1)
    descriptors = np.concatenate([rng.standard_normal(64) + 0.1 * rng.standard_normal((n, 64)) for n in (17, 9, 2, 11)])
    groups = cluster_images(similarities(descriptors), CONFIG, 0)
    assert max(map(len, groups)) <= CONFIG.max_size


def test_ten_like_images_are_two_groups():
    """The published code puts all ten in one group of at most eight."""
    descriptors = np.random.default_rng(0).standard_normal((1, 64)) + 0.1 * np.random.default_rng(1).standard_normal((10, 64))
    assert sorted(map(len, cluster_images(similarities(descriptors), CONFIG, 0))) == [5, 5]


def test_the_same_seed_gives_the_same_groups():
    similarity = similarities(places(60, noise=4.0)[0])
    assert cluster_images(similarity, CONFIG, 3) == cluster_images(similarity, CONFIG, 3)


@pytest.mark.parametrize("n_images", [1, 2, 4, 9])
def test_small_sets_have_groups_too(n_images):
    descriptors = np.random.default_rng(0).standard_normal((n_images, 16))
    groups = cluster_images(similarities(descriptors), CONFIG, 0)
    assert sorted(image for group in groups for image in group) == list(range(n_images))


def test_similarities_of_equal_images_are_finite():
    """The published whitening gives NaN for rank-deficient descriptors."""
    similarity = similarities(np.ones((12, 1024)))
    assert np.isfinite(similarity).all()
    assert cluster_images(similarity, CONFIG, 0)


def test_farthest_points_spread_over_a_line():
    x = np.linspace(0, 1, 11)
    assert sorted(farthest_points(lambda row: np.abs(x - x[row]), 3, 0)) == [0, 5, 10]


def test_keyframe_groups_stay_small_and_near():
    config = KeyframeClusterConfig()
    poses = orbit_path(40, radius=2.0)
    apart = pose_distance(poses[:, None], poses[None])
    groups = cluster_keyframes(apart, config, 0)
    assert sorted(row for group in groups for row in group) == list(range(40))
    assert max(map(len, groups)) <= config.max_size
    assert max(float(apart[np.ix_(group, group)].max()) for group in groups) <= config.max_spread
    assert groups == cluster_keyframes(apart, config, 0)


def test_a_keyframe_far_from_all_is_an_island():
    apart = np.full((6, 6), 0.2)
    apart[5], apart[:, 5] = 9.0, 9.0
    np.fill_diagonal(apart, 0.0)
    assert [5] in cluster_keyframes(apart, KeyframeClusterConfig(), 0)

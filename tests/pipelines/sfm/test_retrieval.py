"""Descriptors of small pictures."""

import numpy as np

from amb3r_core.pipelines.sfm.retrieval import describe_picture, group_means, mean_similarities, pooled, similarities
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes

SCENE = BoxScene(room_boxes(), orbit_path(60), image_width=48)
ALL = np.ones((36, 48), dtype=bool)


def test_pooling_keeps_means():
    values = np.arange(48.0).reshape(6, 8)
    wanted = [[values[rows, columns].mean() for columns in (slice(0, 4), slice(4, 8))] for rows in (slice(0, 3), slice(3, 6))]
    np.testing.assert_allclose(pooled(values, 2), wanted)


def test_neighbours_look_more_alike_than_opposites():
    rows = np.array([describe_picture(SCENE.rgb(name), ALL) for name in SCENE.names])
    similarity = similarities(rows)
    next_to = np.mean([similarity[i, (i + 1) % 60] for i in range(60)])
    across = np.mean([similarity[i, (i + 30) % 60] for i in range(60)])
    assert next_to > across + 0.1


def test_brightness_hardly_matters():
    picture = SCENE.rgb(SCENE.names[0])
    rows = np.array([describe_picture(picture, ALL), describe_picture((picture * 0.6).astype(np.uint8), ALL)])
    assert similarities(rows)[0, 1] > 0.97


def test_masked_pixels_do_not_count():
    picture, mask = SCENE.rgb(SCENE.names[0]), ALL.copy()
    mask[:, 24:] = False
    spoiled = picture.copy()
    spoiled[:, 24:] = 255
    np.testing.assert_array_equal(describe_picture(picture, mask), describe_picture(spoiled, mask))


def test_a_black_picture_has_a_finite_descriptor():
    black = np.zeros((36, 48, 3), dtype=np.uint8)
    assert np.isfinite(similarities(np.array([describe_picture(black, ALL)] * 2))).all()


def test_groups_are_as_alike_as_their_images_on_average():
    descriptors = np.random.default_rng(0).standard_normal((9, 5)) * np.arange(1, 10)[:, None]
    groups, others = [[0, 3], [5], [7, 1, 2]], [[4, 6], [8, 0, 5]]
    similarity = similarities(descriptors)
    wanted = [[similarity[np.ix_(a, b)].mean() for b in others] for a in groups]
    means = mean_similarities(group_means(descriptors, groups), group_means(descriptors, others))
    np.testing.assert_allclose(means, wanted, atol=1e-12)
    assert mean_similarities(group_means(descriptors, []), group_means(descriptors, others)).shape == (0, 2)

"""Which photos are compared."""

import numpy as np

from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.models.colmap.sfm.pairing import (
    LEARNED_LIMITS,
    MAX_EXHAUSTIVE,
    MAX_EXHAUSTIVE_VIDEO,
    SIMILAR_PHOTOS,
    VIDEO_OVERLAP,
    choose_pairs,
)
from tests.models.colmap import posed_photos as scene


def photo_of_place(place: int, view: int) -> Features:
    """Features of one of several places, a different half of its descriptors in each view."""
    described = scene.descriptors(80, seed=place)
    seen = np.random.default_rng(1000 * place + view).permutation(80)[:40]
    keypoints = np.ones((40, 4), np.float32)
    return Features(keypoints=keypoints, descriptors=described[seen], width=scene.WIDTH, height=scene.HEIGHT)


def test_a_small_set_is_matched_exhaustively():
    assert choose_pairs([scene.no_features()] * 4, is_ordered=False) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_a_large_set_matches_photos_of_the_same_place():
    n_places, n_views = 13, 6
    photos = [photo_of_place(place, view) for view in range(n_views) for place in range(n_places)]
    assert len(photos) > MAX_EXHAUSTIVE
    pairs = set(choose_pairs(photos, is_ordered=False))
    same_place = {(a, b) for a in range(len(photos)) for b in range(a + 1, len(photos)) if a % n_places == b % n_places}
    assert len(pairs & same_place) >= 0.95 * len(same_place)
    assert len(pairs) <= SIMILAR_PHOTOS * len(photos)


def test_a_video_matches_its_neighbours_and_closes_the_loop():
    n_frames = 80
    photos = [photo_of_place(place, view=0) for place in range(n_frames)]
    photos[-1] = photo_of_place(place=5, view=1)
    pairs = set(choose_pairs(photos, is_ordered=True))
    assert all((first, first + step) in pairs for first in range(n_frames - 10) for step in range(1, VIDEO_OVERLAP + 1))
    assert (5, n_frames - 1) in pairs


def test_a_short_video_is_matched_by_its_order_too():
    n_frames = 50
    photos = [photo_of_place(place, view=0) for place in range(n_frames)]
    photos[-1] = photo_of_place(place=5, view=1)
    pairs = set(choose_pairs(photos, is_ordered=True))
    assert len(pairs) <= 650 < n_frames * (n_frames - 1) / 2
    assert all((first, first + step) in pairs for first in range(n_frames - 16) for step in (*range(1, VIDEO_OVERLAP + 1), 16))
    assert (5, n_frames - 1) in pairs


def test_all_frames_of_a_very_short_video_are_matched():
    n_frames = MAX_EXHAUSTIVE_VIDEO
    assert len(choose_pairs([scene.no_features()] * n_frames, is_ordered=True)) == n_frames * (n_frames - 1) / 2


def test_dear_matches_are_for_fewer_pairs():
    photos = [photo_of_place(place % 10, view=place) for place in range(40)]
    same_place = {(a, b) for a in range(40) for b in range(a + 1, 40) if a % 10 == b % 10}
    pairs = set(choose_pairs(photos, is_ordered=False, limits=LEARNED_LIMITS))
    assert len(choose_pairs(photos, is_ordered=False)) == 780
    assert len(pairs & same_place) >= 0.95 * len(same_place)
    assert len(pairs) <= LEARNED_LIMITS.similar * 40


def test_pairs_are_sorted_and_unique_and_repeat():
    photos = [photo_of_place(place % 9, view=place) for place in range(70)]
    pairs = choose_pairs(photos, is_ordered=False)
    assert pairs == sorted(set(pairs)) == choose_pairs(photos, is_ordered=False)
    assert all(first < second for first, second in pairs)


def test_photos_without_features_do_no_harm():
    photos = [photo_of_place(place % 9, view=place) for place in range(66)] + [scene.no_features()] * 2
    assert choose_pairs(photos, is_ordered=True)

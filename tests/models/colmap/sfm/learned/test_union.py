"""SIFT and learned features side by side: indices, places that both found, and matches of both."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.models.colmap.sfm.cameras import colmap_cameras
from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.models.colmap.sfm.learned.union import UnionMatcher, combined, combined_indices, union
from amb3r_core.models.colmap.sfm.matching import MatchConfig, Matches, Pair, match_pairs
from amb3r_core.progress import silent
from tests.models.colmap import posed_photos as scene


class Fixed:
    """A matcher that knows the answer."""

    def __init__(self, matches: Matches) -> None:
        self._matches = matches

    def match(self, pairs: Sequence[Pair], poll: Callable[[], None]) -> Iterator[Matches]:
        return iter([self._matches] * len(pairs))


def features_at(places: Sequence[tuple[float, float]], kind: str = "sift") -> Features:
    keypoints = np.column_stack([np.array(places, np.float32).reshape(-1, 2), np.ones((len(places), 2), np.float32)])
    return Features(keypoints=keypoints, descriptors=np.zeros((len(places), 4), np.uint8), width=640, height=480, kind=kind)


def rows(n: int, offset: int = 0) -> Matches:
    return np.repeat(np.arange(offset, offset + n, dtype=np.uint32)[:, None], 2, axis=1)


def two_kinds(n_sift: int, n_learned: int) -> tuple[list[Features], list[Features]]:
    """Features of two views of one cloud; keypoint k of both views is the same point, as far as both see all of it."""
    points, poses = scene.cloud(n_sift + n_learned) * 0.5, scene.poses_on_an_arc(2)
    seen = [scene.see(points, pose, seed=index) for index, pose in enumerate(poses)]
    assert [found.count for found in seen] == [n_sift + n_learned] * 2
    sift = [replace(found, keypoints=found.keypoints[:n_sift]) for found in seen]
    return sift, [replace(found, keypoints=found.keypoints[n_sift:], kind="aliked") for found in seen]


def verified(sift: list[Features], learned: list[Features], sift_matches: Matches, learned_matches: Matches, folder: Path):
    features = combined(sift, learned)
    cameras = colmap_cameras([scene.photo(str(index)) for index in range(2)], features)
    matcher = UnionMatcher(
        sift=Fixed(sift_matches),
        learned=Fixed(learned_matches),
        features=list(zip(sift, learned, strict=True)),
        cameras=cameras,
        config=MatchConfig(),
    )
    return match_pairs(features, cameras, [(0, 1)], MatchConfig(), folder, silent, matcher=matcher)


def test_learned_keypoints_follow_those_of_sift() -> None:
    sift, learned = features_at([(10, 10), (50, 60)]), features_at([(300, 200), (50.5, 60.2), (11.5, 10)], "aliked")
    (both,) = combined([sift], [learned])
    np.testing.assert_array_equal(both.keypoints, np.concatenate([sift.keypoints, learned.keypoints]))
    assert (both.count, both.width, both.height, both.kind) == (5, 640, 480, "sift+aliked")
    assert combined_indices(sift, learned).tolist() == [2, 1, 4]


def test_a_place_of_sift_stands_for_one_learned_keypoint_at_most() -> None:
    sift, learned = features_at([(10, 10)]), features_at([(10.6, 10), (10.1, 10)])
    assert combined_indices(sift, learned).tolist() == [1, 0]


@pytest.mark.parametrize("n_sift", [0, 3])
def test_a_photo_may_lack_either_kind(n_sift: int) -> None:
    some, none = features_at([(10.0 * k, 5) for k in range(3)]), features_at([])
    sift, learned = (none, some) if n_sift == 0 else (some, none)
    assert combined([sift], [learned])[0].count == 3
    assert combined_indices(sift, learned).tolist() == ([0, 1, 2] if n_sift == 0 else [])


def test_features_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(640, 480\) and \(320, 240\) do not belong together"):
        combined([features_at([])], [features_at([]).resized(320, 240)])


def test_a_keypoint_is_matched_once() -> None:
    assert union(rows(2), np.array([[0, 7], [7, 1], [8, 9]], np.uint32)).tolist() == [[0, 0], [1, 1], [8, 9]]
    assert union(rows(0), rows(2)).tolist() == [[0, 0], [1, 1]]
    assert union(rows(2), np.zeros((0, 2), np.uint32)).tolist() == [[0, 0], [1, 1]]


def test_few_matches_of_each_kind_verify_a_pair_together(tmp_path: Path) -> None:
    sift, learned = two_kinds(12, 12)
    assert verified(sift, learned, rows(12), rows(0), tmp_path / "sift") == []
    assert verified(sift, learned, rows(0), rows(12), tmp_path / "learned") == []
    (pair,) = verified(sift, learned, rows(12), rows(12), tmp_path / "both")
    assert set(pair.matches[:, 0].tolist()) >= set(range(2, 22))
    np.testing.assert_array_equal(pair.matches[:, 0], pair.matches[:, 1])


def test_wrong_learned_matches_are_left_out_where_the_right_ones_pass(tmp_path: Path) -> None:
    sift, learned = two_kinds(20, 100)
    shuffled = rows(100)
    shuffled[70:, 1] = np.roll(shuffled[70:, 1], 7)
    (pair,) = verified(sift, learned, rows(20), shuffled, tmp_path)
    assert pair.n_putative <= 20 + 70 + 6
    assert len(pair.matches) >= 20 + 70 - 6

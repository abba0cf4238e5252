"""What holds a model together, and which pairs of photos it contradicts."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.models.colmap.sfm import mapping
from amb3r_core.models.colmap.sfm.cameras import colmap_cameras
from amb3r_core.models.colmap.sfm.database import write_database
from amb3r_core.models.colmap.sfm.evidence import explained_pairs, links, strongest_links
from amb3r_core.models.colmap.sfm.matching import MatchConfig
from amb3r_core.scene.conventions import invert
from tests.models.colmap import hand_made
from tests.models.colmap import posed_photos as scene

POSES = scene.poses_on_an_arc(4)


def test_only_points_of_three_photos_link_them() -> None:
    seen = np.zeros((4, 30), bool)
    seen[:3, :10] = seen[1:, 10:15] = seen[:2, 15:] = True
    shared = links(hand_made.model_of(POSES, scene.cloud(30), seen))
    assert shared == {(1, 2): 10, (1, 3): 10, (2, 3): 15, (2, 4): 5, (3, 4): 5, (1, 4): 0}


def test_two_photos_are_linked_by_the_points_they_share() -> None:
    assert links(hand_made.model_of(POSES[:2], scene.cloud(30))) == {(1, 2): 30}


def test_a_photo_that_sees_a_point_twice_is_no_third_one() -> None:
    model = hand_made.model_of(POSES[:3], scene.cloud(2), np.array([[1, 1], [1, 1], [0, 0]], bool))
    model.merge_points3D(*sorted(model.point3D_ids()))
    (point,) = model.points3D.values()
    assert point.track.length() == 4
    assert links(model)[1, 2] == 0


def spanning_trees(n: int) -> list[tuple[tuple[int, int], ...]]:
    found = []
    for edges in combinations(combinations(range(1, n + 1), 2), n - 1):
        reached = {1}
        for _ in range(n):
            reached |= {end for edge in edges if reached & set(edge) for end in edge}
        if len(reached) == n:
            found.append(edges)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_strongest_links_are_a_tree_that_no_other_beats(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shared = {pair: int(count) for pair, count in zip(combinations(range(1, 6), 2), rng.integers(0, 9, 10), strict=True)}
    tree = strongest_links(shared)
    trees = spanning_trees(5)
    assert len(trees) == 5**3, "Cayley"
    assert tuple(sorted((first, second) for _, first, second in tree)) in trees
    counts = [count for count, *_ in tree]
    assert counts == sorted(counts, reverse=True)
    assert counts == [shared[first, second] for _, first, second in tree]
    assert sum(counts) == max(sum(shared[edge] for edge in edges) for edges in trees)
    assert min(counts) == max(min(shared[edge] for edge in edges) for edges in trees)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    features = [scene.see(scene.cloud(300), pose, seed=k) for k, pose in enumerate(POSES)]
    cameras = colmap_cameras([scene.photo(str(k), camera=scene.CAMERA) for k in range(4)], features)
    pairs = [scene.match_pair(features, cameras, pair, MatchConfig()) for pair in [(0, 1), (1, 2), (2, 3)]]
    path = tmp_path_factory.mktemp("scene") / "database.db"
    write_database(path, list("0123"), cameras, features, [pair for pair in pairs if pair is not None])
    return path


def placed(*poses: scene.Float64) -> dict[int, scene.Float64]:
    return {index + 1: invert(pose)[:3] for index, pose in enumerate(poses)}


def test_true_poses_explain_every_verified_pair(database: Path) -> None:
    pairs = explained_pairs(mapping.posed_model(database, placed(*POSES)), database)
    assert set(pairs) == {(1, 2), (2, 3), (3, 4)}
    assert all(pair.n_matches > 200 and pair.n_explained > 0.99 * pair.n_matches for pair in pairs.values())


def test_a_photo_that_is_out_of_place_contradicts_its_pairs_and_no_other(database: Path) -> None:
    aside = POSES[3].copy()
    aside[:3, 3] += [0.0, 1.0, 0.0]
    pairs = explained_pairs(mapping.posed_model(database, placed(*POSES[:3], aside)), database)
    assert pairs[3, 4].n_explained < 0.5 * pairs[3, 4].n_matches
    assert pairs[2, 3].n_explained > 0.99 * pairs[2, 3].n_matches


def test_pairs_of_photos_that_are_not_placed_say_nothing(database: Path) -> None:
    assert set(explained_pairs(mapping.posed_model(database, placed(*POSES[:3])), database)) == {(1, 2), (2, 3)}

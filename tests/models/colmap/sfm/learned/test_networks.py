"""The networks with their own weights: true matches, whatever the size, the turn and the mask, and the same bytes each time."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.features import FeatureConfig, Features
from amb3r_core.models.colmap.sfm.find_matches import MatchTask, add_learned, match_learned_alone, match_sift
from amb3r_core.models.colmap.sfm.learned.extraction import as_tensor, find_tiled
from amb3r_core.models.colmap.sfm.learned.networks import load_finder
from amb3r_core.models.colmap.sfm.learned.tiles import TILE_PX
from amb3r_core.models.colmap.sfm.learned.weights import LEARNED_KINDS, LearnedKind, learned_available
from amb3r_core.models.colmap.sfm.matching import MatchConfig, PairMemory
from amb3r_core.models.colmap.sfm.run import SparseConfig, reconstruct_sparse
from amb3r_core.progress import Cancelled, Progress, silent
from tests.models.colmap.sfm.learned.photos import HOMOGRAPHY, SIZE, photo, picture, warped

pytestmark = pytest.mark.slow

KINDS = [
    pytest.param(
        kind, marks=pytest.mark.skipif(not learned_available(kind), reason=f"the networks or weights of {kind} are not installed")
    )
    for kind in LEARNED_KINDS
]
each_kind = pytest.mark.parametrize("kind", KINDS)


def task(folder: Path, frames: Sequence[Frame], n_processes: int = 1) -> MatchTask:
    return MatchTask(
        frames=frames,
        is_ordered=False,
        config=MatchConfig(),
        sift=FeatureConfig(),
        n_processes=n_processes,
        device="cpu",
        scratch=folder,
        features=folder / "features",
        memory=PairMemory(),
        monitor=silent,
    )


def same(first: Features, second: Features) -> bool:
    arrays = [(one.keypoints, one.descriptors) for one in (first, second)]
    return all(a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(*arrays, strict=True))


@each_kind
def test_matches_of_a_warped_photo_are_where_the_warp_says(kind: LearnedKind, tmp_path: Path) -> None:
    image = picture()
    matched = match_learned_alone(task(tmp_path, [photo(image, "a"), photo(warped(image), "b")]), kind)
    (pair,) = matched.pairs
    assert len(pair.matches) >= 200
    first, second = (found.keypoints[pair.matches[:, side], :2] - 0.5 for side, found in enumerate(matched.features))
    moved = np.column_stack([first, np.ones(len(first))]) @ HOMOGRAPHY.T
    error_px = np.linalg.norm(moved[:, :2] / moved[:, 2:] - second, axis=1)
    assert np.median(error_px) < 1.0
    assert np.quantile(error_px, 0.95) < 4.0


@each_kind
def test_the_same_photos_give_the_same_bytes_in_any_number_of_processes(kind: LearnedKind, tmp_path: Path) -> None:
    frames = [photo(picture(index), f"{index}") for index in range(3)]
    first = match_learned_alone(task(tmp_path / "one", frames, n_processes=1), kind)
    again = match_learned_alone(task(tmp_path / "two", frames, n_processes=2), kind)
    assert first.pairs
    assert all(same(*both) for both in zip(first.features, again.features, strict=True))
    assert [pair.matches.tobytes() for pair in first.pairs] == [pair.matches.tobytes() for pair in again.pairs]


@each_kind
def test_a_large_photo_has_the_same_keypoints_in_tiles_as_in_one(kind: LearnedKind, monkeypatch: pytest.MonkeyPatch) -> None:
    image, n_keypoints = picture(0, (1280, 960)), 500
    network = load_finder(kind, torch.device("cpu"))
    with torch.inference_mode():
        whole = network.normalised(as_tensor(image, torch.device("cpu")))
        assert whole.shape[3] > TILE_PX
        (tiled,) = find_tiled(network, whole, (1280, 960), n_keypoints)
        monkeypatch.setattr("amb3r_core.models.colmap.sfm.learned.tiles.TILE_PX", 2048)
        (at_once,) = find_tiled(network, whole, (1280, 960), n_keypoints)
    nearest_px = torch.cdist(tiled.pixels[:n_keypoints], at_once.pixels).min(dim=1).values
    assert (nearest_px <= 0.5).float().mean() >= 0.99


@each_kind
def test_a_photo_on_its_side_is_matched(kind: LearnedKind, tmp_path: Path) -> None:
    image = picture()
    on_its_side = np.ascontiguousarray(np.rot90(warped(image)))
    matched = match_learned_alone(task(tmp_path, [photo(image, "a"), photo(on_its_side, "b")]), kind)
    (pair,) = matched.pairs
    assert len(pair.matches) >= 100
    first, second = (found.keypoints[pair.matches[:, side], :2] - 0.5 for side, found in enumerate(matched.features))
    moved = np.column_stack([first, np.ones(len(first))]) @ HOMOGRAPHY.T
    moved = moved[:, :2] / moved[:, 2:]
    turned = np.column_stack([moved[:, 1], SIZE[0] - 1 - moved[:, 0]])
    # The networks put a keypoint of a turned photo two to three pixels beside that of the upright one.
    assert np.median(np.linalg.norm(turned - second, axis=1)) < 4.0


@each_kind
def test_masked_pixels_have_no_keypoints_and_the_rest_has_as_many(kind: LearnedKind, tmp_path: Path) -> None:
    mask = np.zeros(SIZE[::-1], bool)
    mask[:, :240] = True
    frames = [photo(picture(0), "a", mask), photo(picture(0), "b")]
    masked, whole = match_learned_alone(task(tmp_path, frames), kind).features
    assert (masked.keypoints[:, 0] < 240).all()
    in_the_left_half = int((whole.keypoints[:, 0] < 240).sum())
    assert masked.count >= in_the_left_half > 50


@each_kind
def test_a_photo_without_texture_has_next_to_no_matches(kind: LearnedKind, tmp_path: Path) -> None:
    blank = np.full((*SIZE[::-1], 3), 128, np.uint8)
    matched = match_learned_alone(task(tmp_path, [photo(blank, "a"), photo(picture(), "b")]), kind)
    assert matched.pairs == []


@each_kind
def test_learned_matches_are_added_to_those_of_sift(kind: LearnedKind, tmp_path: Path) -> None:
    here = task(tmp_path, [photo(picture(index), f"{index}") for index in (0, 4)])
    sift = match_sift(here)
    both = add_learned(here, sift, kind)
    n_sift = [found.count for found in sift.features]
    assert [found.keypoints[:count].tobytes() for found, count in zip(both.features, n_sift, strict=True)] == [
        found.keypoints.tobytes() for found in sift.features
    ]
    assert sum(len(pair.matches) for pair in both.pairs) >= sum(len(pair.matches) for pair in sift.pairs)
    for pair in both.pairs:
        assert all(
            pair.matches[:, side].max() < both.features[photo].count for side, photo in enumerate((pair.first, pair.second))
        )


@each_kind
def test_photos_are_placed_by_learned_features_alone(kind: LearnedKind, tmp_path: Path) -> None:
    frames = [photo(picture(index), f"{index}") for index in range(3)]
    sparse = reconstruct_sparse(frames, config=SparseConfig(features=kind, n_processes=1), scratch=tmp_path)
    assert sparse.n_registered == 3


@each_kind
def test_a_stop_ends_the_workers(kind: LearnedKind, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "matching":
            raise Cancelled

    frames = [photo(picture(index), f"{index}") for index in range(2)]
    with pytest.raises(Cancelled):
        match_learned_alone(replace(task(tmp_path, frames), monitor=stop), kind)

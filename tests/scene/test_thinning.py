"""Thinned clouds keep one point per voxel, the same one each time."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.scene import thinning
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.confidence import weight_of_confidence
from amb3r_core.scene.thinning import VoxelThinner, empty_cloud, thinned


def cloud_of(points: np.ndarray, confidence: float | np.ndarray = 2.0, color: int = 100) -> PointCloud:
    n = len(points)
    return PointCloud(
        points=points.astype(np.float32),
        colors=np.full((n, 3), color, np.uint8),
        confidence=np.broadcast_to(np.float32(confidence), (n,)).astype(np.float32),
        view_index=np.arange(n, dtype=np.int32),
        radius=np.full(n, 0.01, np.float32),
    )


def merged_one_by_one(cloud: PointCloud, size: float) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Mean position, mean colour and most confident row of each voxel, in the order of the voxels."""
    members: dict[tuple[int, ...], list[int]] = {}
    for row, point in enumerate(cloud.points.astype(np.float64)):
        members.setdefault(tuple(int(number) % 2**21 for number in np.floor(point / size)), []).append(row)
    merged = []
    for cell in sorted(members):
        rows = members[cell]
        weight = weight_of_confidence(cloud.confidence[rows].astype(np.float64)) + thinning.LEAST_WEIGHT
        means = [np.average(values[rows].astype(np.float64), axis=0, weights=weight) for values in (cloud.points, cloud.colors)]
        merged.append((*means, max(rows, key=lambda row: (cloud.confidence[row], -row))))
    return merged


RANDOM = cloud_of(np.random.default_rng(0).uniform(-1, 1, (5000, 3)), np.random.default_rng(1).uniform(1, 9, 5000))


def test_no_two_points_share_a_voxel_and_every_voxel_keeps_one():
    thinner = VoxelThinner(0.25)
    thinner.add(RANDOM)
    kept = np.floor(thinner.cloud().points / 0.25).astype(int)
    filled = np.unique(np.floor(RANDOM.points / 0.25).astype(int), axis=0)
    assert np.array_equal(np.unique(kept, axis=0), filled)
    assert len(kept) == len(filled)


def test_a_confident_point_draws_the_mean_to_itself_and_gives_its_view():
    pair = cloud_of(np.array([[0.1, 0.1, 0.1], [0.3, 0.1, 0.1]]), np.array([1.0, 50.0]))
    thinner = VoxelThinner(1.0)
    thinner.add(pair)
    merged = thinner.cloud()
    assert len(merged) == 1
    assert 0.299 < merged.points[0, 0] <= 0.3
    assert merged.view_index[0] == 1
    assert merged.confidence[0] == 50.0
    assert merged.radius[0] == 0.5


@pytest.mark.parametrize("far", [0.0, 1e6, -1e6], ids=["near", "one point far away", "one point far behind"])
def test_voxels_hold_what_adding_their_points_one_by_one_gives(far: float):
    rng = np.random.default_rng(2)
    points, confidence = RANDOM.points.copy(), np.round(RANDOM.confidence)
    points[7, 0] += far
    cloud = replace(RANDOM, points=points, confidence=confidence, colors=rng.integers(0, 256, (len(points), 3), dtype=np.uint8))
    thinner = VoxelThinner(0.125)
    thinner.add(cloud)
    fast, slow = thinner.cloud(), merged_one_by_one(cloud, 0.125)
    best = [row for _, _, row in slow]
    assert len(fast) == len(slow) < 0.95 * len(cloud)
    assert np.allclose(fast.points, [position for position, _, _ in slow], rtol=1e-6, atol=1e-7)
    assert np.abs(fast.colors - np.array([color for _, color, _ in slow])).max() <= 0.5 + 1e-6
    assert np.array_equal(fast.view_index, cloud.view_index[best])
    assert np.array_equal(fast.confidence, cloud.confidence[best])


def test_voxels_two_to_the_twenty_one_apart_are_one():
    thinner = VoxelThinner(1.0)
    thinner.add(cloud_of(np.array([[0.5, 0.5, 0.5], [0.5 + 2**21, 0.5, 0.5], [-0.5, 0.5, 0.5]])))
    assert thinner.cloud().points[:, 0].tolist() == [2**20 + 0.5, -0.5]


def test_adding_piece_by_piece_gives_the_same_voxels(monkeypatch: pytest.MonkeyPatch):
    whole = VoxelThinner(0.25)
    whole.add(RANDOM)
    monkeypatch.setattr(thinning, "PENDING_POINTS", 700)
    pieces = VoxelThinner(0.25)
    for rows in np.array_split(np.arange(len(RANDOM)), 13):
        pieces.add(RANDOM.selected(rows))
    assert np.allclose(pieces.cloud().points, whole.cloud().points, atol=1e-5)
    assert np.array_equal(pieces.cloud().view_index, whole.cloud().view_index)


def test_voxels_grow_until_the_cloud_is_small_enough():
    small = thinned(RANDOM, 300)
    assert 100 < len(small) <= 300
    assert np.abs(small.points).max() <= 1.0
    assert thinned(RANDOM, 5000) is RANDOM


def test_points_at_one_place_thin_to_one():
    same = cloud_of(np.zeros((10, 3)))
    assert len(thinned(same, 3)) == 1


def test_nothing_thins_to_nothing():
    thinner = VoxelThinner(0.1)
    assert len(thinner.cloud()) == 0
    thinner.add(empty_cloud())
    assert len(thinner.cloud()) == 0


@pytest.mark.parametrize("size", [0.0, -1.0, np.nan])
def test_a_voxel_needs_a_size(size: float):
    with pytest.raises(ValueError, match="voxel_size must be positive"):
        VoxelThinner(size)

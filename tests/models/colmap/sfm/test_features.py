"""Features: where they may be, how many, and at which size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.features import (
    FeatureConfig,
    extract_features,
    feature_path,
    find_features,
    read_features,
)
from amb3r_core.models.colmap.sfm.requests import ExtractFeatures
from amb3r_core.progress import Cancelled, Progress, silent
from tests.models.colmap import posed_photos as scene


def blobs(width: int = 200, height: int = 150, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth random texture, rich in blobs."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (height // 5, width // 5))
    return np.kron(coarse, np.ones((5, 5)))[:height, :width].astype(np.uint8)


def photo_of(gray: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None, name: str = "p.png") -> Frame:
    height, width = gray.shape
    rgb = np.repeat(gray[..., None], 3, axis=2)
    return Frame(name=name, decode=lambda: rgb, decode_mask=None if mask is None else lambda: mask, width=width, height=height)


def extract(folder: Path, gray: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None, max_features: int = 8192):
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "p.gray.npy", gray)
    if mask is not None:
        np.save(folder / "p.mask.npy", mask)
    target = folder / "features" / "p.npz"
    extract_features(ExtractFeatures(scratch=folder, targets={"p": target}, max_features=max_features))
    return read_features(target)


def test_texture_has_features_inside_the_image(tmp_path: Path):
    found = extract(tmp_path, blobs())
    assert found.count > 50
    assert (found.width, found.height) == (200, 150)
    assert (found.keypoints[:, :2] >= 0).all()
    assert (found.keypoints[:, :2] <= [200, 150]).all()
    assert list(tmp_path.glob("*.npy")) == []


def test_masked_pixels_have_no_features(tmp_path: Path):
    mask = np.zeros((150, 200), bool)
    mask[:, :100] = True
    found = extract(tmp_path, blobs(), mask)
    assert found.count > 10
    assert (found.keypoints[:, 0] < 100).all()


def test_a_black_photo_has_no_features(tmp_path: Path):
    found = extract(tmp_path, np.zeros((150, 200), np.uint8))
    assert found.count == 0
    assert found.descriptors.shape == (0, 128)


def test_the_largest_features_are_kept(tmp_path: Path):
    everything, some = extract(tmp_path / "all", blobs()), extract(tmp_path / "some", blobs(), max_features=20)
    assert some.count == 20
    assert some.keypoints[:, 2].min() >= np.sort(everything.keypoints[:, 2])[-20]


@pytest.mark.parametrize(
    ("size", "expected"), [((640, 480), (640, 480)), ((3200, 2400), (1600, 1200)), ((1000, 4000), (400, 1600))]
)
def test_only_large_photos_are_shrunk(size: tuple[int, int], expected: tuple[int, int]):
    photo = Frame(name="p", decode=lambda: np.zeros((1, 1, 3), np.uint8), width=size[0], height=size[1])
    assert FeatureConfig(max_side_px=1600).working_size(photo) == expected


@pytest.mark.slow
def test_workers_find_the_same_features_and_other_sets_of_the_job_read_them_back(tmp_path: Path):
    gray, config, folder = blobs(), FeatureConfig(), tmp_path / "features"
    photos = [photo_of(gray), photo_of(np.zeros_like(gray), name="black.png")]
    paths = [feature_path(folder, photo, config) for photo in photos]
    found = find_features(photos, paths, config, tmp_path / "first", 2, silent)
    alone = extract(tmp_path / "alone", gray)
    np.testing.assert_array_equal(found[0].keypoints, alone.keypoints)
    np.testing.assert_array_equal(found[0].descriptors, alone.descriptors)
    assert found[1].count == 0

    def never(progress: Progress, /) -> None:
        assert progress.done == progress.total, "nothing may be left to find"

    other_set = [replace(photo, decode=scene.photo("unread").decode) for photo in reversed(photos)]
    other_paths = [feature_path(folder, photo, config) for photo in other_set]
    again = find_features(other_set, other_paths, config, tmp_path / "second", 2, never)
    np.testing.assert_array_equal(again[1].keypoints, found[0].keypoints)
    np.testing.assert_array_equal(again[1].descriptors, found[0].descriptors)


def test_what_changes_the_features_of_a_photo_changes_their_file(tmp_path: Path):
    photo = photo_of(blobs())
    mask = np.ones((150, 200), bool)
    others = [photo_of(blobs(), name="q.png"), photo_of(blobs(210)), photo_of(blobs(), mask)]
    paths = [feature_path(tmp_path, one, FeatureConfig()) for one in (photo, *others)]
    paths.append(feature_path(tmp_path, photo, FeatureConfig(max_features=4096)))
    assert len(set(paths)) == len(paths)
    assert feature_path(tmp_path, photo_of(blobs(seed=1)), FeatureConfig()) == paths[0]


def test_the_monitor_stops_the_work(tmp_path: Path):
    def stop(progress: Progress, /) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        find_features([photo_of(blobs())], [tmp_path / "p.npz"], FeatureConfig(), tmp_path, 1, stop)

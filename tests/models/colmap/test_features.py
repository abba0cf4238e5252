"""Features: where they may be, how many, and at which size."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from amb3r_core.models.colmap.features import FeatureConfig, extract_files, find_features, read_features, working_size
from amb3r_core.models.colmap.photos import Photo
from amb3r_core.progress import Cancelled, Progress, silent
from tests.models.colmap import posed_photos as scene


def blobs(width: int = 200, height: int = 150, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth random texture, rich in blobs."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (height // 5, width // 5))
    return np.kron(coarse, np.ones((5, 5)))[:height, :width].astype(np.uint8)


def photo_of(gray: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None) -> Photo:
    height, width = gray.shape
    rgb = np.repeat(gray[..., None], 3, axis=2)
    return Photo(name="p.png", load=lambda: rgb, load_mask=None if mask is None else lambda: mask, width=width, height=height)


def extract(folder: Path, gray: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None, max_features: int = 8192):
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "000000.gray.npy", gray)
    if mask is not None:
        np.save(folder / "000000.mask.npy", mask)
    extract_files(str(folder), [0], max_features)
    return read_features(folder, 0)


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
    photo = Photo(name="p", load=lambda: np.zeros((1, 1, 3), np.uint8), width=size[0], height=size[1])
    assert working_size(photo, FeatureConfig(max_side_px=1600)) == expected


@pytest.mark.slow
def test_workers_find_the_same_features_and_a_second_run_reads_them_back(tmp_path: Path):
    gray = blobs()
    photos = [photo_of(gray), photo_of(np.zeros_like(gray))]
    found = find_features(photos, FeatureConfig(), tmp_path / "work", 2, silent)
    alone = extract(tmp_path / "alone", gray)
    np.testing.assert_array_equal(found[0].keypoints, alone.keypoints)
    np.testing.assert_array_equal(found[0].descriptors, alone.descriptors)
    assert found[1].count == 0
    again = find_features([scene.photo("a"), scene.photo("b")], FeatureConfig(), tmp_path / "work", 2, silent)
    np.testing.assert_array_equal(found[0].keypoints, again[0].keypoints)


def test_the_monitor_stops_the_work(tmp_path: Path):
    def stop(progress: Progress, /) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        find_features([photo_of(blobs())], FeatureConfig(), tmp_path, 1, stop)


def test_a_photo_with_a_camera_of_another_size_is_refused():
    with pytest.raises(ValueError, match="is 100x50 but its known camera is 640x480"):
        Photo(name="p", load=lambda: np.zeros((50, 100, 3), np.uint8), width=100, height=50, known_camera=scene.CAMERA)

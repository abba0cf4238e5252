"""PNG files of ours are read by Pillow as they were written."""

from pathlib import Path

import numpy as np
import pytest

from amb3r_core.export.png import write_png

Image = pytest.importorskip("PIL.Image")

RANDOM = np.random.default_rng(0)
IMAGES = [
    RANDOM.integers(0, 256, (5, 7, 3), dtype=np.uint8),
    RANDOM.integers(0, 256, (6, 3), dtype=np.uint8),
    RANDOM.integers(0, 65536, (4, 9), dtype=np.uint16),
    RANDOM.integers(0, 65536, (4, 9), dtype=np.uint16)[:, ::2],
]


@pytest.mark.parametrize("image", IMAGES, ids=["rgb", "grey", "deep", "strided"])
def test_an_image_comes_back(tmp_path: Path, image: np.ndarray):
    write_png(tmp_path / "a.png", image)
    with Image.open(tmp_path / "a.png") as read:
        read.load()
        assert np.array_equal(np.asarray(read), image)


@pytest.mark.parametrize("image", [np.zeros((2, 2), np.float32), np.zeros((2, 2, 4), np.uint8), np.zeros(3, np.uint8)])
def test_other_arrays_are_refused(tmp_path: Path, image: np.ndarray):
    with pytest.raises(ValueError, match="a PNG here is"):
        write_png(tmp_path / "a.png", image)
    assert not (tmp_path / "a.png").exists()

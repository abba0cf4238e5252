"""The picture from above shows what is there, where it is."""

from pathlib import Path

import numpy as np
import pytest
from amb3r_nerfstudio.dataset import DatasetConfig, write_dataset
from amb3r_nerfstudio.preview import CAMERA_COLOR, seen_from_above

from tests.fakes import fake_room

GREEN, BLUE = (0, 200, 0), (0, 0, 200)


def test_higher_points_hide_lower_ones_and_the_ceiling_is_left_out():
    grid = np.stack(np.meshgrid(np.linspace(0, 4, 200), np.linspace(0, 2, 100)), axis=-1).reshape(-1, 2)
    floor, table = np.c_[grid, np.zeros(len(grid))], np.c_[grid, np.full(len(grid), 1.0)][grid[:, 0] > 2]
    ceiling = np.c_[grid, np.full(len(grid), 2.5)]
    points = np.concatenate([table, floor, ceiling])
    colors = np.concatenate(
        [np.tile(color, (len(part), 1)) for color, part in ((BLUE, table), (GREEN, floor), ((9, 9, 9), ceiling))]
    )
    picture = seen_from_above(points, colors.astype(np.uint8), np.array([[0.5, 1.0, 1.0]]))
    height, width = picture.shape[:2]
    assert width == pytest.approx(2 * height, rel=0.1)
    assert tuple(picture[height // 4, width // 4]) == GREEN
    assert tuple(picture[height // 4, 3 * width // 4]) == BLUE
    assert not (picture == 9).all(axis=-1).any()
    rows, columns = np.nonzero((picture == CAMERA_COLOR).all(axis=-1))
    assert rows.mean() == pytest.approx(height / 2, abs=3)
    assert columns.mean() == pytest.approx(40 + 0.5 / 4 * (width - 80), abs=8)


def test_a_scene_without_points_still_shows_its_cameras():
    picture = seen_from_above(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.uint8), np.eye(3))
    assert (picture == CAMERA_COLOR).all(axis=-1).any()


def test_the_preview_is_written_when_asked_for_and_replaced_with_the_dataset(tmp_path: Path):
    scene = fake_room(4, images_folder=tmp_path / "photos").reconstruction
    write_dataset(scene, tmp_path / "out", DatasetConfig(preview="write"))
    assert (tmp_path / "out" / "preview.png").stat().st_size > 1000
    write_dataset(scene, tmp_path / "out", DatasetConfig())
    assert not (tmp_path / "out" / "preview.png").exists()

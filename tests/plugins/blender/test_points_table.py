"""Coloured points, column by column."""

from pathlib import Path

import numpy as np
import pytest
from amb3r_blender.points_table import PointsTable

from amb3r_core.errors import FormatError
from tests.plugins.blender import kit


def test_columns_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = kit.points_table(1000)
    kit.write_points(tmp_path / "p.ply", rows)
    table = PointsTable(tmp_path / "p.ply")
    assert len(table) == table.n_in_file == 1000
    assert np.array_equal(table.positions(), np.stack([rows[name] for name in "xyz"], axis=1))
    colors = table.colors()
    assert colors is not None
    assert np.array_equal(np.rint(colors[:, 0] * 255), rows["red"])
    assert (colors[:, 3] == 1.0).all()
    assert np.array_equal(table.column("confidence"), rows["confidence"])
    assert np.array_equal(table.integers("view_index"), rows["view_index"])
    assert table.column("curvature") is None


def test_a_closed_table_keeps_its_length(tmp_path: Path) -> None:
    kit.write_points(tmp_path / "p.ply", kit.points_table(10))
    table = PointsTable(tmp_path / "p.ply")
    table.close()
    assert len(table) == 10
    assert table.column("radius") is None


@pytest.mark.parametrize(("most", "wanted"), [(1000, 1000), (999, 500), (334, 334), (1, 1), (5000, 1000)])
def test_no_more_points_than_asked_for_evenly(tmp_path: Path, most: int, wanted: int) -> None:
    kit.write_points(tmp_path / "p.ply", kit.points_table(1000))
    table = PointsTable(tmp_path / "p.ply", most)
    assert len(table) == wanted
    assert table.n_in_file == 1000


def test_bare_points_and_no_points_are_fine(tmp_path: Path) -> None:
    bare = np.zeros(3, np.dtype([(name, "<f4") for name in "xyz"]))
    kit.write_points(tmp_path / "bare.ply", bare)
    assert PointsTable(tmp_path / "bare.ply").colors() is None
    kit.write_points(tmp_path / "none.ply", bare[:0])
    assert len(PointsTable(tmp_path / "none.ply")) == 0


def test_points_without_a_place_or_cut_short_are_named(tmp_path: Path) -> None:
    path = tmp_path / "p.ply"
    kit.write_points(path, np.zeros(2, np.dtype([("x", "<f4")])))
    with pytest.raises(FormatError, match=r"p\.ply: the points have no y, z"):
        PointsTable(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match=r"p\.ply: cut short: 2 vertices need 8 bytes, 7 are there"):
        PointsTable(path)

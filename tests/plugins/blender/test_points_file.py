"""The reader of coloured points."""

from pathlib import Path

import numpy as np
import pytest
from amb3r_blender.points_file import PointsTable
from amb3r_blender.scene_text import SceneFileError

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


HEAD = b"ply\nformat binary_little_endian 1.0\n"
XYZ = b"property float x\nproperty float y\nproperty float z\nend_header\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"obj", "not a PLY file"),
        (b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n", "format is ascii, wanted binary_little_endian"),
        (b"ply\nelement vertex 0\nend_header\n", "format is missing"),
        (HEAD + b"element vertex 2\n", "the header has no end"),
        (HEAD + b"element face 2\nend_header\n", "the first element must be vertex with a count"),
        (HEAD + b"element vertex -2\n" + XYZ, "the first element must be vertex with a count"),
        (HEAD + b"element vertex 2\n" + XYZ + bytes(23), "cut short: 2 points need 24 bytes, 23 are there"),
        (HEAD + b"element vertex 0\nproperty float x\nend_header\n", "the points have no y, z"),
        (HEAD + b"element vertex 0\nproperty list uchar int x\nend_header\n", "property list uchar int x is not understood"),
        (HEAD + b"element vertex 0\nproperty float x\n" + XYZ, "properties are named twice"),
    ],
)
def test_every_flaw_of_a_points_file_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "p.ply"
    path.write_bytes(data)
    with pytest.raises(SceneFileError) as error:
        PointsTable(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)

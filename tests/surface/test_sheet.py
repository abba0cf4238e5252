"""The sheet: a photo, the lit mesh from its camera, from the side and from above."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amb3r_core.errors import DependencyError, InputError
from tests.fakes import Room, fake_room

pytest.importorskip("open3d")

from amb3r_core.surface import sheet as sheets
from amb3r_core.surface.make import make_surface
from amb3r_core.surface.mesh import Texture, TriangleMesh
from amb3r_core.surface.options import SurfaceOptions
from amb3r_core.surface.sheet import GAP, middle_view, render_lit, write_sheet


@pytest.fixture(scope="module")
def room() -> Room:
    return fake_room(4, 96, 72)


@pytest.fixture(scope="module")
def mesh(room: Room) -> TriangleMesh:
    return make_surface(room.reconstruction, SurfaceOptions(voxel_size=0.05, keep="all"))[0]


@pytest.fixture(scope="module")
def sheet(room: Room, mesh: TriangleMesh, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    path = tmp_path_factory.mktemp("sheet") / "sheet.png"
    try:
        write_sheet(mesh, path, room.reconstruction)
    except DependencyError as error:
        pytest.skip(str(error))
    with Image.open(path) as image:
        return np.asarray(image)


def panels(sheet: np.ndarray) -> list[np.ndarray]:
    height, width = (sheet.shape[0] - GAP) // 2, (sheet.shape[1] - GAP) // 2
    return [sheet[y : y + height, x : x + width] for y in (0, height + GAP) for x in (0, width + GAP)]


def test_the_photo_and_the_mesh_from_its_camera_show_the_same(room: Room, sheet: np.ndarray):
    photo, rendered, _, _ = panels(sheet)
    dense = room.reconstruction.dense
    assert np.abs(photo.mean(axis=(0, 1)) - dense.rgb[middle_view(room.reconstruction)].mean(axis=(0, 1))).max() < 5
    grey = [picture.astype(float).mean(axis=2)[::8, ::8].ravel() for picture in (photo, rendered)]
    assert np.corrcoef(*grey)[0, 1] > 0.5


def test_the_mesh_is_about_as_bright_as_its_photo(sheet: np.ndarray):
    photo, rendered, _, _ = (picture.astype(float).mean() for picture in panels(sheet))
    assert 0.6 * photo < rendered < 1.5 * photo


def test_the_mesh_is_seen_whole_from_the_side_and_from_above(sheet: np.ndarray):
    for picture in panels(sheet)[2:]:
        is_mesh = (np.abs(picture.astype(int) - picture[0, 0]) > 12).any(axis=2)
        assert 0.1 < is_mesh.mean() < 0.9


def test_light_makes_the_difference(room: Room, mesh: TriangleMesh, sheet: np.ndarray):
    """One colour all over would be one colour all over without light."""
    plain = TriangleMesh(vertices=mesh.vertices, triangles=mesh.triangles, normals=mesh.normals)
    shot = sheets._photo_shot(room.reconstruction, 0, (160, 120))
    (picture,) = render_lit(plain, [shot], (160, 120))
    assert picture.astype(float).std() > 5


def test_a_texture_is_shown_the_right_way_up(sheet: np.ndarray):
    """A square with one colour in each quarter of its texture, and vertex colours that must not show."""
    corners = np.array([[-1, -1, 2], [1, -1, 2], [1, 1, 2], [-1, 1, 2]], dtype=np.float32)
    triangles = np.array([[0, 2, 1], [0, 3, 2]], dtype=np.int32)
    places = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], dtype=np.float32)
    quarters = np.array([[[200, 0, 0], [0, 200, 0]], [[0, 0, 200], [200, 200, 200]]], dtype=np.uint8)
    image = quarters.repeat(32, axis=0).repeat(32, axis=1)
    normals = np.tile(np.array([0, 0, -1], dtype=np.float32), (4, 1))
    square = TriangleMesh(
        vertices=corners,
        triangles=triangles,
        normals=normals,
        colors=np.zeros((4, 3), np.uint8),
        texture=Texture(image=image, uv=places[triangles]),
    )
    shot = sheets.Shot(np.array([[64.0, 0, 32], [0, 64, 32], [0, 0, 1]]), np.eye(4))
    (picture,) = render_lit(square, [shot], (64, 64))
    top, bottom = picture[16, [16, 48]], picture[48, [16, 48]]
    assert [int(color.argmax()) for color in (*top, bottom[0])] == [0, 1, 2]
    assert np.ptp(bottom[1].astype(int)) < 30 < bottom[1].min()


def test_a_sheet_that_is_there_is_not_replaced(room: Room, mesh: TriangleMesh, sheet: np.ndarray, tmp_path: Path):
    (tmp_path / "sheet.png").write_bytes(b"mine")
    with pytest.raises(InputError, match="overwrite"):
        write_sheet(mesh, tmp_path / "sheet.png", room.reconstruction)
    assert (tmp_path / "sheet.png").read_bytes() == b"mine"


def test_a_renderer_that_dies_is_one_clear_line(room: Room, mesh: TriangleMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def dies(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, -6, "", "no Vulkan")

    monkeypatch.setattr(sheets.subprocess, "run", dies)
    with pytest.raises(DependencyError, match=r"could not render here \(exit -6\): it needs a Vulkan driver"):
        write_sheet(mesh, tmp_path / "sheet.png", room.reconstruction)
    assert not list(tmp_path.iterdir())

"""Textures of synthetic surfaces whose colours are known."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest.importorskip("open3d")
pytest.importorskip("xatlas")

from amb3r_core import InputError
from amb3r_core.export.png import write_png
from amb3r_core.scene.camera import Letterbox, PinholeCamera
from amb3r_core.scene.reconstruction import Reconstruction, Scale, View
from amb3r_core.surface.mesh import TriangleMesh
from amb3r_core.surface.texture import TextureOptions, textured
from amb3r_core.surface.texture_atlas import make_atlas
from amb3r_core.surface.texture_charts import cut_into_charts
from amb3r_core.surface.texture_raster import texels_of_faces
from tests.fakes import fake_provenance
from tests.surface.shapes import box, grid_plane

SMALL = TextureOptions(size=256)
WIDTH, HEIGHT, FOCAL = 160, 120, 150.0

Paint = Callable[[NDArray, NDArray], NDArray]


def waves(x: NDArray, y: NDArray) -> NDArray:
    """The colours (..., 3) in 0..255 of a painted plane, by place."""
    phases = (3.0 * x + 1.0 * y, 1.5 * x - 2.5 * y + 1.0, 2.0 * y + 2.0)
    return np.stack([128 + 70 * np.sin(phase) for phase in phases], axis=-1)


def photos_of_plane(
    folder: Path, mesh: TriangleMesh, shifts: list[float], change: Callable[[int, NDArray], NDArray] = lambda _, rgb: rgb
) -> Reconstruction:
    """Cameras beside one another that look straight at the plane z = 2; `change` alters each photo (H, W, 3) in 0..255."""
    camera = PinholeCamera(width=WIDTH, height=HEIGHT, fx=FOCAL, fy=FOCAL, cx=(WIDTH - 1) / 2, cy=(HEIGHT - 1) / 2)
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    views = []
    for index, shift in enumerate(shifts):
        x, y = 2 * (u - camera.cx) / FOCAL + shift, 2 * (v - camera.cy) / FOCAL
        rgb = np.clip(np.rint(change(index, waves(x, y))), 0, 255).astype(np.uint8)
        folder.mkdir(parents=True, exist_ok=True)
        write_png(folder / f"{index}.png", rgb)
        pose = np.eye(4)
        pose[0, 3] = shift
        letterbox = Letterbox(x=0, y=0, width=WIDTH, height=HEIGHT)
        path = str(folder / f"{index}.png")
        views.append(View(name=f"{index}.png", camera=camera, cam_to_world=pose, letterbox=letterbox, path=path))
    return Reconstruction(views=tuple(views), scale=Scale(kind="metric", source="made"), provenance=fake_provenance())


def colors_of_faces(mesh: TriangleMesh) -> NDArray:
    """The texture's colour (F, 3) at each face's middle."""
    assert mesh.texture is not None
    size = mesh.texture.image.shape[0]
    place = mesh.texture.uv.mean(axis=1)
    column, row = (place[:, 0] * size).astype(int), ((1 - place[:, 1]) * size).astype(int)
    return mesh.texture.image[np.clip(row, 0, size - 1), np.clip(column, 0, size - 1)].astype(float)


def true_colors(mesh: TriangleMesh) -> NDArray:
    middle = mesh.vertices[mesh.triangles].mean(axis=1)
    return waves(middle[:, 0], middle[:, 1])


@pytest.fixture(scope="module")
def plane() -> TriangleMesh:
    return grid_plane(n=12, width=2.0, height=1.4)


def test_a_plane_gets_the_colours_it_is_painted_with(plane: TriangleMesh, tmp_path: Path):
    result = textured(plane, photos_of_plane(tmp_path, plane, [-0.2, 0.0, 0.2]), SMALL)
    assert np.abs(colors_of_faces(result) - true_colors(plane)).max() < 6.0
    assert result.texture is not None
    assert result.texture.n_unseen == 0
    assert result.texture.image.shape == (256, 256, 3)
    assert (result.texture.uv >= 0).all()
    assert (result.texture.uv <= 1).all()


def test_the_same_input_gives_the_same_bytes(plane: TriangleMesh, tmp_path: Path):
    scene = photos_of_plane(tmp_path, plane, [-0.2, 0.2])
    first, second = (textured(plane, scene, SMALL).texture for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.image.tobytes() == second.image.tobytes()
    assert first.uv.tobytes() == second.uv.tobytes()


def test_steps_of_exposure_between_photos_are_levelled(plane: TriangleMesh, tmp_path: Path):
    gains = [0.8, 1.0, 1.2]
    scene = photos_of_plane(tmp_path, plane, [-0.5, 0.0, 0.5], lambda index, rgb: rgb * gains[index])
    level = colors_of_faces(textured(plane, scene, SMALL)) / true_colors(plane)
    stepped = colors_of_faces(textured(plane, scene, replace(SMALL, equalise=False, blend="best"))) / true_colors(plane)
    assert level.std() < 0.02
    assert stepped.std() > 3 * level.std()


def test_a_passer_by_is_not_painted_on_the_wall(plane: TriangleMesh, tmp_path: Path):
    def with_person(index: int, rgb: NDArray) -> NDArray:
        if index < 3:
            rgb[30:100, 25 + 35 * index : 50 + 35 * index] = (250, 20, 20)
        return rgb

    scene = photos_of_plane(tmp_path, plane, [-0.1, -0.05, 0.0, 0.05, 0.1], with_person)
    error = np.abs(colors_of_faces(textured(plane, scene, SMALL)) - true_colors(plane)).max(axis=1)
    careless = np.abs(colors_of_faces(textured(plane, scene, replace(SMALL, reject=False))) - true_colors(plane)).max(axis=1)
    assert (error > 25).mean() < 0.02
    assert (careless > 25).mean() > 0.2


def test_what_stands_in_front_is_not_painted_on_what_it_hides(plane: TriangleMesh, tmp_path: Path):
    """A board hides the wall's middle from both cameras; the photos show the board red."""
    board = grid_plane(n=2, width=0.3, height=0.3, z=1.0)
    both = TriangleMesh(
        vertices=np.concatenate([plane.vertices, board.vertices]),
        triangles=np.concatenate([plane.triangles, board.triangles + len(plane.vertices)]),
        normals=np.concatenate([plane.normals, board.normals]),
    )

    def with_board(index: int, rgb: NDArray) -> NDArray:
        shift = [-0.2, 0.2][index]
        v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
        x, y = (u - (WIDTH - 1) / 2) / FOCAL + shift, (v - (HEIGHT - 1) / 2) / FOCAL
        rgb[(np.abs(x) <= 0.15) & (np.abs(y) <= 0.15)] = (250, 10, 10)
        return rgb

    result = textured(both, photos_of_plane(tmp_path, both, [-0.2, 0.2], with_board), SMALL)
    colors = colors_of_faces(result)
    is_board = np.arange(len(both.triangles)) >= len(plane.triangles)
    assert np.abs(colors[is_board] - (250, 10, 10)).max() < 15
    assert np.abs(colors[~is_board] - true_colors(plane)).max() < 30


def test_faces_that_no_photo_sees_are_counted_and_take_their_neighbours_colour(tmp_path: Path):
    wide = grid_plane(n=16, width=6.0, height=1.2)
    scene = photos_of_plane(tmp_path, wide, [0.0], lambda _, rgb: np.full_like(rgb, 77.0))
    result = textured(wide, scene, SMALL)
    middle = wide.vertices[wide.triangles].mean(axis=1)
    n_outside = int((np.abs(wide.vertices[wide.triangles][..., 0]).min(axis=1) > 2 * (WIDTH / 2) / FOCAL).sum())
    assert result.texture is not None
    assert n_outside * 0.9 <= result.texture.n_unseen <= n_outside * 1.3
    assert np.abs(colors_of_faces(result) - 77).max() <= 2
    assert np.abs(middle[:, 0]).max() > 2.5


def test_masked_pixels_are_not_used(plane: TriangleMesh, tmp_path: Path):
    def with_bar(_: int, rgb: NDArray) -> NDArray:
        rgb[:, 60:80] = 255
        return rgb

    scene = photos_of_plane(tmp_path, plane, [-0.3, 0.3], with_bar)
    mask = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    mask[:, 59:81] = 0
    write_png(tmp_path / "mask.png", mask)
    views = tuple(replace(view, mask_path=str(tmp_path / "mask.png")) for view in scene.views)
    result = textured(plane, replace(scene, views=views), SMALL)
    assert np.abs(colors_of_faces(result) - true_colors(plane)).max() < 12


def test_charts_of_a_box_do_not_overlap_and_keep_their_shape():
    mesh = box()
    atlas = make_atlas(mesh.vertices, mesh.triangles, 256)
    texels = np.concatenate([texel for texel, _ in texels_of_faces(atlas.corners, atlas.size)])
    assert len(np.unique(texels)) == len(texels)
    assert atlas.chart.max() == 5
    sides = np.linalg.norm(atlas.corners - np.roll(atlas.corners, 1, axis=1), axis=2)
    np.testing.assert_allclose(np.sort(sides, axis=1) / sides.min(), np.tile([1, 1, np.sqrt(2)], (12, 1)), rtol=1e-3)
    blocks = np.full(256 * 256, -1)
    blocks[atlas.texel] = atlas.chart[atlas.face]
    blocks = blocks.reshape(256, 256)
    for axis in (0, 1):
        for step in (1, 2, 3):
            a, b = np.moveaxis(blocks, axis, 0)[:-step], np.moveaxis(blocks, axis, 0)[step:]
            assert not ((a >= 0) & (b >= 0) & (a != b)).any()


def test_a_surface_that_folds_over_itself_is_cut():
    """A spiral ramp of one turn and a half: locally it all faces up."""
    turn = np.linspace(0, 3 * np.pi, 91)
    rim = np.stack([np.cos(turn), np.sin(turn), 0.1 * turn], axis=1)
    vertices = np.concatenate([0.5 * rim * [1, 1, 2], rim]).astype(np.float32)
    a, n = np.arange(90), 91
    triangles = np.concatenate([np.stack([a, a + n, a + 1], 1), np.stack([a + 1, a + n, a + n + 1], 1)]).astype(np.int32)
    assert cut_into_charts(vertices, triangles).n_charts >= 1
    atlas = make_atlas(vertices, triangles, 256)
    texels = np.concatenate([texel for texel, _ in texels_of_faces(atlas.corners, atlas.size)])
    assert len(texels) - len(np.unique(texels)) <= 0.002 * len(texels)


def test_faces_without_area_take_no_texels_of_others(plane: TriangleMesh):
    """Two corners at one place, in vertices of their own: the packer leaves such a vertex at the corner of the image."""
    first = plane.triangles[:40]
    vertices = np.concatenate([plane.vertices, plane.vertices[first[:, 0]]])
    extra = np.stack([first[:, 0], np.arange(len(plane.vertices), len(vertices)), first[:, 1]], axis=1).astype(np.int32)
    atlas = make_atlas(vertices, np.concatenate([plane.triangles, extra]), 256)
    lengths = np.ptp(atlas.corners, axis=1).max(axis=1)
    assert lengths.max() < 3 * np.median(lengths)
    assert atlas.face.max() < len(plane.triangles)


def test_two_triangles_share_no_texel_and_leave_none_out():
    square = np.array([[[3.2, 3.2], [40.7, 3.2], [3.2, 50.1]], [[40.7, 3.2], [40.7, 50.1], [3.2, 50.1]]])
    texels = np.concatenate([texel for texel, _ in texels_of_faces(square, 64)])
    assert len(np.unique(texels)) == len(texels) == 37 * 47


def test_a_scene_without_photos_uses_its_dense_colours_and_one_without_either_is_refused(plane: TriangleMesh, tmp_path: Path):
    scene = photos_of_plane(tmp_path, plane, [-0.2, 0.2])
    (tmp_path / "0.png").unlink()
    with pytest.raises(InputError, match=r"view '0.png' has no photo .* and no dense colours"):
        textured(plane, scene, SMALL)
    with pytest.raises(InputError, match="no triangle"):
        textured(replace(plane, triangles=plane.triangles[:0]), scene, SMALL)
    with pytest.raises(InputError, match="no photo"):
        textured(plane, replace(scene, views=()), SMALL)
    with pytest.raises(InputError, match="texture_size=10"):
        TextureOptions(size=10)
    Image.fromarray(np.zeros((10, 10, 3), np.uint8)).save(tmp_path / "0.png")
    with pytest.raises(InputError, match="the photo is 10x10, but the scene's camera 160x120"):
        textured(plane, scene, SMALL)


def test_an_image_too_small_for_its_charts_is_refused():
    boxes = box(0.01)
    many = [boxes.vertices + np.array([index, 0, 0], np.float32) for index in range(200)]
    vertices = np.concatenate(many)
    triangles = np.concatenate([boxes.triangles + 24 * index for index in range(200)])
    with pytest.raises(InputError, match="too small for the mesh's 1200 charts"):
        make_atlas(vertices, triangles, 64)

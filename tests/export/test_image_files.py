"""Photos beside an export are the originals under safe, unique names."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import InputError
from amb3r_core.export.image_files import grid_image_camera, place_images
from amb3r_core.scene.reconstruction import Reconstruction
from tests.fakes import fake_room

Image = pytest.importorskip("PIL.Image")


def renamed(scene: Reconstruction, *names: str) -> Reconstruction:
    return replace(scene, views=tuple(replace(view, name=name) for view, name in zip(scene.views, names, strict=True)))


def test_originals_are_copied_and_keep_their_cameras(tmp_path: Path):
    scene = fake_room(2, mixed=True, images_folder=tmp_path / "photos").reconstruction
    placed = place_images(scene, tmp_path / "out")
    for view, image in zip(scene.views, placed, strict=True):
        copy = tmp_path / "out" / image.name
        assert not os.path.samefile(view.path, copy)
        assert copy.read_bytes() == Path(view.path).read_bytes()
        assert image.camera == view.camera


def test_a_file_that_is_no_image_is_not_copied_whatever_its_name(tmp_path: Path):
    scene = fake_room(1).reconstruction
    for name, content in {
        "secret.jpg": b"root:x:0:0",
        "page.jpg": b"%!PS-Adobe-3.0 EPSF-3.0",
        "key": b"",
        "BM.png": b"BMW keys",
    }.items():
        (tmp_path / name).write_bytes(content)
        named = replace(scene, views=(replace(scene.views[0], path=str(tmp_path / name)),))
        with pytest.raises(InputError, match=f"view 'photo_000.png': .*{name} is not an image"):
            place_images(named, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.*"))


def test_a_view_without_a_file_gets_the_dense_colours_and_their_camera(tmp_path: Path):
    scene = renamed(fake_room(2, mixed=True, principal_offset=(0.1, 0.0)).reconstruction, "a.jpg", "b.jpg")
    placed = place_images(scene, tmp_path)
    assert [image.name for image in placed] == ["a.png", "b.png"]
    with Image.open(tmp_path / "b.png") as image:
        colours = np.asarray(image)
    letterbox = scene.views[1].letterbox
    assert np.array_equal(colours, scene.dense.rgb[1][letterbox.slices])
    assert (placed[1].camera.width, placed[1].camera.height) == (letterbox.width, letterbox.height)
    point = np.array([0.2, -0.1, 2.0])
    on_grid = scene.dense_camera(1).project(point)
    assert np.allclose(grid_image_camera(scene.views[1]).project(point), on_grid - [letterbox.x, letterbox.y])


def test_a_path_longer_than_any_file_has_leads_to_none(tmp_path: Path):
    scene = fake_room(1).reconstruction
    scene = replace(scene, views=(replace(scene.views[0], path="/" + "a" * 5000),))
    assert [image.name for image in place_images(scene, tmp_path)] == ["photo_000.png"]


def test_two_photos_that_would_get_one_name_keep_both(tmp_path: Path):
    scene = renamed(fake_room(3).reconstruction, "a.png", "a.heic", "trip/a.png")
    names = [image.name for image in place_images(scene, tmp_path)]
    assert names == ["a.png", "a_heic.png", "trip/a.png"]
    assert all((tmp_path / name).is_file() for name in names)


@pytest.mark.parametrize("name", ["../a.png", "/tmp/a.png", "x/../../a.png"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str):
    with pytest.raises(InputError, match="leaves the images folder"):
        place_images(renamed(fake_room(1).reconstruction, name), tmp_path / "out")


def test_a_view_with_neither_file_nor_colours_is_named(tmp_path: Path):
    scene = replace(fake_room(1).reconstruction, dense=None)
    with pytest.raises(InputError, match=r"view 'photo_000\.png' has no image file"):
        place_images(scene, tmp_path)

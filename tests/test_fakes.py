"""The fake room is what it claims to be."""

from pathlib import Path

import numpy as np
import pytest

from tests.fakes import fake_room

Image = pytest.importorskip("PIL.Image")


def test_every_view_shows_varied_surfaces_at_room_distances():
    scene = fake_room(8, mixed=True).reconstruction
    for index, view in enumerate(scene.views):
        depth = scene.dense.depth[index][view.letterbox.slices]
        assert depth.min() > 0.5
        assert depth.max() < 7.0
        assert scene.dense.rgb[index].std() > 20
    assert (scene.dense.depth > 0).sum() == sum(view.letterbox.width * view.letterbox.height for view in scene.views)


def test_a_photo_is_what_its_camera_sees(tmp_path: Path):
    room = fake_room(2, mixed=True, images_folder=tmp_path)
    view = room.reconstruction.views[1]
    assert view.camera.height > view.camera.width
    with Image.open(view.path) as image:
        photo = np.asarray(image)
    assert np.array_equal(photo, room.render(view.camera, view.cam_to_world)[0])


def test_neighbouring_views_overlap():
    scene = fake_room(6).reconstruction
    points = scene.points_world(0).reshape(-1, 3).astype(np.float64)
    other = scene.views[1]
    seen = points @ other.world_to_cam[:3, :3].T + other.world_to_cam[:3, 3]
    pixels = scene.dense_camera(1).project(seen)
    inside = (np.abs(pixels - [31.5, 23.5]) < [32, 24]).all(axis=1)
    assert inside.mean() > 0.5

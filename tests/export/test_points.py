"""What exports share is made once, and is what each would have made by itself."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.errors import InputError
from amb3r_core.export import points as points_module
from amb3r_core.export.points import ScenePoints
from amb3r_core.scene.fusion import fuse
from amb3r_core.scene.thinning import thinned
from amb3r_core.scene.tracks import visibility_tracks
from tests.fakes import fake_room

SCENE = fake_room(5, 96, 72, mixed=True).reconstruction
CLOUD = fuse(SCENE)
CAMERAS = replace(SCENE, dense=None)


def test_each_part_is_made_once(monkeypatch: pytest.MonkeyPatch):
    made: list[str] = []
    for name in ("fuse", "spaced", "visibility_tracks"):
        original = getattr(points_module, name)
        monkeypatch.setattr(points_module, name, lambda *args, f=original, name=name: made.append(name) or f(*args))
    points = ScenePoints(SCENE)
    assert not made
    for _ in range(3):
        assert points.required() is points.cloud
        assert points.thinned(500) is points.thinned(500)
        assert points.tracks is points.tracks
        assert points.once("something", object) is points.once("something", object)
    assert made == ["fuse", "spaced", "visibility_tracks"]


def test_the_parts_are_those_made_one_by_one():
    points = ScenePoints(SCENE, CLOUD)
    assert points.cloud is points.thinned(len(CLOUD)) is CLOUD
    for max_points in (500, 2000, 100):
        assert np.array_equal(points.thinned(max_points).points, thinned(CLOUD, max_points).points)
        assert len(points.thinned(max_points)) <= max_points
    tracks, wanted = points.tracks, visibility_tracks(SCENE, CLOUD)
    for name in ("points", "colors", "point", "view"):
        assert np.array_equal(getattr(tracks, name), getattr(wanted, name))


def test_a_scene_of_cameras_alone_has_no_points_and_says_so():
    points = ScenePoints(CAMERAS)
    assert not points.are_known
    assert (len(points.cloud), len(points.thinned(10)), len(points.tracks.points)) == (0, 0, 0)
    with pytest.raises(InputError, match="cameras only"):
        points.required()


def test_cameras_with_points_at_hand_keep_them():
    points = ScenePoints(CAMERAS, CLOUD)
    assert points.are_known
    assert points.required() is CLOUD
    assert len(points.tracks.points) == 0

"""Up comes from level surfaces; without any, from the cameras."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.scene import gravity
from amb3r_core.scene.conventions import mean_up_direction
from amb3r_core.scene.gravity import level_up, levelled, surface_normals
from amb3r_core.scene.reconstruction import Reconstruction
from tests.fakes import fake_room


def degrees_between(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.rad2deg(np.arccos(np.clip(np.dot(a, b), -1, 1))))


@pytest.fixture(scope="module")
def guessed() -> tuple[Reconstruction, np.ndarray]:
    """A room whose up is what its cameras, which all look down a little, tell; and the true up."""
    scene = fake_room(6, 160, 120).reconstruction
    x, y, z = mean_up_direction(scene.cam_to_world).tolist()
    return replace(scene, up_world=(x, y, z)), np.array(scene.up_world)


def test_a_floor_tells_up_better_than_cameras_that_look_down(guessed: tuple[Reconstruction, np.ndarray]):
    scene, true_up = guessed
    level, source = levelled(scene)
    assert degrees_between(np.array(scene.up_world), true_up) > 3
    assert degrees_between(np.array(level.up_world), true_up) < 0.5
    assert source == "level surfaces"


def test_rough_depth_still_tells_up(guessed: tuple[Reconstruction, np.ndarray]):
    scene, true_up = guessed
    noise = np.random.default_rng(0).normal(1, 0.01, scene.dense.depth.shape)
    rough = replace(scene, dense=replace(scene.dense, depth=(scene.dense.depth * noise).astype(np.float32)))
    assert degrees_between(np.array(levelled(rough)[0].up_world), true_up) < 2


def test_of_many_views_some_are_asked(guessed: tuple[Reconstruction, np.ndarray], monkeypatch: pytest.MonkeyPatch):
    scene, up = guessed
    n_of_all = len(surface_normals(scene)[0])
    monkeypatch.setattr(gravity, "MOST_VIEWS", 4)
    assert len(surface_normals(scene)[0]) < 0.6 * n_of_all  # Every other of six.
    assert np.array(levelled(scene)[0].up_world) @ up > np.cos(np.radians(2.0))


def test_without_a_floor_the_cameras_tell_up(guessed: tuple[Reconstruction, np.ndarray]):
    scene, true_up = guessed
    heights = np.stack([scene.points_world(index) @ true_up for index in range(scene.n_views)])
    walls = np.where((heights < np.nanpercentile(heights, 60)) | ~np.isfinite(heights), 0, scene.dense.depth).astype(np.float32)
    only_walls = replace(scene, dense=replace(scene.dense, depth=walls))
    for floorless in (only_walls, replace(scene, dense=None)):
        level, source = levelled(floorless)
        assert source == "cameras"
        assert level.up_world == scene.up_world


def test_normals_that_spread_evenly_have_no_up():
    normals = np.random.default_rng(0).normal(size=(20_000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    assert level_up(normals, np.ones(len(normals)), np.array([0.0, 0.0, 1.0])) is None
    assert level_up(np.zeros((0, 3)), np.zeros(0), np.array([0.0, 0.0, 1.0])) is None


def test_an_unknown_up_stays_unknown():
    scene = replace(fake_room(2).reconstruction, up_world=None)
    assert levelled(scene) == (scene, None)

"""A view sees points where its depth has them, sees through those in front of its surface, and not those behind."""

from dataclasses import replace

import numpy as np

from amb3r_core.scene.visibility import DepthView, overlapping_views, sight
from tests.fakes import fake_room

ROOM = fake_room(4, mixed=True)
SCENE = ROOM.reconstruction


def pushed(index: int, factor: float) -> np.ndarray:
    """Points of a view moved along their rays."""
    scaled = replace(SCENE, dense=replace(SCENE.dense, depth=SCENE.dense.depth * np.float32(factor)))
    points = scaled.points_world(index).reshape(-1, 3)
    return points[np.isfinite(points).all(axis=1)]


def test_a_view_sees_its_own_points_at_their_own_pixels():
    view = DepthView.of(SCENE, 1)
    sighting = sight(view, pushed(1, 1.0), tolerance=1e-4)
    rows, columns = np.nonzero(view.depth)
    assert sighting.is_seen.all()
    assert np.array_equal(sighting.index, np.arange(len(rows)))
    assert np.abs(sighting.pixels - np.stack([columns, rows], axis=1)).max() < 1e-3
    assert np.abs(sighting.z - view.depth[rows, columns]).max() < 1e-5


def test_points_before_the_surface_are_seen_through_and_points_behind_are_hidden():
    view = DepthView.of(SCENE, 0)
    before = sight(view, pushed(0, 0.7), tolerance=0.02, free_space_tolerance=0.05)
    behind = sight(view, pushed(0, 1.4), tolerance=0.02, free_space_tolerance=0.05)
    assert before.is_seen_through.mean() > 0.95
    assert not before.is_seen.any()
    assert not behind.is_seen.any()
    assert not behind.is_seen_through.any()


def test_what_falls_on_the_padding_is_not_in_the_view():
    view = DepthView.of(SCENE, 1)
    padding = replace_pixels_by_points(view, columns=[0, 5, 60], rows=[10, 20, 30], z=2.0)
    assert len(sight(view, padding, tolerance=0.1).index) == 0


def replace_pixels_by_points(view: DepthView, columns: list[int], rows: list[int], z: float) -> np.ndarray:
    camera = view.camera
    x = (np.array(columns) - camera.cx) / camera.fx * z
    y = (np.array(rows) - camera.cy) / camera.fy * z
    points = np.stack([x, y, np.full(len(x), z)], axis=1)
    pose = np.linalg.inv(view.world_to_cam)
    return points @ pose[:3, :3].T + pose[:3, 3]


def test_points_behind_the_camera_are_not_in_the_view():
    view = DepthView.of(SCENE, 0)
    assert len(sight(view, replace_pixels_by_points(view, [30], [20], -2.0), tolerance=0.1).index) == 0


def test_unknown_depth_neither_sees_nor_sees_through():
    view = replace(DepthView.of(SCENE, 0), depth=np.zeros((48, 64), np.float32))
    sighting = sight(view, pushed(0, 0.7), tolerance=0.5, free_space_tolerance=0.01)
    assert len(sighting.index)
    assert not sighting.is_seen.any()
    assert not sighting.is_seen_through.any()


def test_other_views_are_chosen_for_overlap_and_never_the_view_itself():
    chosen = overlapping_views(SCENE, 2)
    assert [len(others) for others in chosen] == [2, 2, 2, 2]
    assert all(index not in others for index, others in enumerate(chosen))
    assert overlapping_views(SCENE, 0) == [[], [], [], []]


def test_a_view_that_looks_away_is_not_chosen():
    turned = SCENE.views[3].cam_to_world @ np.diag([-1.0, 1.0, -1.0, 1.0])
    views = (*SCENE.views[:3], replace(SCENE.views[3], cam_to_world=turned))
    chosen = overlapping_views(replace(SCENE, views=views), 3)
    assert all(3 not in others for others in chosen[:3])

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


def seen_one_by_one(view: DepthView, point: np.ndarray, tolerance: float, free_space: float) -> tuple[bool, bool, bool]:
    """Whether one point is on the view's image, seen there, seen through."""
    x, y, z = view.world_to_cam[:3, :3] @ point + view.world_to_cam[:3, 3]
    if z <= 0:
        return False, False, False
    u, v = view.camera.fx * x / z + view.camera.cx, view.camera.fy * y / z + view.camera.cy
    rows, columns = view.letterbox.slices
    if not (columns.start - 0.5 < u < columns.stop - 0.5 and rows.start - 0.5 < v < rows.stop - 0.5):
        return False, False, False
    if abs(view.depth[round(v), round(u)] - z) <= tolerance * z:
        return True, True, False
    left, top = int(np.floor(u)), int(np.floor(v))
    inverse, least = 0.0, np.inf
    for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        depth = float(view.depth[min(max(row, 0), view.depth.shape[0] - 1), min(max(column, 0), view.depth.shape[1] - 1)])
        share = (1 - abs(u - column)) * (1 - abs(v - row))
        inverse, least = inverse + (share / depth if depth > 0 else np.inf), min(least, depth)
    return True, abs(1 / inverse - z) <= tolerance * z, least > (1 + free_space) * z


def test_all_points_at_once_see_what_each_sees_by_itself():
    rng = np.random.default_rng(0)
    depth = SCENE.dense.depth.copy()
    depth[rng.random(depth.shape) < 0.1] = 0
    for view in (DepthView.of(replace(SCENE, dense=replace(SCENE.dense, depth=depth)), index) for index in (0, 1)):
        points = pushed(2, 1.0)[::3] * rng.uniform(0.9, 1.1, (len(pushed(2, 1.0)[::3]), 1))
        sighting = sight(view, points, tolerance=0.02, free_space_tolerance=0.05)
        slow = np.array([seen_one_by_one(view, point, 0.02, 0.05) for point in points])
        assert np.array_equal(sighting.index, np.flatnonzero(slow[:, 0]))
        assert np.array_equal(sighting.is_seen, slow[sighting.index, 1])
        assert np.array_equal(sighting.is_seen_through, slow[sighting.index, 2])
        assert min(slow[:, 0].sum(), slow[:, 1].sum(), slow[:, 2].sum()) > 50


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

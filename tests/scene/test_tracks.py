"""Tracks hold for every view that sees a point, and every view gets some."""

from dataclasses import replace

import numpy as np

from amb3r_core.scene.fusion import FusionConfig, fuse
from amb3r_core.scene.tracks import TrackConfig, visibility_tracks
from tests.fakes import fake_room

SCENE = fake_room(6, 96, 72, mixed=True).reconstruction
CLOUD = fuse(SCENE)


def test_every_observation_is_confirmed_by_the_depth_there():
    tracks = visibility_tracks(SCENE, CLOUD)
    for index, view in enumerate(SCENE.views):
        points = tracks.points[tracks.point[tracks.view == index]]
        z = (points @ view.world_to_cam[:3, :3].T + view.world_to_cam[:3, 3])[:, 2]
        room_depth = fake_room(6, 96, 72, mixed=True).distance_to_surface(points)
        assert z.min() > 0
        assert room_depth.max() < 0.02


def test_tracks_are_long_where_views_overlap():
    tracks = visibility_tracks(SCENE, CLOUD)
    assert tracks.lengths.min() >= 2
    assert tracks.lengths.mean() >= 3
    assert len(np.unique(tracks.view)) == 6
    pairs = np.stack([tracks.point, tracks.view], axis=1)
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_no_more_points_are_kept_than_asked_but_every_view_has_some():
    tracks = visibility_tracks(SCENE, CLOUD, TrackConfig(max_points=200, min_points_per_view=20))
    assert 200 <= len(tracks.points) < 320
    assert np.bincount(tracks.view).min() >= 20


def test_one_view_alone_has_tracks_of_one():
    scene = fake_room(1).reconstruction
    tracks = visibility_tracks(scene, fuse(scene))
    assert len(tracks.points) > 1000
    assert set(tracks.lengths.tolist()) == {1}


def test_a_view_that_shares_nothing_still_gets_points():
    turned = SCENE.views[5].cam_to_world @ np.diag([-1.0, 1.0, -1.0, 1.0])
    scene = replace(SCENE, views=(*SCENE.views[:5], replace(SCENE.views[5], cam_to_world=turned)))
    cloud = fuse(scene, FusionConfig(min_agreeing_views=0))
    tracks = visibility_tracks(scene, cloud)
    assert (tracks.view == 5).any()
    assert tracks.lengths[np.unique(tracks.point[tracks.view != 5])].min() >= 2


def test_the_same_scene_gives_the_same_tracks():
    first, second = visibility_tracks(SCENE, CLOUD), visibility_tracks(SCENE, CLOUD)
    assert np.array_equal(first.points, second.points)
    assert np.array_equal(first.point, second.point)

"""Frames that stand at one place are left out, and held-out ones never."""

from dataclasses import replace

import numpy as np
from amb3r_nerfstudio.key_frames import key_frames

from amb3r_core.scene.reconstruction import Reconstruction
from tests.fakes import fake_room


def walk(*positions: float) -> Reconstruction:
    """Cameras at these places on a line."""
    scene = fake_room(len(positions), 16, 12).reconstruction
    views = []
    for view, position in zip(scene.views, positions, strict=True):
        pose = view.cam_to_world.copy()
        pose[:3, 3] = (position, 0.0, 0.0)
        views.append(replace(view, cam_to_world=pose))
    return replace(scene, views=tuple(views))


def test_a_camera_has_to_move_to_be_kept():
    scene = walk(0.0, 0.01, 0.3, 0.31, 0.32, 1.0)
    kept = key_frames(scene, 0.25)
    assert [view.name for view in kept.views] == [scene.views[index].name for index in (0, 2, 5)]
    assert np.array_equal(kept.dense.depth, scene.dense.depth[[0, 2, 5]])
    assert np.array_equal(kept.dense.rgb, scene.dense.rgb[[0, 2, 5]])


def test_held_out_frames_stay_and_take_no_ones_place():
    scene = walk(0.0, 0.01, 0.02, 0.5)
    kept = key_frames(scene, 0.3, always=frozenset({scene.views[1].name}))
    assert [view.name for view in kept.views] == [scene.views[index].name for index in (0, 1, 3)]


def test_no_distance_keeps_the_scene_itself():
    scene = walk(0.0, 0.0, 1.0)
    assert key_frames(scene, 0.0) is scene
    assert key_frames(replace(scene, dense=None), 0.5).n_views == 2

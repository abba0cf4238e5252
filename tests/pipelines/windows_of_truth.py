"""Exact windows of the room, to spoil one thing at a time."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from amb3r_core.pipelines.mapping.windows import Window
from amb3r_core.scene.geometry import Sim3
from amb3r_core.scene.lens import STRAIGHT
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes


def true_window(frames: Iterable[int], *, width: int = 32, height: int = 24, n_path: int = 80) -> Window:
    """What a perfect model says of these frames of an orbit, in metres."""
    scene = BoxScene(room_boxes(), orbit_path(n_path))
    frames = tuple(frames)
    depth = np.stack([scene.depth(scene.names[frame], width, height) for frame in frames])
    return Window(
        frames=frames,
        depth=depth,
        weight=np.full_like(depth, 0.8),
        cam_to_world=scene.path[list(frames)],
        intrinsics=np.tile(scene.camera(width, height).K, (len(frames), 1, 1)),
        lenses=(STRAIGHT,) * len(frames),
        registered=np.ones(len(frames), dtype=bool),
        raw_confidence=np.full(len(frames), 5.0),
        metres_per_unit=None,
    )


def moved_by(window: Window, similarity: Sim3, **changes) -> Window:
    """The window in another frame and unit, with further fields replaced."""
    return replace(
        window,
        **{
            "depth": (window.depth * similarity.scale).astype(np.float32),
            "cam_to_world": similarity.apply_pose(window.cam_to_world),
            **changes,
        },
    )

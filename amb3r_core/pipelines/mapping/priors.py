"""What the map tells the model about a window: where the anchors stand, and the focal length their lens has turned out to have.

A model is free to use it. One that optimises keeps known poses as they are, places the other frames around them, and need not
find out the focal length again and again from a few frames. One that only looks at pixels sees no difference.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from amb3r_core.inputs.images import Frame
from amb3r_core.pipelines.mapping.scene_map import SceneMap
from amb3r_core.pipelines.mapping.windows import WindowInput
from amb3r_core.scene.camera import PinholeCamera


def tell(window: WindowInput, scene: SceneMap, anchors: Sequence[int]) -> WindowInput:
    """The window with the anchors' poses as known poses, and the focal length of their lens.

    Poses that the user gave for frames of this window live in another world than the map: then no poses are told.
    """
    if not anchors:
        return window
    has_poses = any(source.cam_to_world is not None for source in window.sources)
    told = {} if has_poses else {frame: scene.pose(frame).copy() for frame in anchors}
    sources = tuple(
        replace(source, cam_to_world=told[frame]) if frame in told else source
        for frame, source in zip(window.frames, window.sources, strict=True)
    )
    return tell_lens(replace(window, sources=sources, told=told), scene, anchors)


def tell_lens(window: WindowInput, scene: SceneMap, anchors: Sequence[int]) -> WindowInput:
    """The window with the anchors' focal length for all frames of their lens of which EXIF says nothing, as EXIF would say it."""
    focal_px = _focal_px(window, scene, anchors)
    return replace(window, sources=tuple(_told(source, focal_px.get(lens_of(source))) for source in window.sources))


def _focal_px(window: WindowInput, scene: SceneMap, anchors: Sequence[int]) -> dict[object, float]:
    """The median focal length of the anchors that share a lens setting, in pixels of the original images."""
    found: dict[object, list[float]] = {}
    height, width = window.valid.shape[1:]
    for frame in anchors:
        row = window.frames.index(frame)
        source = window.sources[row]
        grid = PinholeCamera.from_matrix(scene.intrinsics(frame), width, height)
        camera = grid.unmapped(window.letterboxes[row], source.width, source.height)
        found.setdefault(lens_of(source), []).append((camera.fx + camera.fy) / 2.0)
    return {lens: float(np.median(values)) for lens, values in found.items()}


def lens_of(source: Frame) -> object:
    """What frames of one lens setting share, as far as can be told."""
    return source.width, source.height, source.facts.camera


def _told(source: Frame, focal_px: float | None) -> Frame:
    if focal_px is None or source.camera is not None or source.facts.focal_px is not None:
        return source
    return replace(source, facts=replace(source.facts, focal_px=focal_px))

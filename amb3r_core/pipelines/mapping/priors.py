"""Priors from the map for the model's next window: the anchors' poses, and the focal length their lens has turned out to have.

A model is free to use it. One that optimises keeps known poses as they are, places the other frames around them, and need not
find out the focal length again and again from a few frames. One that only looks at pixels sees no difference.
"""

from dataclasses import replace

import numpy as np

from amb3r_core.inputs.images import Frame
from amb3r_core.pipelines.mapping.scene_map import SceneMap
from amb3r_core.pipelines.mapping.windows import WindowInput
from amb3r_core.scene.camera import PinholeCamera


def with_priors(window: WindowInput, scene: SceneMap) -> WindowInput:
    """The window with the anchors' poses as pose priors, and the focal length of their lens as prior of all its frames.

    Poses that the user gave for frames of this window live in another world than the map: then there are no pose priors.
    """
    has_poses = any(source.cam_to_world is not None for source in window.sources)
    priors = {} if has_poses else {frame: scene.pose(frame).copy() for frame in window.anchors}
    sources = tuple(
        replace(source, cam_to_world=priors[view]) if view in priors else source
        for view, source in zip(window.views, window.sources, strict=True)
    )
    return with_intrinsics_priors(replace(window, sources=sources, pose_priors=priors), scene)


def with_intrinsics_priors(window: WindowInput, scene: SceneMap) -> WindowInput:
    """The window with the anchors' focal length for all views of their lens of which EXIF says nothing, as EXIF would say it."""
    focal_px = _focal_px(window, scene)
    return replace(window, sources=tuple(_with_focal(source, focal_px.get(lens_of(source))) for source in window.sources))


def _focal_px(window: WindowInput, scene: SceneMap) -> dict[object, float]:
    """The median focal length of the anchors that share a lens setting, in pixels of the original images."""
    found: dict[object, list[float]] = {}
    height, width = window.valid.shape[1:]
    for row, frame in enumerate(window.anchors):
        source = window.sources[row]
        grid = PinholeCamera.from_matrix(scene.intrinsics(frame), width, height)
        camera = grid.unmapped(window.letterboxes[row], source.width, source.height)
        found.setdefault(lens_of(source), []).append((camera.fx + camera.fy) / 2.0)
    return {lens: float(np.median(values)) for lens, values in found.items()}


def lens_of(source: Frame) -> object:
    """What frames of one lens setting share, as far as the photos say."""
    return source.width, source.height, source.facts.camera


def _with_focal(source: Frame, focal_px: float | None) -> Frame:
    if focal_px is None or source.camera is not None or source.facts.focal_px is not None:
        return source
    return replace(source, facts=replace(source.facts, focal_px=focal_px))

"""COLMAP cameras for photos, and back: one per group of photos, at the working size, with COLMAP's pixel origin."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Sequence

import pycolmap

from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.scene.camera import Camera, PinholeCamera
from amb3r_core.scene.lens import STRAIGHT, simple_radial

DEFAULT_FOCAL_RATIO = 1.2
"""Focal length over the longer image side where nothing is known, as in COLMAP (a 45 degree lens)."""

COLMAP_ORIGIN_PX = 0.5
"""COLMAP's coordinates of the centre of the first pixel; ours are 0."""


def colmap_cameras(frames: Sequence[Frame], features: Sequence[Features]) -> list[pycolmap.Camera]:
    """The camera of each frame at its working size; frames that `camera_key` puts together share one.

    A known camera becomes a `PINHOLE` with a prior that nothing refines; the others a `SIMPLE_RADIAL`.
    """
    ids: dict[object, int] = {}
    return [
        _camera(frame, found, ids.setdefault(camera_key(frame), len(ids) + 1))
        for frame, found in zip(frames, features, strict=True)
    ]


def camera_key(frame: Frame) -> object:
    """What frames of one camera have in common: size, lens setting, known camera and focal prior."""
    return frame.width, frame.height, frame.facts.camera, frame.camera, frame.facts.focal_px


def is_known(camera: pycolmap.Camera) -> bool:
    """Whether the camera was given and must not change."""
    return camera.model == pycolmap.CameraModelId.PINHOLE


def original_camera(frame: Frame, camera: pycolmap.Camera) -> Camera:
    """The camera of the original photo; a known one comes back as it was given."""
    if frame.camera is not None:
        return Camera(pinhole=frame.camera)
    working = PinholeCamera(
        width=camera.width,
        height=camera.height,
        fx=camera.focal_length_x,
        fy=camera.focal_length_y,
        cx=camera.principal_point_x - COLMAP_ORIGIN_PX,
        cy=camera.principal_point_y - COLMAP_ORIGIN_PX,
    )
    lens = STRAIGHT if is_known(camera) else simple_radial(float(camera.params[-1]))
    return Camera(pinhole=working.resized(frame.width, frame.height), lens=lens)


def _camera(frame: Frame, found: Features, camera_id: int) -> pycolmap.Camera:
    known, size = frame.camera, (found.width, found.height)
    if known is not None:
        working = known.resized(*size)
        params = [working.fx, working.fy, working.cx + COLMAP_ORIGIN_PX, working.cy + COLMAP_ORIGIN_PX]
        camera = pycolmap.Camera(model="PINHOLE", width=size[0], height=size[1], params=params)
        camera.has_prior_focal_length = True
    else:
        prior = frame.facts.focal_px
        shrunk = (found.width / frame.width + found.height / frame.height) / 2.0
        focal = (prior or DEFAULT_FOCAL_RATIO * max(frame.width, frame.height)) * shrunk
        params = [focal, found.width / 2.0, found.height / 2.0, 0.0]
        camera = pycolmap.Camera(model="SIMPLE_RADIAL", width=size[0], height=size[1], params=params)
        camera.has_prior_focal_length = prior is not None
    camera.camera_id = camera_id
    return camera

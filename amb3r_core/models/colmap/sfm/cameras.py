"""COLMAP cameras for photos, and back: one per group of photos, at the working size, with COLMAP's pixel origin."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence

import pycolmap

from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.models.colmap.sfm.photos import DEFAULT_FOCAL_RATIO, Photo
from amb3r_core.scene.camera import Camera, PinholeCamera
from amb3r_core.scene.lens import STRAIGHT, simple_radial

COLMAP_ORIGIN_PX = 0.5
"""COLMAP's coordinates of the centre of the first pixel; ours are 0."""


def colmap_cameras(photos: Sequence[Photo], features: Sequence[Features]) -> list[pycolmap.Camera]:
    """The camera of each photo at its working size; photos with equal `camera_id` share one.

    A known camera becomes a `PINHOLE` with a prior that nothing refines; the others a `SIMPLE_RADIAL`.
    """
    ids: dict[object, int] = {}
    cameras: list[pycolmap.Camera] = []
    for photo, found in zip(photos, features, strict=True):
        key = (photo.camera_group, photo.width, photo.height, photo.known_camera, photo.focal_prior_px)
        camera_id = ids.setdefault(key, len(ids) + 1)
        cameras.append(_camera(photo, found, camera_id))
    return cameras


def is_known(camera: pycolmap.Camera) -> bool:
    """Whether the camera was given and must not change."""
    return camera.model == pycolmap.CameraModelId.PINHOLE


def photo_camera(photo: Photo, camera: pycolmap.Camera) -> Camera:
    """The camera of the original photo; a known one comes back as it was given."""
    if photo.known_camera is not None:
        return Camera(pinhole=photo.known_camera)
    scale_x, scale_y = photo.width / camera.width, photo.height / camera.height
    pinhole = PinholeCamera(
        width=photo.width,
        height=photo.height,
        fx=camera.focal_length_x * scale_x,
        fy=camera.focal_length_y * scale_y,
        cx=camera.principal_point_x * scale_x - COLMAP_ORIGIN_PX,
        cy=camera.principal_point_y * scale_y - COLMAP_ORIGIN_PX,
    )
    return Camera(pinhole=pinhole, lens=STRAIGHT if is_known(camera) else simple_radial(float(camera.params[-1])))


def _camera(photo: Photo, found: Features, camera_id: int) -> pycolmap.Camera:
    scale_x, scale_y = found.width / photo.width, found.height / photo.height
    known = photo.known_camera
    if known is not None:
        params = [
            known.fx * scale_x,
            known.fy * scale_y,
            (known.cx + COLMAP_ORIGIN_PX) * scale_x,
            (known.cy + COLMAP_ORIGIN_PX) * scale_y,
        ]
        camera = pycolmap.Camera(model="PINHOLE", width=found.width, height=found.height, params=params)
        camera.has_prior_focal_length = True
    else:
        prior = photo.focal_prior_px
        focal = (prior or DEFAULT_FOCAL_RATIO * photo.long_side_px) * (scale_x + scale_y) / 2.0
        params = [focal, found.width / 2.0, found.height / 2.0, 0.0]
        camera = pycolmap.Camera(model="SIMPLE_RADIAL", width=found.width, height=found.height, params=params)
        camera.has_prior_focal_length = prior is not None
    camera.camera_id = camera_id
    return camera

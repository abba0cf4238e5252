"""COLMAP models made by hand: true poses and points, and what the photos see of them with noise."""

from collections.abc import Sequence

import numpy as np
import pycolmap
from numpy.typing import NDArray

from amb3r_core.scene.conventions import invert
from tests.models.colmap import posed_photos as scene

Float64 = NDArray[np.float64]


def lens(
    focal_px: float = scene.FOCAL_PX, bend: float = 0.0, camera_id: int = 1, size: tuple[int, int] = (scene.WIDTH, scene.HEIGHT)
) -> pycolmap.Camera:
    """A camera that is not known, with its principal point in the middle."""
    width, height = size
    params = [focal_px, width / 2.0, height / 2.0, bend]
    return pycolmap.Camera(model="SIMPLE_RADIAL", width=width, height=height, params=params, camera_id=camera_id)


def known_lens(camera_id: int = 1) -> pycolmap.Camera:
    """A camera that was given."""
    params = [scene.FOCAL_PX, scene.FOCAL_PX, scene.WIDTH / 2.0, scene.HEIGHT / 2.0]
    return pycolmap.Camera(model="PINHOLE", width=scene.WIDTH, height=scene.HEIGHT, params=params, camera_id=camera_id)


def model_of(
    poses: Sequence[Float64],
    points: Float64,
    seen: NDArray[np.bool_] | None = None,
    *,
    cameras: Sequence[pycolmap.Camera] = (),
    noise_px: float = 0.0,
    seed: int = 0,
) -> pycolmap.Reconstruction:
    """The true model, image ids counted from 1, whose photos see the points with noise.

    poses: cam_to_world (4, 4). seen: (N, M), by photo and point; None: all see all. cameras: of each photo; none: they share one.
    """
    rng = np.random.default_rng(seed)
    seen = np.ones((len(poses), len(points)), bool) if seen is None else seen
    of_photo = list(cameras) or [lens()] * len(poses)
    model = pycolmap.Reconstruction()
    for camera in {camera.camera_id: camera for camera in of_photo}.values():
        model.add_camera_with_trivial_rig(camera)
    tracks = [pycolmap.Track() for _ in points]
    for row, (pose, camera) in enumerate(zip(poses, of_photo, strict=True)):
        world_to_cam = invert(pose)
        rows = np.flatnonzero(seen[row])
        pixels = np.asarray(camera.img_from_cam(points[rows] @ world_to_cam[:3, :3].T + world_to_cam[:3, 3]))
        image = pycolmap.Image(
            name=str(row),
            camera_id=camera.camera_id,
            image_id=row + 1,
            points2D=[pycolmap.Point2D(xy) for xy in pixels + rng.normal(0.0, noise_px, pixels.shape)],
        )
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(world_to_cam[:3]))
        for place, point in enumerate(rows):
            tracks[point].add_element(row + 1, place)
    for point, track in zip(points, tracks, strict=True):
        if track.length():
            model.add_point3D(point, track)
    return model


def adjusted(model: pycolmap.Reconstruction) -> pycolmap.Reconstruction:
    """The model, changed in place, after a bundle adjustment of all that is not known."""
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.ceres.solver_options.num_threads = 1
    pycolmap.bundle_adjustment(model, options)
    return model

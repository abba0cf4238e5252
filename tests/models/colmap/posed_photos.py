"""A synthetic scene as structure from motion meets it: photos whose features are known, without any pixels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.features import Features, feature_path, write_features
from amb3r_core.models.colmap.sfm.matching import MatchConfig, VerifiedPair, match_descriptors, verify_matches
from amb3r_core.models.colmap.sfm.run import FEATURES, SparseConfig
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.conventions import invert

WIDTH, HEIGHT, FOCAL_PX = 640, 480, 560.0
CAMERA = PinholeCamera(width=WIDTH, height=HEIGHT, fx=FOCAL_PX, fy=FOCAL_PX, cx=319.5, cy=239.5)
Float64 = NDArray[np.float64]


def poses_on_an_arc(n_views: int, step_deg: float = 10.0, sway: float = 0.3) -> list[Float64]:
    """cam_to_world of cameras 4 units from the origin, looking at it, at heights up to `sway` either way."""
    return [_looking_at_origin(np.radians(step_deg * k), sway * np.sin(2.0 * k)) for k in range(n_views)]


def cloud(n_points: int = 600, seed: int = 0) -> Float64:
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (n_points, 3))


def descriptors(n_points: int, seed: int = 1) -> NDArray[np.uint8]:
    """Descriptors (n_points, 128) that no two points share, of norm 512 as COLMAP stores them."""
    raw = np.random.default_rng(seed).gamma(0.5, 1.0, (n_points, 128))
    return np.round(512.0 * raw / np.linalg.norm(raw, axis=1, keepdims=True)).clip(0, 255).astype(np.uint8)


def see(points: Float64, cam_to_world: Float64, camera: PinholeCamera = CAMERA, noise_px: float = 0.2, seed: int = 0) -> Features:
    """Features of the points that fall into the image."""
    to_camera = invert(cam_to_world)
    pixels = camera.project(points @ to_camera[:3, :3].T + to_camera[:3, 3])
    pixels = pixels + np.random.default_rng(seed).normal(0.0, noise_px, pixels.shape)
    inside = ((pixels > 0) & (pixels < [camera.width - 1, camera.height - 1])).all(axis=1)
    colmap_pixels = pixels[inside] + 0.5
    keypoints = np.column_stack([colmap_pixels, np.full((len(colmap_pixels), 2), [2.0, 0.0])]).astype(np.float32)
    return Features(keypoints=keypoints, descriptors=descriptors(len(points))[inside], width=camera.width, height=camera.height)


def no_features() -> Features:
    return Features(keypoints=np.zeros((0, 4), np.float32), descriptors=np.zeros((0, 128), np.uint8), width=WIDTH, height=HEIGHT)


def store(scratch: Path, features: list[Features]) -> list[Frame]:
    """Puts the features where a former run would have left them; the photos cannot be decoded, so nothing else is read."""
    photos = [photo(f"photo{index}.jpg") for index in range(len(features))]
    config = SparseConfig().feature_config(len(photos))
    scratch.mkdir(parents=True, exist_ok=True)
    for one, found in zip(photos, features, strict=True):
        write_features(feature_path(scratch / FEATURES, one, config), found, scratch)
    return photos


def photo(name: str, **known: object) -> Frame:
    def decode() -> NDArray[np.uint8]:
        raise AssertionError("the stored features must be used")

    return Frame(name=name, decode=decode, width=WIDTH, height=HEIGHT, **known)  # type: ignore[arg-type]


def _looking_at_origin(angle: float, height: float) -> Float64:
    centre = np.array([4.0 * np.sin(angle), height, -4.0 * np.cos(angle)])
    forward = -centre / np.linalg.norm(centre)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([right, np.cross(forward, right), forward])
    pose[:3, 3] = centre
    return pose


def match_pair(
    features: Sequence[Features], cameras: Sequence[pycolmap.Camera], pair: tuple[int, int], config: MatchConfig
) -> VerifiedPair | None:
    """The pair with its verified matches, as a run makes them, without files."""
    matches = match_descriptors(*(features[index].descriptors for index in pair), config)
    return verify_matches(features, cameras, pair, matches, config)

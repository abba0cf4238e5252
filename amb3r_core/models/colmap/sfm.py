"""Photos in, a sparse model out: features, matches, several attempts at a model, and the best of them."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pycolmap

from amb3r_core.conventions import invert
from amb3r_core.errors import InputError, RegistrationError
from amb3r_core.models.colmap import attempts
from amb3r_core.models.colmap.cameras import colmap_cameras, photo_camera, radial_k1
from amb3r_core.models.colmap.database import photo_of, write_database
from amb3r_core.models.colmap.features import FeatureConfig, Features, find_features
from amb3r_core.models.colmap.matching import MatchConfig, VerifiedPair, match_pairs
from amb3r_core.models.colmap.pairing import choose_pairs
from amb3r_core.models.colmap.photos import Photo
from amb3r_core.models.colmap.sparse import AttemptScore, Float64, Observations, SparseModel, SparseView
from amb3r_core.progress import Monitor, silent

MIN_FEATURES = 15
"""A photo with fewer cannot be verified against another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SfmConfig:
    """Options of structure from motion.

    is_ordered: the photos are frames of one video, in order. n_processes: worker processes at a time; the result does not
    depend on it. seed: of every random draw.
    """

    is_ordered: bool = False
    seed: int = 0
    n_processes: int = field(default_factory=lambda: min(4, os.cpu_count() or 1))
    max_side_px: int = 1600
    max_features: int | None = None
    match: MatchConfig = field(default_factory=MatchConfig)

    def feature_config(self, n_photos: int) -> FeatureConfig:
        """Fewer features for more photos, so that matching time grows with the pairs and not faster."""
        features = self.max_features if self.max_features is not None else default_max_features(n_photos)
        return FeatureConfig(max_side_px=self.max_side_px, max_features=features)


def default_max_features(n_photos: int) -> int:
    """8192 for up to 20 photos, 4096 from 40 on."""
    return 8192 if n_photos <= 20 else 6144 if n_photos < 40 else 4096


def reconstruct_sparse(
    photos: Sequence[Photo], *, config: SfmConfig | None = None, scratch: Path, monitor: Monitor = silent
) -> SparseModel:
    """Cameras, poses and sparse points of the photos; the same photos and options give the same result.

    `scratch` must belong to these photos and options: features, matches and attempts found there are used again.
    Known cameras come back unchanged. Poses known for at least two photos that see the same things stay exactly as they are
    and the rest is placed around them; a single known pose only says where the world is.
    Raises `InputError` for fewer than two photos, `RegistrationError` when no two photos can be placed together, and whatever
    the monitor raises.
    """
    config = config or SfmConfig()
    if len(photos) < 2:
        raise InputError(f"{len(photos)} photo given: this model needs at least two that see the same things")
    features = find_features(photos, config.feature_config(len(photos)), scratch, config.n_processes, monitor)
    cameras = colmap_cameras(photos, features)
    pairs = match_pairs(
        features, cameras, choose_pairs(features, is_ordered=config.is_ordered), config.match, scratch / "matches", monitor
    )
    database = scratch / "database.db"
    write_database(database, [photo.name for photo in photos], cameras, features, pairs)
    scores = _attempt(photos, cameras, pairs, database, scratch / "attempts", config, monitor)
    winner = attempts.choose(scores)
    if winner is None:
        raise RegistrationError(_nothing_placed(features, pairs))
    model = pycolmap.Reconstruction(attempts.model_path(scratch / "attempts", winner.name))
    return _to_sparse(model, photos, features, pairs, cameras, winner, scores)


def _attempt(
    photos: Sequence[Photo],
    cameras: Sequence[pycolmap.Camera],
    pairs: Sequence[VerifiedPair],
    database: Path,
    folder: Path,
    config: SfmConfig,
    monitor: Monitor,
) -> list[AttemptScore]:
    """Scores of the attempts; with usable known poses there is only one, which keeps them."""
    folder.mkdir(parents=True, exist_ok=True)
    if not pairs:
        return []
    poses = {
        index + 1: invert(photo.known_cam_to_world)[:3]
        for index, photo in enumerate(photos)
        if photo.known_cam_to_world is not None
    }
    if any(pair.first + 1 in poses and pair.second + 1 in poses for pair in pairs):
        waves = [[attempts.Attempt(name="known-poses", mapper=attempts.Mapper.POSED, seed=config.seed)]]
    else:
        poses = {}
        waves = attempts.plan(
            len(photos), focal_is_known=all(camera.has_prior_focal_length for camera in cameras), seed=config.seed
        )
    task = attempts.MappingTask(database=database, folder=folder, n_photos=len(photos), cam_from_world=poses)
    return attempts.run_attempts(waves, task, config.n_processes, monitor)


def _nothing_placed(features: Sequence[Features], pairs: Sequence[VerifiedPair]) -> str:
    empty = sum(found.count < MIN_FEATURES for found in features)
    return (
        f"none of {len(features)} photos could be placed: {len(pairs)} pairs of photos see the same things"
        + (f", and {empty} photos have next to no texture" if empty else "")
        + "; take photos that overlap by half or more, from different places"
    )


def _to_sparse(
    model: pycolmap.Reconstruction,
    photos: Sequence[Photo],
    features: Sequence[Features],
    pairs: Sequence[VerifiedPair],
    cameras: Sequence[pycolmap.Camera],
    winner: AttemptScore,
    scores: Sequence[AttemptScore],
) -> SparseModel:
    point_ids = sorted(model.point3D_ids())
    index_of = {point_id: index for index, point_id in enumerate(point_ids)}
    placed = {photo_of(image_id): image_id for image_id in model.reg_image_ids()}
    world = _world_of_single_pose(model, photos, placed)
    views: list[SparseView] = []
    for index, photo in enumerate(photos):
        image_id = placed.get(index)
        camera = model.camera(model.image(image_id).camera_id) if image_id is not None else _camera_of(model, cameras[index])
        pose = None if image_id is None else _pose(model, image_id, photo, world)
        reason = "" if image_id is not None else _reason(index, features, pairs, placed, model)
        views.append(
            SparseView(
                name=photo.name,
                camera=photo_camera(photo, camera),
                radial_k1=radial_k1(camera),
                cam_to_world=pose,
                reason=reason,
                observations=_observations(model, image_id, index_of, photo, features[index]),
            )
        )
    points = np.array([model.point3D(point_id).xyz for point_id in point_ids]).reshape(-1, 3)
    return SparseModel(
        views=tuple(views),
        points=points @ world[:3, :3].T + world[:3, 3],
        track_lengths=np.array([model.point3D(point_id).track.length() for point_id in point_ids], np.int64),
        mean_error_px=winner.mean_error_px,
        chosen=winner.name,
        attempts=tuple(scores),
    )


def _world_of_single_pose(model: pycolmap.Reconstruction, photos: Sequence[Photo], placed: dict[int, int]) -> Float64:
    """The rigid motion (4, 4) that takes the first placed known pose to where it is known to be; identity without one."""
    for index, image_id in sorted(placed.items()):
        known = photos[index].known_cam_to_world
        if known is not None:
            return known @ _cam_from_world(model, image_id)
    return np.eye(4)


def _pose(model: pycolmap.Reconstruction, image_id: int, photo: Photo, world: Float64) -> Float64:
    pose = world @ invert(_cam_from_world(model, image_id))
    known = photo.known_cam_to_world
    # A pose that was held fixed comes back as the very numbers that were given.
    return known.copy() if known is not None and np.allclose(pose, known, rtol=0.0, atol=1e-6) else pose


def _cam_from_world(model: pycolmap.Reconstruction, image_id: int) -> Float64:
    return np.vstack([model.image(image_id).cam_from_world().matrix(), [0.0, 0.0, 0.0, 1.0]])


def _camera_of(model: pycolmap.Reconstruction, camera: pycolmap.Camera) -> pycolmap.Camera:
    """The refined camera that a photo which was not placed shares with others, or its own first guess."""
    return model.camera(camera.camera_id) if camera.camera_id in model.cameras else camera


def _observations(
    model: pycolmap.Reconstruction, image_id: int | None, index_of: dict[int, int], photo: Photo, found: Features
) -> Observations:
    if image_id is None:
        return Observations(point_index=np.zeros(0, np.int64), pixels=np.zeros((0, 2)))
    seen = [point for point in model.image(image_id).points2D if point.has_point3D()]
    pixels = np.array([point.xy for point in seen], np.float64).reshape(-1, 2)
    scale = np.array([photo.width / found.width, photo.height / found.height])
    return Observations(
        point_index=np.array([index_of[point.point3D_id] for point in seen], np.int64), pixels=pixels * scale - 0.5
    )


def _reason(
    index: int,
    features: Sequence[Features],
    pairs: Sequence[VerifiedPair],
    placed: dict[int, int],
    model: pycolmap.Reconstruction,
) -> str:
    """Why a photo is not in the model, in words for its owner."""
    if features[index].count == 0:
        return "no features"
    if features[index].count < MIN_FEATURES:
        return f"too few features ({features[index].count})"
    own = [pair for pair in pairs if index in (pair.first, pair.second)]
    if not own:
        return "no verified matches with the rest"
    common: set[int] = set()
    for pair in own:
        other = pair.second if pair.first == index else pair.first
        if other in placed:
            mine, theirs = pair.matches.T if pair.first == index else pair.matches.T[::-1]
            points = model.image(placed[other]).points2D
            common |= {int(a) for a, b in zip(mine, theirs, strict=True) if points[int(b)].has_point3D()}
    if not common:
        return "it matches only photos that could not be placed either"
    return f"too few points in common ({len(common)})"

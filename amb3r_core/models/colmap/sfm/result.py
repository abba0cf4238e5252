"""From a COLMAP model to our result: original photos' pixels, our pixel origin, and a reason for each photo left out."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pycolmap

from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.cameras import COLMAP_ORIGIN_PX, original_camera
from amb3r_core.models.colmap.sfm.database import photo_of
from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.models.colmap.sfm.judge import Judgement
from amb3r_core.models.colmap.sfm.matching import VerifiedPair
from amb3r_core.models.colmap.sfm.sparse import AttemptScore, Float64, Observations, SparseModel, SparseView
from amb3r_core.scene.conventions import invert

MIN_FEATURES = 15
"""A photo with fewer cannot be verified against another."""

LEAST_PLACED_PAIRS = 0.9
"""Share of the pairs of photos that are both placed, below which a scene is never called sure."""

MOST_TRUST_IN_PARTS = 0.85
"""The trust that such a scene gets at most."""

MAX_NAMED = 5


def to_sparse(
    model: pycolmap.Reconstruction,
    frames: Sequence[Frame],
    features: Sequence[Features],
    pairs: Sequence[VerifiedPair],
    cameras: Sequence[pycolmap.Camera],
    winner: AttemptScore,
    scores: Sequence[AttemptScore],
) -> SparseModel:
    """The result for the user, one view per frame in the frames' order."""
    point_ids = sorted(model.point3D_ids())
    index_of = {point_id: index for index, point_id in enumerate(point_ids)}
    placed = {photo_of(image_id): image_id for image_id in model.reg_image_ids()}
    world = _world_of_single_pose(model, frames, placed)
    views: list[SparseView] = []
    for index, frame in enumerate(frames):
        image_id = placed.get(index)
        camera = model.camera(model.image(image_id).camera_id) if image_id is not None else _camera_of(model, cameras[index])
        pose = None if image_id is None else _pose(model, image_id, frame, world)
        reason = "" if image_id is not None else _reason(index, features, pairs, placed, model)
        views.append(
            SparseView(
                name=frame.name,
                camera=original_camera(frame, camera),
                cam_to_world=pose,
                reason=reason,
                observations=_observations(model, image_id, index_of, frame, features[index]),
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


def judged(sparse: SparseModel, judgement: Judgement) -> SparseModel:
    """The result with the trust it deserves, and a note on photos that hang on the rest by next to nothing."""
    views = tuple(
        replace(view, pose_trust=judgement.photo_trust.get(index + 1, 0.0) if view.is_registered else 0.0)
        for index, view in enumerate(sparse.views)
    )
    n_placed, n_photos = sparse.n_registered, len(views)
    is_whole = n_placed * (n_placed - 1) >= LEAST_PLACED_PAIRS * n_photos * (n_photos - 1)
    trust = judgement.scene_trust if is_whole else min(judgement.scene_trust, MOST_TRUST_IN_PARTS)
    loose = [views[photo_of(image_id)].name for image_id in sorted(judgement.loose)]
    notes = sparse.notes + ((_loose_note(loose, judgement.loosest_link),) if loose else ())
    return replace(sparse, views=views, scene_trust=trust, notes=notes)


def _loose_note(names: Sequence[str], n_points: int) -> str:
    named = ", ".join(names[:MAX_NAMED]) + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")
    return (
        f"hardly held to the rest of the photos, by as few as {n_points} points that three of them see: {named}; "
        "their place may be wrong, and photos in between would hold them"
    )


def _world_of_single_pose(model: pycolmap.Reconstruction, frames: Sequence[Frame], placed: dict[int, int]) -> Float64:
    """The rigid motion (4, 4) that takes the first placed known pose to where it is known to be; identity without one."""
    for index, image_id in sorted(placed.items()):
        known = frames[index].cam_to_world
        if known is not None:
            return known @ _cam_from_world(model, image_id)
    return np.eye(4)


def _pose(model: pycolmap.Reconstruction, image_id: int, frame: Frame, world: Float64) -> Float64:
    pose = world @ invert(_cam_from_world(model, image_id))
    known = frame.cam_to_world
    # A pose that was held fixed comes back as the very numbers that were given.
    return known.copy() if known is not None and np.allclose(pose, known, rtol=0.0, atol=1e-6) else pose


def _cam_from_world(model: pycolmap.Reconstruction, image_id: int) -> Float64:
    return np.vstack([model.image(image_id).cam_from_world().matrix(), [0.0, 0.0, 0.0, 1.0]])


def _camera_of(model: pycolmap.Reconstruction, camera: pycolmap.Camera) -> pycolmap.Camera:
    """The refined camera that a photo which was not placed shares with others, or its own first guess."""
    return model.camera(camera.camera_id) if camera.camera_id in model.cameras else camera


def _observations(
    model: pycolmap.Reconstruction, image_id: int | None, index_of: dict[int, int], frame: Frame, found: Features
) -> Observations:
    if image_id is None:
        return Observations(point_index=np.zeros(0, np.int64), pixels=np.zeros((0, 2)))
    seen = [point for point in model.image(image_id).points2D if point.has_point3D()]
    pixels = np.array([point.xy for point in seen], np.float64).reshape(-1, 2)
    scale = np.array([frame.width / found.width, frame.height / found.height])
    return Observations(
        point_index=np.array([index_of[point.point3D_id] for point in seen], np.int64), pixels=pixels * scale - COLMAP_ORIGIN_PX
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

"""Where a frame is, by the map points it sees, and whether it shows enough new to be a keyframe."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pycolmap
from numpy.typing import NDArray

from amb3r_core.models.colmap.sfm.cameras import is_known
from amb3r_core.models.colmap.video.config import FollowConfig
from amb3r_core.models.colmap.video.keyframe_map import NO_POINT, KeyframeMap, angles_deg, centre
from amb3r_core.models.colmap.video.pairs import VideoPairs
from amb3r_core.models.colmap.video.video_features import VideoFeatures
from amb3r_core.scene.arrays import Float64


@dataclass(frozen=True, slots=True)
class Placed:
    """A frame's place in the map."""

    cam_from_world: Float64
    """(4, 4)."""
    point_ids: NDArray[np.int64]
    """(K,) the points that it was placed by."""


def place_frame(
    frame: int,
    keyframes: Sequence[int],
    scene: KeyframeMap,
    pairs: VideoPairs,
    features: VideoFeatures,
    config: FollowConfig,
    seed: int,
) -> Placed | None:
    """The frame's place by what it was matched to in these keyframes; None when that is too little."""
    feature, point_ids = _seen(frame, keyframes, scene, pairs)
    if len(point_ids) < config.min_inliers:
        return None
    camera = scene.camera(frame)
    estimation = pycolmap.AbsolutePoseEstimationOptions()
    estimation.ransac.max_error = config.max_error_px
    estimation.ransac.random_seed = seed
    estimation.estimate_focal_length = camera.camera_id not in scene.model.cameras and not is_known(camera)
    pixels = features[frame].keypoints[feature, :2].astype(np.float64)
    found = pycolmap.estimate_and_refine_absolute_pose(pixels, scene.positions(point_ids), camera, estimation)
    if found is None or int(found["num_inliers"]) < config.min_inliers:
        return None
    pose = np.vstack([found["cam_from_world"].matrix(), [0.0, 0.0, 0.0, 1.0]])
    return Placed(pose, point_ids[np.asarray(found["inlier_mask"], np.bool_)])


def is_new_view(placed: Placed, keyframe: int, scene: KeyframeMap, config: FollowConfig) -> bool:
    """Whether a placed frame sees so little of what the last keyframe sees, or from so far aside, that it is the next one."""
    known = scene.point_ids(keyframe)
    shared = np.intersect1d(placed.point_ids, known)
    if len(shared) < config.keyframe_share * int((known != NO_POINT).sum()) or len(shared) < config.min_inliers:
        return True
    ends = centre(placed.cam_from_world), centre(scene.cam_from_world(keyframe))
    return float(np.median(angles_deg(scene.positions(shared), *ends))) > config.keyframe_angle_deg


def _seen(
    frame: int, keyframes: Sequence[int], scene: KeyframeMap, pairs: VideoPairs
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Features of the frame (K,) and the map points (K,) they show; each point once, by the first keyframe that tells."""
    columns: list[NDArray[np.int64]] = []
    for keyframe in keyframes:
        own, theirs = pairs.between(frame, keyframe).T.astype(np.int64)
        point_ids = scene.point_ids(keyframe)[theirs]
        columns.append(np.stack([own, point_ids], axis=1)[point_ids != NO_POINT])
    seen = np.concatenate(columns) if columns else np.zeros((0, 2), np.int64)
    for column in (0, 1):
        seen = seen[np.sort(np.unique(seen[:, column], return_index=True)[1])]
    return seen[:, 0], seen[:, 1]

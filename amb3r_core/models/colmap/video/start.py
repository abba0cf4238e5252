"""The first map of a video: frames that differ enough, solved together as photos are, so that the lens is found as well."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap

from amb3r_core.errors import RegistrationError
from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.database import photo_of
from amb3r_core.models.colmap.sfm.run import SharedWork, SparseConfig, reconstruct_sparse
from amb3r_core.models.colmap.sfm.solve import CHOSEN, model_path
from amb3r_core.models.colmap.video.config import FollowConfig
from amb3r_core.models.colmap.video.keyframe_map import angles_deg, centre
from amb3r_core.models.colmap.video.pairs import VideoPairs
from amb3r_core.models.colmap.video.video_features import VideoFeatures
from amb3r_core.progress import Monitor
from amb3r_core.scene.arrays import Float64

MIN_START_ANGLE_DEG = 3.0
"""The rays to a quarter of a first map's points turn at least by this, from where they are first seen to where last."""

ANGLE_SHARE = 0.25
"""Of the points; with a camera that moves ahead most of them lie far."""

MIN_LAST_ANGLE_DEG = 0.5
"""The same when no more frames will come; with less the camera has not moved as far as the photos tell."""


@dataclass(frozen=True, slots=True)
class Start:
    """A first map."""

    cam_from_world: dict[int, Float64]
    """Poses (4, 4) by frame."""
    cameras: dict[int, pycolmap.Camera]
    """By frame."""


def shows_another_view(
    frame: int, last: int, most_shared: int, features: VideoFeatures, pairs: VideoPairs, config: FollowConfig
) -> bool:
    """Whether what two frames have in common has moved on or become little; without anything in common there is no telling.

    most_shared: the most matches that a frame has had with the last one.
    """
    own, theirs = pairs.between(frame, last).T
    if len(own) == 0:
        return False
    camera = features.cameras[frame]
    flow = features[frame].keypoints[own, :2] - features[last].keypoints[theirs, :2]
    has_moved = float(np.median(np.linalg.norm(flow, axis=1))) > config.start_flow * max(camera.width, camera.height)
    return has_moved or len(own) < config.start_share * most_shared


def find_start(
    frames: Sequence[int],
    features: VideoFeatures,
    config: SparseConfig,
    folder: Path,
    shared: SharedWork,
    monitor: Monitor,
    *,
    is_last: bool,
) -> Start | None:
    """The map of these frames; None where they cannot be placed together, or are seen from next to one place."""
    photos: list[Frame] = [features.frames[frame] for frame in frames]
    try:
        reconstruct_sparse(photos, config=config, scratch=folder, shared=shared, monitor=monitor)
    except RegistrationError:
        return None
    model = pycolmap.Reconstruction(model_path(folder / "attempts", CHOSEN))
    poses: dict[int, Float64] = {}
    cameras: dict[int, pycolmap.Camera] = {}
    for image_id in sorted(model.reg_image_ids()):
        frame, image = frames[photo_of(image_id)], model.image(image_id)
        poses[frame] = np.vstack([image.cam_from_world().matrix(), [0.0, 0.0, 0.0, 1.0]])
        cameras[frame] = model.camera(image.camera_id)
    least = MIN_LAST_ANGLE_DEG if is_last else MIN_START_ANGLE_DEG
    return Start(poses, cameras) if _angle_deg(model) >= least else None


def _angle_deg(model: pycolmap.Reconstruction) -> float:
    """The angle between the rays to the first and the last camera that sees a point, which a quarter of the points exceed."""
    angles: list[float] = []
    for point_id in sorted(model.point3D_ids()):
        point = model.point3D(point_id)
        images = sorted(element.image_id for element in point.track.elements)
        ends = [np.vstack([model.image(i).cam_from_world().matrix(), [0.0, 0.0, 0.0, 1.0]]) for i in (images[0], images[-1])]
        angles.append(float(angles_deg(point.xyz[None], centre(ends[0]), centre(ends[1]))[0]))
    return float(np.quantile(angles, 1.0 - ANGLE_SHARE)) if angles else 0.0

"""A video followed by a sparse map, as the pipelines see it: frames in, poses out, and at the end depth for keyframes."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from amb3r_core.errors import RegistrationError
from amb3r_core.inputs.images import Frame
from amb3r_core.models.api import FollowedFrame, FollowedVideo, ImageBatch, Prediction
from amb3r_core.models.colmap.prediction import SceneFrame, predict_depth, scene_frame
from amb3r_core.models.colmap.prediction_cache import keep_prediction, load_prediction
from amb3r_core.models.colmap.sfm.cameras import original_camera
from amb3r_core.models.colmap.sfm.run import SharedWork, SparseConfig
from amb3r_core.models.colmap.sfm.sparse import Observations, SparseModel, SparseView
from amb3r_core.models.colmap.stereo.dense import StereoConfig
from amb3r_core.models.colmap.video.config import FollowConfig
from amb3r_core.models.colmap.video.settle import known_poses, settle
from amb3r_core.models.colmap.video.video_map import VideoMap
from amb3r_core.progress import Monitor
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.conventions import invert

NOT_RELATED = "it could not be related to the map of the frames around it"


class VideoFollower:
    """The `Follower` of the model `colmap`."""

    def __init__(self, folder: Path, shared: SharedWork, sparse: SparseConfig, device: str, monitor: Monitor) -> None:
        config = FollowConfig()
        sparse = replace(sparse, max_side_px=config.features.max_side_px, max_features=config.features.max_features)
        self._folder, self._device, self._monitor = folder, device, monitor
        self._map = VideoMap(folder, shared, config, sparse, monitor)
        self._settled: SparseModel | None = None
        self._frame: SceneFrame | None = None

    @property
    def n_taken(self) -> int:
        """Frames that were looked at."""
        return self._map.n_taken

    def add(self, frame: Frame) -> None:
        """Takes the next frame; several are looked at together."""
        self._map.add(frame)

    def snapshot(self) -> FollowedVideo:
        """The frames that were looked at so far, in the map's own world and unit."""
        return FollowedVideo(
            frames=tuple(self._followed(frame) for frame in range(self._map.n_taken)), max_delay=self._map.max_delay
        )

    def finish(self) -> FollowedVideo:
        """All frames after an adjustment of all together. Raises `RegistrationError` when none could be placed."""
        self._map.begin_with_what_is_there()
        if not self._map.has_map:
            raise RegistrationError(
                f"none of the {self._map.n_taken} frames could be placed: "
                "the camera must move past things with texture, not only turn, and frames must overlap"
            )
        on_known_poses = len(known_poses(self._map)) > 0
        sparse = settle(self._map)
        frame = scene_frame(
            sparse, has_poses=on_known_poses or any(f.cam_to_world is not None for f in self._map.features.frames)
        )
        self._settled, self._frame = sparse, frame
        keyframes = set(self._map.scene.keyframes)
        return FollowedVideo(
            frames=tuple(
                FollowedFrame(
                    camera=view.camera,
                    cam_to_world=_moved(view.cam_to_world, frame),
                    is_keyframe=index in keyframes and view.is_registered,
                    reason=view.reason,
                    pose_trust=view.pose_trust if view.is_registered else None,
                )
                for index, view in enumerate(sparse.views)
            ),
            on_known_poses=on_known_poses,
            max_delay=self._map.max_delay,
            scene_trust=sparse.scene_trust,
            notes=sparse.notes,
            details={
                "keyframes": len(keyframes),
                "sparse_points": len(sparse.points),
                "mean_reprojection_error_px": sparse.mean_error_px,
            },
        )

    def densify(self, frames: Sequence[int], batch: ImageBatch) -> Prediction:
        """Depth of these frames, seen together."""
        if self._settled is None or self._frame is None:
            raise ValueError("only a finished video can be given depth")
        known = (tuple(frames), batch.names, batch.grid, StereoConfig())
        folder = self._folder / "dense" / hashlib.sha256(repr(known).encode()).hexdigest()[:16]
        prediction = load_prediction(folder)
        if prediction is None:
            part = _part(self._settled, frames)
            prediction = predict_depth(batch, part, self._frame, self._device, self._monitor)
            folder.mkdir(parents=True, exist_ok=True)
            keep_prediction(folder, prediction)
        return prediction

    def _followed(self, frame: int) -> FollowedFrame:
        source, scene = self._map.features.frames[frame], self._map.scene
        pose = self._map.pose(frame)
        return FollowedFrame(
            camera=original_camera(source, scene.camera(frame)),
            cam_to_world=None if pose is None else invert(pose),
            is_keyframe=pose is not None and frame in scene.keyframes,
            reason="" if pose is not None else NOT_RELATED,
        )


def _moved(cam_to_world: Float64 | None, frame: SceneFrame) -> Float64 | None:
    if cam_to_world is None:
        return None
    pose = frame.to_world @ cam_to_world
    pose[:3, 3] *= frame.factor
    return pose


def _part(sparse: SparseModel, frames: Sequence[int]) -> SparseModel:
    """The model of some of its views, with the points that these see."""
    chosen = [sparse.views[frame] for frame in frames]
    seen = np.unique(np.concatenate([view.observations.point_index for view in chosen]))
    views: list[SparseView] = []
    for view in chosen:
        index = np.searchsorted(seen, view.observations.point_index)
        views.append(replace(view, observations=Observations(point_index=index, pixels=view.observations.pixels)))
    return replace(sparse, views=tuple(views), points=sparse.points[seen], track_lengths=sparse.track_lengths[seen])

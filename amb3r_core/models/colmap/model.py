"""The model that needs no weights: structure from motion for the cameras, multi-view stereo for the depth."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from amb3r_core.compute.arrays import float64_array, ints
from amb3r_core.inputs.images import natural_key
from amb3r_core.models.api import ImageBatch, InputSpec, Prediction
from amb3r_core.models.colmap.prediction import FEATURES_USED, predict_depth, scene_frame
from amb3r_core.models.colmap.prediction_cache import keep_prediction, load_prediction
from amb3r_core.models.colmap.sfm.learned.weights import weights_info
from amb3r_core.models.colmap.sfm.run import FEATURES, SharedWork, SparseConfig, reconstruct_sparse
from amb3r_core.models.colmap.stereo.dense import StereoConfig
from amb3r_core.models.colmap.video.follower import VideoFollower
from amb3r_core.options import FeatureChoice
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.conventions import invert
from amb3r_core.scene.reconstruction import WeightsInfo

DEFAULT_LONG_SIDE_PX = 640
VIDEO = "video"
"""The folder below the scratch folder for what a video's frames are followed by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColmapConfig:
    """What the model is loaded with."""

    long_side_px: int = DEFAULT_LONG_SIDE_PX
    """Of the depth maps."""
    seed: int = 0
    """The same input and seed give the same bytes."""
    device: str = "cpu"
    """Where the depth is computed, and networks find features."""
    features: FeatureChoice = "auto"
    """Which keypoints are matched."""


class ColmapModel:
    """Structure from motion and multi-view stereo as a `ReconstructionModel`.

    scratch: folder for features, finished stages and the latest predictions, which a later call of the same job may reuse.
    """

    name = "colmap"
    weights: WeightsInfo | None
    """Of the networks that found features; None as long as none was needed."""

    def __init__(self, config: ColmapConfig, scratch: Path) -> None:
        self._config = config
        self._scratch = scratch
        self._shared = SharedWork(scratch / FEATURES)
        self.weights = weights_info(config.features)

    @property
    def input_spec(self) -> InputSpec:
        return InputSpec(long_side_px=self._config.long_side_px, min_views=2)

    def predict(self, batch: ImageBatch, *, monitor: Monitor = silent) -> Prediction:
        """Cameras and depth of the batch; raises `RegistrationError` when no two views can be placed together.

        The views of an unordered batch are taken by name, so that the order in which they come makes no difference.
        """
        order = _order(batch)
        is_in_order = order == sorted(order)
        views = batch if is_in_order else batch.select(order)
        folder = self._scratch / _batch_key(views, self._config)
        prediction = load_prediction(folder)
        if prediction is None:
            prediction = self._solve(views, folder, monitor)
            keep_prediction(folder, prediction)
        self.weights = self.weights or weights_info(str(prediction.details.get(FEATURES_USED, "")))
        return prediction if is_in_order else _reordered(prediction, order, keeps_world=_has_poses(batch))

    def follow(self, *, monitor: Monitor = silent) -> VideoFollower:
        """Follows a video, whose frames come one by one, with a sparse map; depth comes at the end and for keyframes alone."""
        sparse = SparseConfig(is_ordered=True, seed=self._config.seed, features="sift")
        return VideoFollower(self._scratch / VIDEO, self._shared, sparse, self._config.device, monitor)

    def _solve(self, batch: ImageBatch, scratch: Path, monitor: Monitor) -> Prediction:
        sfm = SparseConfig(
            is_ordered=batch.is_ordered, seed=self._config.seed, features=self._config.features, device=self._config.device
        )
        sparse = reconstruct_sparse(batch.frames, config=sfm, scratch=scratch, shared=self._shared, monitor=monitor)
        return predict_depth(batch, sparse, scene_frame(sparse, has_poses=_has_poses(batch)), self._config.device, monitor)


def _order(batch: ImageBatch) -> list[int]:
    """The rows in the order of work: that of a video, else that of the names."""
    rows, names = list(range(batch.n_views)), batch.names
    return rows if batch.is_ordered else sorted(rows, key=lambda row: (natural_key(names[row]), names[row]))


def _has_poses(batch: ImageBatch) -> bool:
    return any(frame.cam_to_world is not None for frame in batch.frames)


def _batch_key(batch: ImageBatch, config: ColmapConfig) -> str:
    """Names the batch and everything its stages depend on within one job, whose files and version do not change."""
    known = [(frame.name, frame.camera, frame.facts.focal_px, _bytes(frame.cam_to_world)) for frame in batch.frames]
    return hashlib.sha256(repr((known, batch.grid, batch.is_ordered, config, StereoConfig())).encode()).hexdigest()[:16]


def _bytes(pose: Float64 | None) -> bytes:
    return b"" if pose is None else pose.tobytes()


def _reordered(prediction: Prediction, order: list[int], *, keeps_world: bool) -> Prediction:
    """The prediction for the rows `order` in the order they came in; the first placed one is the world unless that is kept."""
    rows = torch.empty(len(order), dtype=torch.long)
    rows[torch.tensor(order)] = torch.arange(len(order))
    registered, cam_to_world = prediction.registered[rows], prediction.cam_to_world[rows]
    if not keeps_world:
        world = torch.as_tensor(invert(float64_array(cam_to_world[registered][0])))
        cam_to_world = torch.where(registered[:, None, None], world @ cam_to_world, cam_to_world)
    return replace(
        prediction,
        depth=prediction.depth[rows],
        confidence=prediction.confidence[rows],
        cam_to_world=cam_to_world,
        intrinsics=prediction.intrinsics[rows],
        registered=registered,
        reasons=tuple(prediction.reasons[row] for row in ints(rows)),
        lenses=tuple(prediction.lenses[row] for row in ints(rows)) if prediction.lenses else (),
        pose_trust=tuple(prediction.pose_trust[row] for row in ints(rows)) if prediction.pose_trust else (),
    )

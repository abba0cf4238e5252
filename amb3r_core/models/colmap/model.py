"""The model that needs no weights: structure from motion for the cameras, multi-view stereo for the depth."""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from amb3r_core.compute.arrays import float64_array, ints
from amb3r_core.compute.lens import undistort, undistort_mask
from amb3r_core.inputs.images import natural_key
from amb3r_core.models.api import ImageBatch, InputSpec, Prediction
from amb3r_core.models.colmap.prediction_cache import keep_prediction, load_prediction
from amb3r_core.models.colmap.sfm.learned.weights import weights_info
from amb3r_core.models.colmap.sfm.run import FEATURES, SharedWork, SparseConfig, reconstruct_sparse
from amb3r_core.models.colmap.sfm.sparse import SparseModel, SparseView
from amb3r_core.models.colmap.stereo.dense import StereoConfig, densify
from amb3r_core.models.colmap.stereo.neighbours import SparseScene
from amb3r_core.options import FeatureChoice
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.camera import Camera
from amb3r_core.scene.conventions import invert
from amb3r_core.scene.reconstruction import WeightsInfo

DEFAULT_LONG_SIDE_PX = 640
FEATURES_USED = "sfm_features"
RELATIVE_MEDIAN_DEPTH = 1.0
"""Without known poses the unit is arbitrary; it is chosen so that the sparse points' median depth is this."""


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

    def _solve(self, batch: ImageBatch, scratch: Path, monitor: Monitor) -> Prediction:
        sfm = SparseConfig(
            is_ordered=batch.is_ordered, seed=self._config.seed, features=self._config.features, device=self._config.device
        )
        sparse = reconstruct_sparse(batch.frames, config=sfm, scratch=scratch, shared=self._shared, monitor=monitor)
        placed = [index for index, view in enumerate(sparse.views) if view.is_registered]
        to_world = np.eye(4) if _has_poses(batch) else invert(_pose(sparse.views[placed[0]]))
        factor = 1.0 if _has_poses(batch) else RELATIVE_MEDIAN_DEPTH / _median_depth(sparse)
        scene = _sparse_scene(batch, sparse, placed, to_world, factor)
        depth, confidence = self._densify(batch, sparse, placed, scene, monitor)
        return _prediction(batch, sparse, placed, scene, depth, confidence)

    def _densify(
        self, batch: ImageBatch, sparse: SparseModel, placed: list[int], scene: SparseScene, monitor: Monitor
    ) -> tuple[Tensor, Tensor]:
        """Depth and confidence (M, H, W) of the placed views."""
        pixels, valid = batch.pixels[placed].clone(), batch.valid[placed].clone()
        for row, index in enumerate(placed):
            camera = _grid_camera(batch, sparse, index)
            if not camera.lens.is_straight:
                pixels[row], valid[row] = undistort(pixels[row], camera), undistort_mask(valid[row], camera)
        depth, confidence = densify(pixels.to(self._config.device), valid.to(self._config.device), scene, StereoConfig(), monitor)
        return depth.cpu(), confidence.cpu()


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


def _pose(view: SparseView) -> Float64:
    if view.cam_to_world is None:
        raise ValueError(f"{view.name} is not placed: {view.reason}")
    return view.cam_to_world


def _median_depth(sparse: SparseModel) -> float:
    depths: list[Float64] = []
    for view in sparse.views:
        if view.is_registered and len(view.observations.point_index):
            world_to_cam = invert(_pose(view))
            points = sparse.points[view.observations.point_index]
            depths.append(points @ world_to_cam[2, :3] + world_to_cam[2, 3])
    return max(float(np.median(np.concatenate(depths))), 1e-9) if depths else 1.0


def _sparse_scene(batch: ImageBatch, sparse: SparseModel, placed: list[int], to_world: Float64, factor: float) -> SparseScene:
    """Cameras and points of the placed views, on the grid, in the final world and unit."""
    poses = np.array([to_world @ _pose(sparse.views[index]) for index in placed])
    poses[:, :3, 3] *= factor
    points = (sparse.points @ to_world[:3, :3].T + to_world[:3, 3]) * factor
    return SparseScene(
        intrinsics=torch.as_tensor(np.array([_grid_camera(batch, sparse, index).pinhole.K for index in placed])),
        cam_to_world=torch.as_tensor(poses),
        size=batch.grid,
        points=torch.as_tensor(points),
        observed=tuple(torch.as_tensor(sparse.views[index].observations.point_index) for index in placed),
    )


def _prediction(
    batch: ImageBatch, sparse: SparseModel, placed: list[int], scene: SparseScene, depth: Tensor, confidence: Tensor
) -> Prediction:
    n, (height, width) = batch.n_views, batch.grid
    rows = torch.tensor(placed, dtype=torch.long)
    all_depth, all_confidence = torch.zeros(n, height, width), torch.ones(n, height, width)
    all_depth[rows], all_confidence[rows] = depth, confidence
    cam_to_world = torch.eye(4, dtype=torch.float64).repeat(n, 1, 1)
    cam_to_world[rows] = scene.cam_to_world
    intrinsics = torch.as_tensor(np.array([_grid_camera(batch, sparse, index).pinhole.K for index in range(n)]))
    registered = torch.zeros(n, dtype=torch.bool)
    registered[rows] = True
    return Prediction(
        depth=all_depth,
        confidence=all_confidence,
        cam_to_world=cam_to_world,
        intrinsics=intrinsics,
        registered=registered,
        reasons=tuple(view.reason for view in sparse.views),
        lenses=tuple(view.camera.lens for view in sparse.views),
        notes=(*sparse.notes, *_feature_notes(sparse.features)),
        details=_details(sparse),
        weight_is_probability=True,
    )


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


def _grid_camera(batch: ImageBatch, sparse: SparseModel, index: int) -> Camera:
    height, width = batch.grid
    return sparse.views[index].camera.mapped(batch.letterboxes[index], width, height)


def _feature_notes(features: str) -> tuple[str, ...]:
    info = weights_info(features)
    return () if info is None else (f"matched with {info.name} ({info.licence}){' beside SIFT' if '+' in features else ''}",)


def _details(sparse: SparseModel) -> dict[str, object]:
    return {
        FEATURES_USED: sparse.features,
        "sfm_chosen": sparse.chosen,
        "sfm_attempts": [asdict(attempt) for attempt in sparse.attempts],
        "sparse_points": len(sparse.points),
        "mean_reprojection_error_px": sparse.mean_error_px,
    }

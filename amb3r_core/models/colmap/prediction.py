"""A sparse model and the pixels of its photos as a prediction: the cameras on the grid, and the depth seen with them."""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from amb3r_core.compute.lens import undistort, undistort_mask
from amb3r_core.models.api import ImageBatch, Prediction
from amb3r_core.models.colmap.sfm.learned.weights import weights_info
from amb3r_core.models.colmap.sfm.sparse import SparseModel, SparseView
from amb3r_core.models.colmap.stereo.dense import StereoConfig, densify
from amb3r_core.models.colmap.stereo.neighbours import SparseScene
from amb3r_core.progress import Monitor
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.camera import Camera
from amb3r_core.scene.conventions import invert

FEATURES_USED = "sfm_features"
RELATIVE_MEDIAN_DEPTH = 1.0
"""Without known poses the unit is arbitrary; it is chosen so that the sparse points' median depth is this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFrame:
    """How the sparse model's world becomes the prediction's."""

    to_world: Float64
    """(4, 4), before lengths are multiplied by the factor."""
    factor: float


def scene_frame(sparse: SparseModel, *, has_poses: bool) -> SceneFrame:
    """The first placed view is the world and the median depth the unit; known poses are both already."""
    if has_poses:
        return SceneFrame(to_world=np.eye(4), factor=1.0)
    first = next(view for view in sparse.views if view.is_registered)
    return SceneFrame(to_world=invert(placed_pose(first)), factor=RELATIVE_MEDIAN_DEPTH / _median_depth(sparse))


def predict_depth(batch: ImageBatch, sparse: SparseModel, frame: SceneFrame, device: str, monitor: Monitor) -> Prediction:
    """Depth and cameras of the sparse model's views, whose photos are the batch."""
    placed = [index for index, view in enumerate(sparse.views) if view.is_registered]
    scene = _sparse_scene(batch, sparse, placed, frame)
    depth, confidence = _densify(batch, sparse, placed, scene, device, monitor)
    return _prediction(batch, sparse, placed, scene, depth, confidence)


def _densify(
    batch: ImageBatch, sparse: SparseModel, placed: list[int], scene: SparseScene, device: str, monitor: Monitor
) -> tuple[Tensor, Tensor]:
    """Depth and confidence (M, H, W) of the placed views."""
    pixels, valid = batch.pixels[placed].clone(), batch.valid[placed].clone()
    for row, index in enumerate(placed):
        camera = _grid_camera(batch, sparse, index)
        if not camera.lens.is_straight:
            pixels[row], valid[row] = undistort(pixels[row], camera), undistort_mask(valid[row], camera)
    depth, confidence = densify(pixels.to(device), valid.to(device), scene, StereoConfig(), monitor)
    return depth.cpu(), confidence.cpu()


def placed_pose(view: SparseView) -> Float64:
    """The pose (4, 4) of a placed view."""
    if view.cam_to_world is None:
        raise ValueError(f"{view.name} is not placed: {view.reason}")
    return view.cam_to_world


def _median_depth(sparse: SparseModel) -> float:
    depths: list[Float64] = []
    for view in sparse.views:
        if view.is_registered and len(view.observations.point_index):
            world_to_cam = invert(placed_pose(view))
            points = sparse.points[view.observations.point_index]
            depths.append(points @ world_to_cam[2, :3] + world_to_cam[2, 3])
    return max(float(np.median(np.concatenate(depths))), 1e-9) if depths else 1.0


def _sparse_scene(batch: ImageBatch, sparse: SparseModel, placed: list[int], frame: SceneFrame) -> SparseScene:
    """Cameras and points of the placed views, on the grid, in the final world and unit."""
    poses = np.array([frame.to_world @ placed_pose(sparse.views[index]) for index in placed])
    poses[:, :3, 3] *= frame.factor
    points = (sparse.points @ frame.to_world[:3, :3].T + frame.to_world[:3, 3]) * frame.factor
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
        pose_trust=tuple(view.pose_trust for view in sparse.views),
        scene_trust=sparse.scene_trust,
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

"""The similarity between two clouds that overlap: matched features, then point-to-plane ICP with a scale."""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from amb3r_core import AlignmentError, Sim3
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.conventions import skew
from amb3r_open3d.robust import similarity_of_points

Cloud = o3d.geometry.PointCloud
VOXELS_PER_SIZE = 14.0
"""Feature voxels per cloud size (median distance from its middle)."""
NORMAL_REACH, FEATURE_REACH = 2.5, 6.0
"""Radii of normals and of FPFH features, in voxels."""
SCALE_GUESSES = (1.0, 0.8, 1.25, 0.64, 1.56)
"""Where the size ratio of the two clouds may be off, because they see different parts."""
REACHES = (3.0, 1.5, 0.75, 0.4)
"""Search radii of ICP from coarse to fine, in feature voxels."""
ITERATIONS = 25
STILL = 1e-7


@dataclass(frozen=True)
class CloudMatch:
    """similarity: source to target. fitness: share of the source's points with a target point within reach. rmse: theirs."""

    similarity: Sim3
    fitness: float
    rmse: float
    n_points: int
    n_matched: int


def align_clouds(
    source: Cloud, target: Cloud, *, with_scale: bool, initial: Sim3 | None, max_distance: float | None, seed: int
) -> CloudMatch:
    """The similarity that moves `source` onto `target`; `AlignmentError` when no trial fits.

    initial: start ICP here instead of looking for matching features. max_distance: the last search radius, target's unit.
    """
    voxel = cloud_size(target) / VOXELS_PER_SIZE
    goal = _prepared(target, voxel)
    trials = [initial] if initial is not None else _feature_trials(source, goal, voxel, with_scale, seed)
    matches = [_icp(source, goal, trial, voxel, with_scale, max_distance) for trial in trials]
    if not matches:
        raise AlignmentError("the two clouds have no matching features: they share too little, or look too different")
    return max(matches, key=lambda match: (match.fitness, -match.rmse))


def cloud_size(cloud: Cloud) -> float:
    """The median distance of the points from their median; `AlignmentError` for a cloud without extent."""
    points: Float64 = np.asarray(cloud.points, dtype=np.float64)
    distances: Float64 = np.linalg.norm(points - np.quantile(points, 0.5, axis=0), axis=1)
    size = float(np.quantile(distances, 0.5))
    if not np.isfinite(size) or size <= 0.0:
        raise AlignmentError(f"a cloud of {len(points)} points in one place cannot be aligned")
    return size


def _feature_trials(source: Cloud, goal: Cloud, voxel: float, with_scale: bool, seed: int) -> list[Sim3]:
    guess = VOXELS_PER_SIZE * voxel / cloud_size(source) if with_scale else 1.0
    goal_features = _features(goal, voxel)
    trials: list[Sim3] = []
    for share in SCALE_GUESSES if with_scale else (1.0,):
        scaled = Cloud(o3d.utility.Vector3dVector(np.asarray(source.points) * guess * share))
        start = _prepared(scaled, voxel)
        pairs = np.asarray(o3d.pipelines.registration.correspondences_from_features(_features(start, voxel), goal_features, True))
        ours, theirs = np.asarray(start.points)[pairs[:, 0]], np.asarray(goal.points)[pairs[:, 1]]
        try:
            found = similarity_of_points(ours, theirs, 1.5 * voxel, with_scale=with_scale, seed=seed)
        except AlignmentError:  # another guess of the scale may do better; none at all is told by the caller
            continue
        trials.append(found.similarity @ Sim3(guess * share, np.eye(3), np.zeros(3)))
    return trials


def _prepared(cloud: Cloud, voxel: float) -> Cloud:
    thin = Cloud(cloud).voxel_down_sample(voxel)
    thin.estimate_normals(o3d.geometry.KDTreeSearchParamHybrid(radius=NORMAL_REACH * voxel, max_nn=30))
    thin.orient_normals_towards_camera_location(np.asarray(thin.points).mean(axis=0))
    return thin


def _features(cloud: Cloud, voxel: float) -> o3d.pipelines.registration.Feature:
    reach = o3d.geometry.KDTreeSearchParamHybrid(radius=FEATURE_REACH * voxel, max_nn=100)
    every_point = cast(
        Callable[[Cloud, o3d.geometry.KDTreeSearchParam], o3d.pipelines.registration.Feature],
        o3d.pipelines.registration.compute_fpfh_feature,
    )  # the stub wants an index of points, which is optional
    return every_point(cloud, reach)


def _icp(source: Cloud, goal: Cloud, start: Sim3, voxel: float, with_scale: bool, max_distance: float | None) -> CloudMatch:
    """Point-to-plane ICP over (rotation, translation, log scale), from coarse to fine."""
    thin = Cloud(source).voxel_down_sample(0.5 * voxel / start.scale)
    points, similarity = np.asarray(thin.points), start
    target, normals = np.asarray(goal.points), np.asarray(goal.normals)
    search = o3d.core.nns.NearestNeighborSearch(o3d.core.Tensor.from_numpy(target.copy()))
    search.knn_index()
    reaches = [reach * voxel for reach in REACHES]
    if max_distance is not None:
        reaches = [max(reach, max_distance) for reach in reaches[:-1]] + [max_distance]
    for reach in reaches:
        for _ in range(ITERATIONS):
            step = _plane_step(similarity.apply(points), target, normals, search, reach, with_scale)
            similarity = step @ similarity
            if abs(step.scale - 1.0) + float(np.abs(step.rotation - np.eye(3)).max()) < STILL:
                break
    nearest, distances = _nearest(search, similarity.apply(points))
    del nearest
    near = distances <= 2 * reaches[-1]
    rmse = float(np.sqrt((distances[near] ** 2).mean())) if near.any() else float("inf")
    return CloudMatch(similarity, float(near.mean()), rmse, len(points), int(near.sum()))


def _plane_step(
    points: Float64,
    target: Float64,
    normals: Float64,
    search: o3d.core.nns.NearestNeighborSearch,
    reach: float,
    with_scale: bool,
) -> Sim3:
    """One Gauss-Newton step on the distances to the target's tangent planes, about the points' mean.

    Geman-McClure weights.
    """
    nearest, distances = _nearest(search, points)
    near = distances <= 2 * reach
    if near.sum() < 10:
        return Sim3.identity()
    middle = points[near].mean(axis=0)
    p: Float64 = points[near] - middle
    q: Float64 = target[nearest[near]] - middle
    n: Float64 = normals[nearest[near]]
    residual = ((q - p) * n).sum(axis=1)
    weight = 1.0 / (1.0 + (residual / (0.5 * reach)) ** 2) ** 2
    columns: list[Float64] = [np.cross(p, n), n]
    columns += [(p * n).sum(axis=1)[:, None]] if with_scale else []
    jacobian = np.concatenate(columns, axis=1)
    normal_matrix = (jacobian * weight[:, None]).T @ jacobian
    damping = 1e-9 * np.trace(normal_matrix) * np.eye(len(normal_matrix))
    step = cast(Float64, np.linalg.solve(normal_matrix + damping, (jacobian * weight[:, None]).T @ residual))
    rotation = _rotation(step[:3])
    scale = float(np.exp(np.clip(step[6], -0.2, 0.2))) if with_scale else 1.0
    return Sim3(scale, rotation, middle + step[3:6] - scale * rotation @ middle)


def _rotation(axis_angle: Float64) -> Float64:
    """The rotation (3, 3) of an axis times an angle (Rodrigues)."""
    angle = float(np.linalg.norm(axis_angle))
    if angle < 1e-15:
        return np.eye(3)
    turn = skew(axis_angle / angle)
    return np.eye(3) + np.sin(angle) * turn + (1.0 - np.cos(angle)) * turn @ turn


def _nearest(search: o3d.core.nns.NearestNeighborSearch, points: Float64) -> tuple[NDArray[np.intp], Float64]:
    index, squared = search.knn_search(o3d.core.Tensor.from_numpy(np.ascontiguousarray(points)), 1)
    return index.numpy()[:, 0], np.sqrt(np.maximum(squared.numpy()[:, 0], 0.0))

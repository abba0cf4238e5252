"""Cameras from predicted rays, the alternative to the camera decoder."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amb3r_core.compute.arrays import float64_array

N_HYPOTHESES = 100
POINTS_PER_HYPOTHESIS = 8
CONFIDENT_SHARE = 0.3
"""Hypotheses are drawn from this share of the rays, the most confident."""
INLIER_DISTANCE = 0.2
"""How far, on the plane at distance one, a ray of the fitted camera may be from a predicted one."""
SMALLEST_Z = 1e-4
"""A ray nearer to the plane of the camera's centre has no place on the plane at distance one."""

Float64 = NDArray[np.float64]


def cameras_from_rays(rays: Tensor, confidence: Tensor, size: tuple[int, int], seed: int = 0) -> tuple[Tensor, Tensor]:
    """(cam_to_world (N, 4, 4), intrinsics (N, 3, 3)) float64 of rays (N, h, w, 6) with confidence (N, h, w), of images (H, W).

    Depth Anything 3: the directions are R K^-1 of homogeneous pixels, a homography. It is fitted by the direct linear transform,
    weighted by confidence, to the inliers of the best of some random samples, and split by a QR decomposition; the camera's
    centre is the mean of the rays' origins by confidence. Pixel (0, 0) of the intrinsics is the image's corner.

    The published package splits the homography into a rotation and a LOWER triangle. Both splits agree where the principal point
    is central; elsewhere only a rotation and an upper triangle are a camera.
    """
    generator = np.random.default_rng(seed)
    plane = plane_points(rays.shape[1], rays.shape[2])
    poses = np.tile(np.eye(4), (len(rays), 1, 1))
    matrices = np.empty((len(rays), 3, 3))
    for index in range(len(rays)):
        view, weight = float64_array(rays[index].flatten(0, 1)), float64_array(confidence[index].flatten())
        rotation, inverse_matrix = split(homography(plane, view[:, :3], weight, generator))
        poses[index, :3, :3] = rotation
        poses[index, :3, 3] = weight @ view[:, 3:] / weight.sum()
        matrices[index] = _in_pixels(np.linalg.inv(inverse_matrix), size)
    return torch.as_tensor(poses), torch.as_tensor(matrices)


def plane_points(n_rows: int, n_columns: int) -> Float64:
    """(rows * columns, 3): cell centres of an image whose sides reach from -1 to 1, homogeneous."""
    x = (2 * np.arange(n_columns) + 1) / n_columns - 1
    y = (2 * np.arange(n_rows) + 1) / n_rows - 1
    rows, columns = np.meshgrid(y, x, indexing="ij")
    return np.stack([columns, rows, np.ones_like(rows)], axis=-1).reshape(-1, 3)


def homography(points: Float64, directions: Float64, weight: Float64, generator: np.random.Generator) -> Float64:
    """H (3, 3), with a positive determinant, that brings homogeneous points (P, 3) onto directions (P, 3), robustly."""
    has_place = np.abs(directions[:, 2]) > SMALLEST_Z
    places = directions[:, :2] / np.where(has_place, directions[:, 2], 1.0)[:, None]
    weight = np.where(has_place, weight, 0.0)
    n_confident = max(POINTS_PER_HYPOTHESIS, int(CONFIDENT_SHARE * len(weight)))
    confident = np.argsort(-weight, kind="stable")[:n_confident]
    drawn = generator.random((N_HYPOTHESES, len(confident))).argsort(axis=1)[:, :POINTS_PER_HYPOTHESIS]
    samples = confident[drawn]
    candidates = least_squares(points[samples], places[samples], weight[samples])
    inlier = _distance(candidates, points, places) < INLIER_DISTANCE
    best = inlier[np.argmax(inlier @ weight)]
    fitted = least_squares(points, places, weight * best)
    return fitted * np.sign(np.linalg.det(fitted))


def least_squares(points: Float64, places: Float64, weight: Float64) -> Float64:
    """The homography (..., 3, 3) of length one that brings points (..., P, 3) nearest to places (..., P, 2); weight (..., P)."""
    zero = np.zeros_like(points)
    row_u = np.concatenate([-points, zero, places[..., :1] * points], axis=-1)
    row_v = np.concatenate([zero, -points, places[..., 1:] * points], axis=-1)
    rows = np.concatenate([row_u, row_v], axis=-2)
    weights = np.concatenate([weight, weight], axis=-1)[..., None]
    vectors = np.linalg.eigh(np.swapaxes(rows, -1, -2) @ (weights * rows))[1]
    return vectors[..., 0].reshape(*vectors.shape[:-2], 3, 3)


def split(matrix: Float64) -> tuple[Float64, Float64]:
    """(R, K^-1) of a homography R K^-1 of any length, determinant positive."""
    factors = np.linalg.qr(matrix)
    rotation, upper = np.asarray(factors[0], np.float64), np.asarray(factors[1], np.float64)
    signs = np.sign(np.diagonal(upper))
    upper = signs[:, None] * upper
    return rotation * signs, upper / upper[2, 2]


def _distance(candidates: Float64, points: Float64, places: Float64) -> Float64:
    """(C, P): how far each candidate (C, 3, 3) puts each point from its place."""
    moved = points @ np.swapaxes(candidates, -1, -2)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.linalg.norm(moved[..., :2] / moved[..., 2:] - places, axis=-1)
    return np.nan_to_num(distance, nan=np.inf)


def _in_pixels(matrix: Float64, size: tuple[int, int]) -> Float64:
    """A pinhole matrix in the units of `plane_points` as one in pixels, without skew."""
    height, width = size
    fx, fy = matrix[0, 0] * width / 2, matrix[1, 1] * height / 2
    cx, cy = (matrix[0, 2] + 1) * width / 2, (matrix[1, 2] + 1) * height / 2
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])

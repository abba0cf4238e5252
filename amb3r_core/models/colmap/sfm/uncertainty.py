"""How far the photos' own measurements fix their poses to one another: the covariance of a bundle adjustment, for pairs.

Points are eliminated (Schur complement), the seven motions that change no picture are taken out, and what is left is inverted
(Triggs et al. 2000, "Bundle adjustment - a modern synthesis", section 9). A group of photos that hangs by too little is seen here
as an error without bound, whatever the residuals are.
"""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass

import numpy as np
import pycolmap
from numpy.typing import NDArray

from amb3r_core.models.colmap.sfm.cameras import is_known
from amb3r_core.models.colmap.sfm.mapping import ROBUST_LOSS_PX, Float64, reprojection_errors

Int64 = NDArray[np.int64]

DAMPING = 1e-12
"""Information that every direction is given, once each parameter has 1: what nothing measures has a large error, and no infinite
one."""

POINT_DAMPING = 1e-12
"""The same for points, as a share of what is known of each."""

MAX_EIGEN = 2_000
"""Parameters up to which the directions of least information are looked for one by one."""

TINY = 1e-300
"""Keeps the inverse of a point that nothing measures from being none."""

BOUNDLESS_DEG = 1e6
"""Stands for errors that nothing bounds."""

UNMEASURED_DEG = 180.0
"""Error of every pose in a model without points."""

PARAMETERS_PER_LENS = 2
"""Focal length and distortion."""

POINTS_PER_BLOCK = 512
MAX_POINTS = 20_000
MAX_PAIRS = 2_000
MAX_PHOTOS = 500
"""Of more, an even choice is looked at, as if it were all: that bounds memory, and errors from above."""
STEP = 1e-5
"""Of numeric derivatives, relative to depth or parameter."""

LEAST_SIGMA_PX = 0.3
"""Features are not measured better than this, however well a few of them happen to fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty:
    """Expected errors of a model, as one standard deviation."""

    pairs: tuple[tuple[int, int], ...]
    """Image ids."""
    rotation_deg: Float64
    """(P,)."""
    direction_deg: Float64
    """(P,): of the translation."""
    lens_covariance: dict[int, Float64]
    """By the id of each camera that is not known, of its refined parameters (`refined_params`), (L, L)."""

    @property
    def worst_deg(self) -> Float64:
        """(P,): the larger of both."""
        return np.maximum(self.rotation_deg, self.direction_deg)

    @property
    def per_photo_deg(self) -> dict[int, float]:
        """The middle of the worst errors of each photo's pairs, by image id."""
        of: dict[int, list[float]] = {}
        for pair, error in zip(self.pairs, self.worst_deg.tolist(), strict=True):
            for image_id in pair:
                of.setdefault(image_id, []).append(error)
        return {image_id: float(np.median(errors)) for image_id, errors in sorted(of.items())}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observations:
    """All observations of a model, in the frames of their cameras."""

    photo: Int64
    """(K,) row among the placed photos."""
    point: Int64
    """(K,) row among the points."""
    error_px: Float64
    """(K,)."""
    by_photo: Float64
    """(K, 2, 8): by a small turn and shift of the camera frame, and by the refined parameters of its lens."""
    by_point: Float64
    """(K, 2, 3)."""
    columns: Int64
    """(N, 8): where these parameters of each photo are among all; those of a known lens are at the end, and left out."""
    n_parameters: int
    """Of all poses and lenses."""
    share: float
    """Of the model's points, those that are looked at."""


def uncertainty(model: pycolmap.Reconstruction) -> Uncertainty:
    """What errors the measurements allow; of an even choice of the pairs of photos where these are many."""
    ids = sorted(model.reg_image_ids())
    ids = ids[:: max(1, -(-len(ids) // MAX_PHOTOS))]
    poses = np.array([model.image(image_id).cam_from_world().matrix() for image_id in ids])
    if not model.num_points3D():
        return _unmeasured(ids)
    seen = _observe(model, ids)
    information = _without_points(seen)
    gauge = _gauge(poses, len(information))
    covariance = _inverse(information, gauge) * _variance(seen, len(information)) * seen.share
    pairs = even_pairs(len(ids))
    errors = np.degrees([_pair_error(covariance, poses, i, j) for i, j in pairs]).reshape(-1, 2)
    rotation, direction = np.nan_to_num(np.minimum(errors, BOUNDLESS_DEG), nan=BOUNDLESS_DEG).T
    return Uncertainty(
        pairs=tuple((ids[i], ids[j]) for i, j in pairs),
        rotation_deg=rotation,
        direction_deg=direction,
        lens_covariance=_of_lenses(model, ids, covariance),
    )


def _inverse(information: Float64, gauge: Float64) -> Float64:
    """The covariance (D, D) of all but the gauge's directions.

    Parameters of different units are brought to one first, and no direction gets less than nothing: where photos hang together by
    next to nothing, rounding would else make a small error of a boundless one.
    """
    known = np.diag(information)
    unit = np.sqrt(np.where(known > 0.0, known, 1.0))
    scaled = information / np.outer(unit, unit)
    basis = np.linalg.qr(gauge * unit[:, None])[0]
    rest = np.eye(len(unit)) - basis @ basis.T
    scaled = rest @ scaled @ rest + basis @ basis.T
    scaled = (scaled + scaled.T) / 2.0
    if len(unit) > MAX_EIGEN:
        inverse = np.linalg.inv(scaled + DAMPING * np.eye(len(unit)))
    else:
        values, vectors = np.linalg.eigh(scaled)
        inverse = (vectors / np.maximum(values, DAMPING)) @ vectors.T
    return inverse / np.outer(unit, unit)


def focal_share(model: pycolmap.Reconstruction, errors: Uncertainty) -> float:
    """Of the focal lengths that were refined: the error of the least certain, as a share of it; 0 where none was."""
    return max(
        (
            float(np.sqrt(of[0, 0])) / model.camera(camera_id).mean_focal_length()
            for camera_id, of in errors.lens_covariance.items()
        ),
        default=0.0,
    )


def even_pairs(n_photos: int) -> list[tuple[int, int]]:
    """All pairs of rows, or so many that no photo is left out and each is in about as many."""
    largest = n_photos // 2
    n_gaps = min(largest, max(1, MAX_PAIRS // n_photos))
    gaps = [1 + (k * largest) // n_gaps for k in range(n_gaps)]
    partners = ((row, (row + gap) % n_photos) for gap in gaps for row in range(n_photos))
    return sorted({(min(pair), max(pair)) for pair in partners})


def refined_params(camera: pycolmap.Camera) -> list[int]:
    """The places of the parameters that may be refined: focal length, then distortion."""
    return [] if is_known(camera) else [*camera.focal_length_idxs(), *camera.extra_params_idxs()]


def _unmeasured(ids: list[int]) -> Uncertainty:
    """Of a model without points."""
    pairs = even_pairs(len(ids))
    unknown = np.full(len(pairs), UNMEASURED_DEG)
    named = tuple((ids[i], ids[j]) for i, j in pairs)
    return Uncertainty(pairs=named, rotation_deg=unknown, direction_deg=unknown, lens_covariance={})


def _of_lenses(model: pycolmap.Reconstruction, ids: list[int], covariance: Float64) -> dict[int, Float64]:
    columns = _lens_columns(model, ids)
    return {camera_id: covariance[np.ix_(of, of)] for camera_id, of in columns.items() if of}


def _observe(model: pycolmap.Reconstruction, ids: list[int]) -> _Observations:
    all_ids = sorted(model.point3D_ids())
    point_ids = all_ids[:: max(1, -(-len(all_ids) // MAX_POINTS))]
    row_of = {point_id: row for row, point_id in enumerate(point_ids)}
    lens_columns = _lens_columns(model, ids)
    n_parameters = 6 * len(ids) + sum(map(len, lens_columns.values()))
    columns = np.full((len(ids), 6 + PARAMETERS_PER_LENS), n_parameters)
    parts: list[tuple[NDArray[np.generic], ...]] = []
    for row, image_id in enumerate(ids):
        image = model.image(image_id)
        camera = model.camera(image.camera_id)
        own_lens = lens_columns[image.camera_id]
        columns[row, : 6 + len(own_lens)] = [*range(6 * row, 6 * row + 6), *own_lens]
        seen_ids, errors = reprojection_errors(model, image_id)
        usable = [k for k, point_id in enumerate(seen_ids) if point_id in row_of and np.isfinite(errors[k])]
        if not usable:
            continue
        pose = image.cam_from_world().matrix()
        world = np.array([model.point3D(seen_ids[k]).xyz for k in usable])
        in_camera = world @ pose[:, :3].T + pose[:, 3]
        by_camera = _projection_derivative(camera, in_camera)
        turn = -by_camera @ _cross(in_camera)
        by_lens = np.zeros((len(usable), 2, PARAMETERS_PER_LENS))
        for place, parameter in enumerate(refined_params(camera)):
            by_lens[:, :, place] = _lens_derivative(camera, in_camera, parameter)
        parts.append(
            (
                np.full(len(usable), row),
                np.array([row_of[seen_ids[k]] for k in usable]),
                errors[usable],
                np.concatenate([turn, by_camera, by_lens], axis=2),
                by_camera @ pose[:, :3],
            )
        )
    photo, point, error, by_photo, by_point = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Observations(
        photo=photo,
        point=point,
        error_px=error,
        by_photo=by_photo,
        by_point=by_point,
        columns=columns,
        n_parameters=n_parameters,
        share=len(point_ids) / len(all_ids),
    )


def _lens_columns(model: pycolmap.Reconstruction, ids: list[int]) -> dict[int, list[int]]:
    """By camera id, where focal length and distortion are among all parameters, if they are refined: after the poses."""
    columns: dict[int, list[int]] = {}
    count = 6 * len(ids)
    for camera_id in sorted({model.image(image_id).camera_id for image_id in ids}):
        n_refined = len(refined_params(model.camera(camera_id)))
        columns[camera_id] = list(range(count, count + n_refined))
        count += n_refined
    return columns


def _projection_derivative(camera: pycolmap.Camera, in_camera: Float64) -> Float64:
    """(K, 2, 3): pixels by the point in the camera frame."""
    step = STEP * np.maximum(in_camera[:, 2], 1e-9)
    derivative = np.empty((len(in_camera), 2, 3))
    for axis in range(3):
        shift = np.zeros_like(in_camera)
        shift[:, axis] = step
        ahead, behind = (np.asarray(camera.img_from_cam(in_camera + sign * shift)) for sign in (1.0, -1.0))
        derivative[:, :, axis] = (ahead - behind) / (2.0 * step[:, None])
    return derivative


def _lens_derivative(camera: pycolmap.Camera, in_camera: Float64, parameter: int) -> Float64:
    """(K, 2): pixels by one parameter of the camera."""
    params = np.asarray(camera.params, np.float64)
    step = STEP * max(1.0, abs(params[parameter]))
    pixels: list[Float64] = []
    for sign in (1.0, -1.0):
        moved = pycolmap.Camera(camera.todict())
        changed = params.copy()
        changed[parameter] += sign * step
        moved.params = changed.tolist()
        pixels.append(np.asarray(moved.img_from_cam(in_camera)))
    return (pixels[0] - pixels[1]) / (2.0 * step)


def _without_points(seen: _Observations) -> Float64:
    """The information (D, D) on poses and lenses that is left after each point has been fitted."""
    size = seen.n_parameters + 1
    weight = np.sqrt(1.0 / np.maximum(1.0, seen.error_px / ROBUST_LOSS_PX))[:, None, None]
    by_photo, by_point = seen.by_photo * weight, seen.by_point * weight
    information = np.zeros((size, size))
    for row, columns in enumerate(seen.columns):
        of_photo = by_photo[seen.photo == row].reshape(-1, len(columns))
        np.add.at(information, (columns[:, None], columns), of_photo.T @ of_photo)
    order = np.argsort(seen.point, kind="stable")
    starts = np.flatnonzero(np.diff(seen.point[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    for first in range(0, len(starts), POINTS_PER_BLOCK):
        last = min(first + POINTS_PER_BLOCK, len(starts))
        rows = order[starts[first] : ends[last - 1]]
        point = np.repeat(np.arange(last - first), ends[first:last] - starts[first:last])
        _eliminate(information, seen.columns[seen.photo[rows]], point, by_photo[rows], by_point[rows])
    return (information + information.T)[:-1, :-1] / 2.0


def _eliminate(information: Float64, columns: Int64, point: Int64, by_photo: Float64, by_point: Float64) -> None:
    """Takes from the information what goes into fitting some points, given all their observations.

    columns (K, 8) and point (K,): of each observation.
    """
    n_points, size = int(point[-1]) + 1, len(information)
    hessian = np.zeros((n_points, 3, 3))
    np.add.at(hessian, point, by_point.transpose(0, 2, 1) @ by_point)
    hessian += (POINT_DAMPING * np.trace(hessian, axis1=1, axis2=2)[:, None, None] + TINY) * np.eye(3)
    cross = np.zeros((n_points, size, 3))
    np.add.at(cross, (point[:, None], columns), by_photo.transpose(0, 2, 1) @ by_point)
    solved = np.linalg.solve(hessian, cross.transpose(0, 2, 1))
    # Each parameter meets only the points that its photos see.
    for group in (columns[:, :6], columns[:, 6:]):
        for first in np.unique(group[:, 0]):
            of_group = group[:, 0] == first
            own, seen = group[of_group][0], np.unique(point[of_group])
            by_own = cross[seen][:, own].transpose(0, 2, 1)
            information[own] -= by_own.reshape(-1, len(own)).T @ solved[seen].reshape(-1, size)


def _gauge(poses: Float64, size: int) -> Float64:
    """An orthonormal basis (D, 7) of the camera motions that a move, turn or scaling of the whole scene amounts to."""
    basis = np.zeros((size, 7))
    for row, pose in enumerate(poses):
        rotation, translation = pose[:, :3], pose[:, 3]
        block = basis[6 * row : 6 * row + 6]
        block[:3, :3] = -rotation
        block[3:, :3] = -_cross(translation) @ rotation
        block[3:, 3:6] = -rotation
        block[3:, 6] = translation
    return np.linalg.qr(basis)[0]


def _variance(seen: _Observations, n_parameters: int) -> float:
    """Of one measured coordinate, in square pixels."""
    n_points = len(np.unique(seen.point))
    freedom = max(1, 2 * len(seen.photo) - 3 * n_points - n_parameters)
    squared = float((np.minimum(seen.error_px, ROBUST_LOSS_PX) ** 2).sum())
    return max(LEAST_SIGMA_PX**2, squared / freedom)


def _pair_error(covariance: Float64, poses: Float64, i: int, j: int) -> tuple[float, float]:
    """Standard deviations in radians of the rotation and of the direction of translation from photo i to photo j."""
    rotation_i, rotation_j = poses[i][:, :3], poses[j][:, :3]
    t_i, t_j = poses[i][:, 3], poses[j][:, 3]
    relative = rotation_j @ rotation_i.T
    move = t_j - relative @ t_i
    length = max(float(np.linalg.norm(move)), 1e-12)
    turn = np.zeros((3, 12))
    turn[:, 0:3], turn[:, 6:9] = -relative, np.eye(3)
    shift = np.zeros((3, 12))
    shift[:, 6:9], shift[:, 9:12] = -_cross(t_j), np.eye(3)
    shift[:, 0:3] += relative @ _cross(t_i)
    shift[:, 3:6] -= relative
    shift += _cross(relative @ t_i) @ turn
    across = (np.eye(3) - np.outer(move, move) / length**2) @ shift / length
    rows = np.r_[6 * i : 6 * i + 6, 6 * j : 6 * j + 6]
    block = covariance[np.ix_(rows, rows)]
    return tuple(float(np.sqrt(max(0.0, np.trace(map_ @ block @ map_.T)))) for map_ in (turn, across))  # type: ignore[return-value]


def _cross(vectors: Float64) -> Float64:
    """The matrices (..., 3, 3) of the cross product with vectors (..., 3)."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    zero = np.zeros_like(x)
    return np.stack([np.stack([zero, -z, y], -1), np.stack([z, zero, -x], -1), np.stack([-y, x, zero], -1)], -2)

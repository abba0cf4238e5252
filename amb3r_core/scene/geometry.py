"""Rigid and similarity transforms, and means of poses, in numpy float64."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import AlignmentError
from amb3r_core.scene.arrays import Float32, Float64, Floats
from amb3r_core.scene.conventions import quaternion_from_rotation, rigid, rotation_from_quaternion

ROTATION_TOLERANCE = 1e-5
"""How far R^T R may be from the identity before a pose is refused."""


@dataclass(frozen=True, slots=True)
class Sim3:
    """A similarity ``y = scale * rotation @ x + translation``; `a @ b` applies b first."""

    scale: float
    rotation: Float64
    translation: Float64

    def __post_init__(self) -> None:
        if not np.isfinite(self.scale) or self.scale <= 0:
            raise ValueError(f"the scale of a similarity must be positive and finite: {self.scale}")
        if self.rotation.shape != (3, 3) or self.translation.shape != (3,):
            raise ValueError(f"rotation is {self.rotation.shape}, translation {self.translation.shape}; wanted (3, 3), (3,)")

    @staticmethod
    def identity() -> "Sim3":
        return Sim3(1.0, np.eye(3), np.zeros(3))

    @staticmethod
    def from_rigid(transform: Float64, scale: float = 1.0) -> "Sim3":
        """The similarity with the rotation and translation of a rigid transform (4, 4)."""
        return Sim3(scale, transform[:3, :3], transform[:3, 3])

    def __matmul__(self, other: "Sim3") -> "Sim3":
        return Sim3(
            self.scale * other.scale,
            self.rotation @ other.rotation,
            self.scale * self.rotation @ other.translation + self.translation,
        )

    def inverse(self) -> "Sim3":
        rotation = self.rotation.T
        return Sim3(1.0 / self.scale, rotation, -(rotation @ self.translation) / self.scale)

    def apply(self, points: NDArray[np.float32] | Float64) -> Float64:
        """Points (..., 3) moved by the similarity."""
        return self.scale * (points @ self.rotation.T) + self.translation

    def apply_pose(self, cam_to_world: Float64) -> Float64:
        """Camera poses (..., 4, 4) in the moved world: the centre is scaled, the rotation stays a rotation."""
        moved = cam_to_world.copy()
        moved[..., :3, :3] = self.rotation @ cam_to_world[..., :3, :3]
        moved[..., :3, 3] = self.apply(cam_to_world[..., :3, 3])
        return moved


def umeyama(source: Float64, target: Float64, *, weights: Float64 | None = None, with_scale: bool = True) -> Sim3:
    """The similarity that moves `source` (N, 3) onto `target` (N, 3) with least weighted squared distance.

    Umeyama, TPAMI 13(4), 1991, eqs. 34-43. Raises `AlignmentError` when the points do not fix the answer
    (fewer than three, or all on one line).

    >>> corners = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> round(umeyama(corners, 2.0 * corners).scale, 6)
    2.0
    """
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 3:
        raise ValueError(f"source is {source.shape} and target {target.shape}; both must be (N, 3)")
    share = np.full(len(source), 1.0 / max(len(source), 1)) if weights is None else weights / weights.sum()
    mean_source, mean_target = share @ source, share @ target
    centred_source, centred_target = source - mean_source, target - mean_target
    covariance = (centred_target * share[:, None]).T @ centred_source
    u, singular, vt = np.linalg.svd(covariance)
    if len(source) < 3 or singular[1] <= 1e-12 * max(singular[0], 1e-300):
        raise AlignmentError(f"{len(source)} points on one line do not fix a similarity: three in a triangle are needed")
    sign = np.array([1.0, 1.0, float(np.sign(np.linalg.det(u) * np.linalg.det(vt)))])
    rotation = np.asarray(u @ np.diag(sign) @ vt, dtype=np.float64)
    variance = float(share @ (centred_source**2).sum(axis=1))
    scale = float(singular @ sign) / variance if with_scale else 1.0
    return Sim3(scale, rotation, mean_target - scale * rotation @ mean_source)


def rotation_angle(rotation: Float64) -> Float64:
    """Angle in radians of rotations (..., 3, 3), accurate near 0 and pi."""
    skew = rotation - np.swapaxes(rotation, -1, -2)
    sine = 0.5 * np.sqrt(skew[..., 0, 1] ** 2 + skew[..., 0, 2] ** 2 + skew[..., 1, 2] ** 2)
    cosine = 0.5 * (np.trace(rotation, axis1=-2, axis2=-1) - 1.0)
    return np.arctan2(sine, cosine)


def pose_distance(a: Float64, b: Float64) -> Float64:
    """angle / 180 degrees + length of the translation between poses (..., 4, 4); lengths in the poses' unit."""
    relative = np.swapaxes(a[..., :3, :3], -1, -2) @ b[..., :3, :3]
    return rotation_angle(relative) / np.pi + np.linalg.norm(a[..., :3, 3] - b[..., :3, 3], axis=-1)


def mean_pose(poses: Float64, weights: Float64) -> Float64:
    """The weighted mean (4, 4) of poses (N, 4, 4): linear in translation, chordal in rotation (largest-eigenvector mean).

    Markley et al., Averaging Quaternions, J. Guid. Control Dyn. 30(4), 2007, eq. 12.
    """
    share = weights / weights.sum()
    quaternions = np.array([quaternion_from_rotation(pose[:3, :3]) for pose in poses])
    outer = (quaternions * share[:, None]).T @ quaternions
    rotation = rotation_from_quaternion(np.linalg.eigh(outer)[1][:, -1])
    return rigid(rotation, share @ poses[:, :3, 3])


def blend_pose(a: Float64, b: Float64, amount: float) -> Float64:
    """The pose (4, 4) `amount` of the way from a to b: lerp of the translation, slerp of the rotation."""
    qa, qb = quaternion_from_rotation(a[:3, :3]), quaternion_from_rotation(b[:3, :3])
    cosine = float(qa @ qb)
    if cosine < 0.0:
        qb, cosine = -qb, -cosine
    angle = float(np.arccos(min(cosine, 1.0)))
    if angle < 1e-9:
        mixed = (1.0 - amount) * qa + amount * qb
    else:
        mixed = (np.sin((1.0 - amount) * angle) * qa + np.sin(amount * angle) * qb) / np.sin(angle)
    translation = (1.0 - amount) * a[:3, 3] + amount * b[:3, 3]
    return rigid(rotation_from_quaternion(mixed), translation)


def transform_points(transform: Float64, points: Floats) -> Float32:
    """Points (..., 3) moved by a rigid transform (4, 4), as float32."""
    rotation = transform[:3, :3].astype(np.float32)
    moved = points.astype(np.float32, copy=False) @ rotation.T
    return moved + transform[:3, 3].astype(np.float32)


def check_rigid(transform: Float64, what: str) -> None:
    """`ValueError` unless `transform` is a finite (4, 4) rigid transform in float64."""
    if transform.shape != (4, 4) or transform.dtype != np.float64:
        raise ValueError(f"{what} is {transform.dtype} {transform.shape}, wanted float64 (4, 4)")
    if not np.isfinite(transform).all():
        raise ValueError(f"{what} has numbers that are not finite")
    rotation = transform[:3, :3]
    is_rotation = np.abs(rotation.T @ rotation - np.eye(3)).max() < ROTATION_TOLERANCE and np.linalg.det(rotation) > 0
    if not is_rotation or not np.array_equal(transform[3], [0.0, 0.0, 0.0, 1.0]):
        raise ValueError(f"{what} is not a rigid transform: its 3x3 part is no rotation or its last row is not 0 0 0 1")

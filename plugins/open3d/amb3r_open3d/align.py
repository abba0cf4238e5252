"""Bring a scene into the world of a reference: a scanned cloud, a trajectory, or one distance that is known."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import open3d as o3d

from amb3r_core import AlignmentError, InputError, Reconstruction, Scale, Sim3
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.conventions import rigid
from amb3r_open3d.align_clouds import align_clouds
from amb3r_open3d.alignment import Alignment
from amb3r_open3d.cameras import from_trajectory
from amb3r_open3d.clouds import as_legacy_cloud
from amb3r_open3d.robust import PoseTolerance, similarity_of_poses, trajectory_extent
from amb3r_open3d.scene import Scene
from amb3r_open3d.stage import Stage
from amb3r_open3d.yaml_options import YamlOptions

TOLERANCE_SHARE = 0.1
"""How far a camera may be off, as a share of the reference trajectory's extent, when nobody says."""

Place = int | str | tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class KnownDistance:
    """`length` between two places: camera positions (view number or name) or world points of the scene."""

    a: Place
    b: Place
    length: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.length) or self.length <= 0:
            raise InputError(f"a known distance must be positive: {self.length}")


Reference = (
    o3d.t.geometry.PointCloud
    | o3d.geometry.PointCloud
    | o3d.camera.PinholeCameraTrajectory
    | Mapping[str, Float64]
    | KnownDistance
)


@dataclass(frozen=True, kw_only=True)
class AlignToOptions(YamlOptions):
    """mode: "similarity" finds the scale too, "rigid" keeps it. unit: whether the reference is in "metres" or of "unknown" unit.
    max_distance: how far a camera or point may be off to count, in the reference's unit; None: from the reference's size.
    max_angle_deg: the same for a camera's rotation. min_fitness: below this share of followers it is an error. initial: where a
    cloud's alignment starts, None: from matched features."""

    mode: Literal["similarity", "rigid"] = "similarity"
    unit: Literal["metres", "unknown"] = "metres"
    max_distance: float | None = None
    max_angle_deg: float = 10.0
    min_fitness: float = 0.25
    initial: Sim3 | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_distance is not None and not self.max_distance > 0:
            raise InputError(f"max_distance must be positive, or None: {self.max_distance}")
        if not 0 < self.max_angle_deg <= 180 or not 0 <= self.min_fitness <= 1:
            raise InputError(f"max_angle_deg must be in (0, 180] and min_fitness in [0, 1]: {self}")


class AlignTo(Stage[Scene, Scene]):
    """The scene in the reference's world; what was found is in `scene.alignment`.

    reference: a point cloud of either kind; a trajectory with one entry per placed view; camera-to-world poses (4, 4) by view
    name; or a `KnownDistance`, which changes the scale alone. Outlier cameras and parts that only one cloud has do no harm.
    Raises `AlignmentError` when the two share too little.

    >>> AlignTo(KnownDistance(a=0, b=1, length=0.5)).reference.length
    0.5
    """

    def __init__(self, reference: Reference, options: AlignToOptions | None = None) -> None:
        self.reference = reference
        self.options = options or AlignToOptions()

    def __call__(self, data: Scene, /) -> Scene:
        found = self.estimate(data)
        if found.fitness < self.options.min_fitness:
            raise AlignmentError(
                f"only {found.fitness:.0%} of the scene follows the best alignment, {self.options.min_fitness:.0%} are needed: "
                "the two share too little, or need an initial alignment"
            )
        return Scene(self._moved(data.reconstruction, found), found)

    def estimate(self, scene: Scene) -> Alignment:
        """The alignment without moving anything."""
        reference = self.reference
        if isinstance(reference, KnownDistance):
            return _by_distance(scene, reference)
        if isinstance(reference, o3d.t.geometry.PointCloud | o3d.geometry.PointCloud):
            return self._by_cloud(scene, as_legacy_cloud(reference))
        if isinstance(reference, o3d.camera.PinholeCameraTrajectory):
            return self._by_poses(scene, _poses_by_name(scene, reference))
        if isinstance(reference, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - for callers who check no types
            return self._by_poses(scene, reference)
        raise InputError(f"a {type(reference).__name__} is no reference: wanted a cloud, a trajectory, poses by name, a distance")

    def _by_poses(self, scene: Scene, poses: Mapping[str, Float64]) -> Alignment:
        names = [name for name in scene.names if name in poses]
        if len(names) < 3:
            raise AlignmentError(f"{len(names)} placed views have a pose in the reference, three are needed")
        source = np.array([scene.view(name).cam_to_world for name in names])
        target = np.array([np.asarray(poses[name], dtype=np.float64) for name in names])
        if target.shape != (len(names), 4, 4) or not np.isfinite(target).all():
            raise InputError(f"the reference poses must be finite (4, 4) camera-to-world matrices, not {target.shape[1:]}")
        distance = self.options.max_distance or TOLERANCE_SHARE * trajectory_extent(target)
        tolerance = PoseTolerance(distance=max(distance, 1e-12), angle_deg=self.options.max_angle_deg)
        found = similarity_of_poses(source, target, tolerance, with_scale=self._with_scale, seed=self.options.seed)
        return Alignment(
            similarity=found.similarity,
            fitness=float(found.inliers.mean()),
            inlier_rmse=float(np.sqrt((found.distances[found.inliers] ** 2).mean())),
            n_inliers=int(found.inliers.sum()),
            n_pairs=len(names),
        )

    def _by_cloud(self, scene: Scene, target: o3d.geometry.PointCloud) -> Alignment:
        found = align_clouds(
            as_legacy_cloud(scene.point_cloud_legacy()),
            target,
            with_scale=self._with_scale,
            initial=self.options.initial,
            max_distance=self.options.max_distance,
            seed=self.options.seed,
        )
        return Alignment(
            similarity=found.similarity,
            fitness=found.fitness,
            inlier_rmse=found.rmse,
            n_inliers=found.n_matched,
            n_pairs=found.n_points,
        )

    @property
    def _with_scale(self) -> bool:
        return self.options.mode == "similarity"

    def _moved(self, reconstruction: Reconstruction, found: Alignment) -> Reconstruction:
        keeps_scale = self.options.mode == "rigid" and not isinstance(self.reference, KnownDistance)
        scale = reconstruction.scale
        if not keeps_scale:
            kind = "metric" if self.options.unit == "metres" else "relative"
            scale = Scale(kind=kind, source=f"aligned to {_told(self.reference)} ({found.fitness:.0%} follow)")
        similarity = found.similarity
        scaled = reconstruction.scaled(similarity.scale, scale)
        return scaled.moved(rigid(_orthogonal(similarity.rotation), similarity.translation))


def _by_distance(scene: Scene, known: KnownDistance) -> Alignment:
    a, b = (_place(scene, place) for place in (known.a, known.b))
    length = float(np.linalg.norm(a - b))
    if length <= 0.0:
        raise AlignmentError(f"{known.a} and {known.b} are one place in the scene: they cannot carry a scale")
    similarity = replace(Sim3.identity(), scale=known.length / length)
    return Alignment(similarity=similarity, fitness=1.0, inlier_rmse=0.0, n_inliers=1, n_pairs=1)


def _place(scene: Scene, place: Place) -> Float64:
    if isinstance(place, int | str):
        return scene.view(place).cam_to_world[:3, 3]
    point = np.asarray(place, dtype=np.float64)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise InputError(f"{place} is no place: wanted a view's number or name, or three coordinates")
    return point


def _poses_by_name(scene: Scene, trajectory: o3d.camera.PinholeCameraTrajectory) -> dict[str, Float64]:
    poses = [pose for _, pose in from_trajectory(trajectory)]
    if len(poses) != len(scene):
        raise InputError(
            f"the trajectory has {len(poses)} entries but {len(scene)} views were placed: give poses by view name instead"
        )
    return dict(zip(scene.names, poses, strict=True))


def _told(reference: Reference) -> str:
    if isinstance(reference, KnownDistance):
        return f"a known distance of {reference.length:g}"
    is_cloud = isinstance(reference, o3d.t.geometry.PointCloud | o3d.geometry.PointCloud)
    return "a reference cloud" if is_cloud else "reference cameras"


def _orthogonal(rotation: Float64) -> Float64:
    """The nearest rotation: products of many steps drift by rounding."""
    u, _, vt = np.linalg.svd(rotation)
    return np.asarray(u @ vt, dtype=np.float64)

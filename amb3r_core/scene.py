"""The scene: cameras, views, dense maps, and the reconstruction that holds them. Numpy only.

Frames, units and pixel origin are those of `amb3r_core.conventions`. Points are never stored beside depth: they are
derived from depth, camera and pose (`Reconstruction.points_world`), so that the three cannot disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from amb3r_core.conventions import invert

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
Floats = Float32 | Float64

ROTATION_TOLERANCE = 1e-5
"""How far R^T R may be from the identity before a pose is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinholeCamera:
    """A camera without distortion: width, height, fx, fy, cx, cy in pixels; (0, 0) is the centre of the top-left pixel."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a camera needs a positive size: {self.width}x{self.height}")
        values = (self.fx, self.fy, self.cx, self.cy)
        if not all(np.isfinite(values)) or self.fx <= 0 or self.fy <= 0:
            raise ValueError(f"a camera needs finite numbers and positive focal lengths: fx, fy, cx, cy = {values}")

    @property
    def K(self) -> Float64:
        """The intrinsic matrix (3, 3): ``z (u, v, 1)^T = K x_cam``."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def project(self, points_cam: Float64) -> Float64:
        """Pixels (..., 2) of camera-frame points (..., 3)."""
        z = points_cam[..., 2]
        u = self.fx * points_cam[..., 0] / z + self.cx
        v = self.fy * points_cam[..., 1] / z + self.cy
        return np.stack([u, v], axis=-1)

    def unproject(self, depth: Floats) -> Float32:
        """Camera-frame points (H, W, 3) float32 of a z-depth map (H, W) of this camera's size; unknown depth gives NaN."""
        if depth.shape != (self.height, self.width):
            raise ValueError(f"depth is {depth.shape} but the camera is (H, W) = ({self.height}, {self.width})")
        z = np.where(depth > 0, depth, np.nan).astype(np.float32)
        x = ((np.arange(self.width) - self.cx) / self.fx).astype(np.float32)
        y = ((np.arange(self.height) - self.cy) / self.fy).astype(np.float32)
        return np.stack([z * x[None, :], z * y[:, None], z], axis=-1)

    def mapped(self, crop: "Crop", width: int, height: int) -> "PinholeCamera":
        """The camera of a (height, width) grid into which this camera's whole image was resized at `crop`."""
        scale_x, scale_y = crop.width / self.width, crop.height / self.height
        return PinholeCamera(
            width=width,
            height=height,
            fx=self.fx * scale_x,
            fy=self.fy * scale_y,
            cx=(self.cx + 0.5) * scale_x + crop.x - 0.5,
            cy=(self.cy + 0.5) * scale_y + crop.y - 0.5,
        )

    def unmapped(self, crop: "Crop", width: int, height: int) -> "PinholeCamera":
        """The camera of the original (height, width) image, given this camera of the grid; undoes `mapped`."""
        scale_x, scale_y = width / crop.width, height / crop.height
        return PinholeCamera(
            width=width,
            height=height,
            fx=self.fx * scale_x,
            fy=self.fy * scale_y,
            cx=(self.cx + 0.5 - crop.x) * scale_x - 0.5,
            cy=(self.cy + 0.5 - crop.y) * scale_y - 0.5,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """Where the whole original image lies inside a dense grid, in whole grid pixels; the rest of the grid is padding."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.x < 0 or self.y < 0 or self.width < 1 or self.height < 1:
            raise ValueError(f"a crop needs a positive size at a non-negative place: {self}")

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices that cut the image out of the grid."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One placed photo or video frame.

    name: unique in the scene, with a suffix, as a path with forward slashes relative to the images folder.
    path: the upright image file, or None when no file holds it. camera: of the ORIGINAL upright image.
    cam_to_world (4, 4) float64. crop: where that image lies in the dense grid. mask_path: image file, 0 = ignore.
    timestamp_s: seconds from the start of the video, None for photos.
    """

    name: str
    camera: PinholeCamera
    cam_to_world: Float64
    crop: Crop
    path: str | None = None
    mask_path: str | None = None
    is_keyframe: bool = True
    timestamp_s: float | None = None

    def __post_init__(self) -> None:
        check_rigid(self.cam_to_world, f"cam_to_world of view {self.name!r}")

    @property
    def world_to_cam(self) -> Float64:
        """The inverse pose (4, 4)."""
        return invert(self.cam_to_world)

    def dense_camera(self, width: int, height: int) -> PinholeCamera:
        """The camera of the dense grid (height, width) this view's depth lives on."""
        return self.camera.mapped(self.crop, width, height)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnregisteredView:
    """A photo or frame that could not be placed, and why."""

    name: str
    reason: str
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """Per-view maps on one common grid; memory maps are welcome.

    depth (N, H, W) float32, z along the optical axis, 0 = unknown. confidence (N, H, W) float32 >= 1, 1 where unknown.
    rgb (N, H, W, 3) uint8.
    """

    depth: Float32
    confidence: Float32
    rgb: UInt8

    def __post_init__(self) -> None:
        shape = self.depth.shape
        if len(shape) != 3 or self.confidence.shape != shape or self.rgb.shape != (*shape, 3):
            raise ValueError(
                f"depth {shape}, confidence {self.confidence.shape} and rgb {self.rgb.shape} "
                "must be (N, H, W), (N, H, W) and (N, H, W, 3)"
            )
        dtypes = (self.depth.dtype, self.confidence.dtype, self.rgb.dtype)
        if dtypes != (np.float32, np.float32, np.uint8):
            raise ValueError(f"depth, confidence and rgb must be float32, float32 and uint8, not {dtypes}")

    @property
    def n_views(self) -> int:
        return self.depth.shape[0]

    @property
    def height(self) -> int:
        return self.depth.shape[1]

    @property
    def width(self) -> int:
        return self.depth.shape[2]

    def weight(self, index: int) -> Float32:
        """Confidence of one view as a weight (H, W) in [0, 1): (c - 1) / c."""
        confidence = self.confidence[index]
        return (confidence - 1.0) / confidence


ScaleKind = Literal["metric", "relative"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Whether lengths are metres, and who says so."""

    kind: ScaleKind
    source: str
    """Where the scale came from, as a sentence part: "two views 0.52 m apart", "model's scale head", "none"."""
    relative_spread: float | None = None
    """Spread of the evidence over its value (one sigma), when there were several measurements."""

    @property
    def is_metric(self) -> bool:
        return self.kind == "metric"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsInfo:
    """Which weights made a reconstruction and under which licence."""

    name: str
    sha256: str
    licence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How a reconstruction was made; carried into every export.

    model: registry name. pipeline: "one_shot", "vo", "sfm". weights: None for a model that needs none.
    config: JSON values only. seconds: wall time per stage.
    """

    model: str
    version: str
    pipeline: str = "one_shot"
    weights: WeightsInfo | None = None
    config: Mapping[str, object] = field(default_factory=dict[str, object])
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    notes: tuple[str, ...] = ()
    """What the user should know: choices made, doubts, what was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSource:
    """The video the views were taken from."""

    path: str
    frames_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    """One scene: placed views, their dense maps, and what is known about scale and origin.

    dense is aligned with views (row i belongs to views[i]) or None when only cameras are known.
    up_world: unit direction (3,) of up in world coordinates, None when unknown.
    """

    views: tuple[View, ...]
    scale: Scale
    provenance: Provenance
    dense: Dense | None = None
    unregistered: tuple[UnregisteredView, ...] = ()
    up_world: tuple[float, float, float] | None = None
    video: VideoSource | None = None

    def __post_init__(self) -> None:
        if self.dense is not None and self.dense.n_views != len(self.views):
            raise ValueError(f"dense has {self.dense.n_views} views but the scene has {len(self.views)}")
        names = [view.name for view in self.views] + [view.name for view in self.unregistered]
        if len(set(names)) != len(names):
            doubled = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"view names must be unique: {', '.join(doubled)}")
        if self.dense is not None:
            for view in self.views:
                self._check_crop(view, self.dense)

    @staticmethod
    def _check_crop(view: View, dense: Dense) -> None:
        crop = view.crop
        if crop.x + crop.width > dense.width or crop.y + crop.height > dense.height:
            raise ValueError(f"crop of view {view.name!r} leaves the dense grid {dense.width}x{dense.height}: {crop}")

    @property
    def n_views(self) -> int:
        return len(self.views)

    @property
    def cam_to_world(self) -> Float64:
        """All poses (N, 4, 4)."""
        return np.array([view.cam_to_world for view in self.views]).reshape(-1, 4, 4)

    def view_index(self, name: str) -> int:
        """The index of the view with this name; `KeyError` when there is none."""
        for index, view in enumerate(self.views):
            if view.name == name:
                return index
        raise KeyError(name)

    def dense_camera(self, index: int) -> PinholeCamera:
        """The camera of view `index` on the dense grid."""
        dense = self._require_dense()
        return self.views[index].dense_camera(dense.width, dense.height)

    def points_world(self, index: int) -> Float32:
        """World points (H, W, 3) float32 of one view's depth; NaN where depth is unknown."""
        dense = self._require_dense()
        points_cam = self.dense_camera(index).unproject(dense.depth[index])
        return transform_points(self.views[index].cam_to_world, points_cam)

    def scaled(self, factor: float, scale: Scale) -> "Reconstruction":
        """The same scene with every length (depth, translations) multiplied by `factor`."""
        if not np.isfinite(factor) or factor <= 0:
            raise ValueError(f"a scale factor must be positive and finite: {factor}")
        views: list[View] = []
        for view in self.views:
            pose = view.cam_to_world.copy()
            pose[:3, 3] *= factor
            views.append(replace(view, cam_to_world=pose))
        dense = self.dense
        if dense is not None:
            dense = replace(dense, depth=(dense.depth * np.float32(factor)))
        return replace(self, views=tuple(views), dense=dense, scale=scale)

    def moved(self, world_from_old: Float64) -> "Reconstruction":
        """The same scene in another world frame: every pose is multiplied by the rigid transform (4, 4) from the left."""
        check_rigid(world_from_old, "world_from_old")
        views = tuple(replace(view, cam_to_world=world_from_old @ view.cam_to_world) for view in self.views)
        up_world = self.up_world
        if up_world is not None:
            x, y, z = (world_from_old[:3, :3] @ np.array(up_world)).tolist()
            up_world = (x, y, z)
        return replace(self, views=views, up_world=up_world)

    def _require_dense(self) -> Dense:
        if self.dense is None:
            raise ValueError("this reconstruction holds cameras only, no dense maps")
        return self.dense


@dataclass(frozen=True, slots=True, kw_only=True)
class PointCloud:
    """Coloured world points: points (M, 3) float32, colors (M, 3) uint8, confidence (M,) float32 >= 1, view_index (M,) int32.

    radius (M,) float32: half the footprint of the pixel each point came from, in the points' unit, and in a thinned cloud
    at least half a voxel.
    """

    points: Float32
    colors: UInt8
    confidence: Float32
    view_index: NDArray[np.int32]
    radius: Float32

    def __post_init__(self) -> None:
        n_points = self.points.shape[0]
        shapes = {
            "points": (self.points.shape, (n_points, 3)),
            "colors": (self.colors.shape, (n_points, 3)),
            "confidence": (self.confidence.shape, (n_points,)),
            "view_index": (self.view_index.shape, (n_points,)),
            "radius": (self.radius.shape, (n_points,)),
        }
        for name, (given, wanted) in shapes.items():
            if given != wanted:
                raise ValueError(f"{name} is {given}, wanted {wanted}")

    def __len__(self) -> int:
        return self.points.shape[0]

    def selected(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> "PointCloud":
        """The cloud of the chosen points, in the chosen order."""
        return PointCloud(
            points=self.points[index],
            colors=self.colors[index],
            confidence=self.confidence[index],
            view_index=self.view_index[index],
            radius=self.radius[index],
        )


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

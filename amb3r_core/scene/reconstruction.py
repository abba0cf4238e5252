"""The scene: views, dense maps, and the reconstruction that holds them.

Frames, units and pixel origin are those of `amb3r_core.scene.conventions`. Points are never stored beside depth: they are
derived from depth, camera and pose (`Reconstruction.points_world`), so that the three cannot disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from amb3r_core.scene.arrays import Float32, Float64, UInt8
from amb3r_core.scene.camera import Camera, Letterbox, PinholeCamera
from amb3r_core.scene.confidence import weight_of_confidence
from amb3r_core.scene.conventions import invert
from amb3r_core.scene.geometry import check_rigid, transform_points
from amb3r_core.scene.lens import STRAIGHT, Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One placed photo or video frame."""

    name: str
    """Unique in the scene, with a suffix, as a path with forward slashes relative to the images folder."""
    camera: PinholeCamera
    """Of the upright image at the ORIGINAL's size, straightened where the lens bends it; what every export shows."""
    cam_to_world: Float64
    """(4, 4) float64."""
    letterbox: Letterbox
    """Where the image lies in the dense grid."""
    lens: Lens = STRAIGHT
    """What bends the original photo, also where `path` is a straightened copy of it."""
    path: str | None = None
    """The upright image file, None when no file holds it."""
    mask_path: str | None = None
    """Image file, 0 = ignore."""
    is_keyframe: bool = True
    timestamp_s: float | None = None
    """Seconds from the start of the video, None for photos."""
    pose_trust: float | None = None
    """The probability that the pose is right, None: not judged; see `amb3r_core.scene.pose_trust`."""

    def __post_init__(self) -> None:
        check_rigid(self.cam_to_world, f"cam_to_world of view {self.name!r}")
        _check_trust(self.pose_trust, f"pose_trust of view {self.name!r}")

    @property
    def world_to_cam(self) -> Float64:
        """The inverse pose (4, 4)."""
        return invert(self.cam_to_world)

    @property
    def original_camera(self) -> Camera:
        """The camera of the original photo, lens and all."""
        return Camera(pinhole=self.camera, lens=self.lens)

    def dense_camera(self, width: int, height: int) -> PinholeCamera:
        """The camera of the dense grid (height, width) this view's depth lives on."""
        return self.camera.mapped(self.letterbox, width, height)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnregisteredView:
    """A photo or frame that could not be placed, and why."""

    name: str
    reason: str
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """Per-view maps on one common grid, of the straightened images; memory maps are welcome."""

    depth: Float32
    """(N, H, W) float32, z along the optical axis, 0 = unknown."""
    confidence: Float32
    """(N, H, W) float32 >= 1, 1 where unknown."""
    rgb: UInt8
    """(N, H, W, 3) uint8."""
    weight_is_probability: bool = False
    """Whether the weight of a depth is the probability that it is right, see `amb3r_core.scene.trust`."""

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
        """Confidence of one view as a weight (H, W) in [0, 1)."""
        return weight_of_confidence(self.confidence[index])


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
    """How a reconstruction was made; carried into every export."""

    model: str
    """Name in the registry."""
    version: str
    """Of this software."""
    pipeline: str = "one-shot"
    """One of "one-shot", "vo" and "sfm"."""
    weights: WeightsInfo | None = None
    """None for a model that needs none."""
    config: Mapping[str, object] = field(default_factory=dict[str, object])
    """JSON values only."""
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    """Wall time per stage."""
    notes: tuple[str, ...] = ()
    """What the user should know: choices made, doubts, what was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSource:
    """The video the views were taken from."""

    path: str
    frames_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    """One scene: placed views, their dense maps, and what is known about scale and origin."""

    views: tuple[View, ...]
    scale: Scale
    provenance: Provenance
    dense: Dense | None = None
    """Row i belongs to views[i]; None when only cameras are known."""
    unregistered: tuple[UnregisteredView, ...] = ()
    up_world: tuple[float, float, float] | None = None
    """Unit direction of up in world coordinates, None when unknown."""
    video: VideoSource | None = None
    pose_trust: float | None = None
    """The probability that the camera path as a whole is right, None: not judged; see `amb3r_core.scene.pose_trust`."""

    def __post_init__(self) -> None:
        _check_trust(self.pose_trust, "pose_trust of the scene")
        if self.dense is not None and self.dense.n_views != len(self.views):
            raise ValueError(f"dense has {self.dense.n_views} views but the scene has {len(self.views)}")
        names = [view.name for view in self.views] + [view.name for view in self.unregistered]
        if len(set(names)) != len(names):
            doubled = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"view names must be unique: {', '.join(doubled)}")
        if self.dense is not None:
            for view in self.views:
                self._check_letterbox(view, self.dense)

    @staticmethod
    def _check_letterbox(view: View, dense: Dense) -> None:
        letterbox = view.letterbox
        if letterbox.x + letterbox.width > dense.width or letterbox.y + letterbox.height > dense.height:
            raise ValueError(f"letterbox of view {view.name!r} leaves the dense grid {dense.width}x{dense.height}: {letterbox}")

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


def _check_trust(trust: float | None, name: str) -> None:
    if trust is not None and not 0.0 <= trust <= 1.0:
        raise ValueError(f"{name} is a probability, 0 to 1: {trust}")

"""The fields of `scene.amb3r`, format version 2: the contract between this software and its hosts.

Pixels count from the corner of the top-left pixel (ours plus a half), K belongs to the original upright image, poses are
camera-to-world with OpenCV axes, times are seconds. Files inside the scene folder are named relative to it with forward
slashes, others by their absolute path.

`format_version` is the MAJOR version alone: it rises when an older reader would misread a file or miss what it needs. Readers
pass over fields they do not know, so that new fields need no new version; a newer major version is refused with one line, which
readers of version 1 do too. Version 2 differs from version 1 in the names of `NAMES_IN_VERSION_1`; both are read.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import hypot
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Literal

import numpy as np

from amb3r_core.scene.geometry import check_rigid
from amb3r_core.scene.lens import N_COEFFICIENTS
from amb3r_core.scene_folder.codec import FieldError, at_least, is_not_empty, is_positive, is_share

FORMAT = "amb3r-scene"
FORMAT_VERSION = 2
NAMES_IN_VERSION_1 = {
    "cam_to_world": "c2w",
    "letterbox": "crop",
    "timestamp_s": "time",
    "is_keyframe": "keyframe",
    "up_world": "up",
    "frames_per_second": "fps",
}
"""What fields were called in the first format, by the name they have now."""

NOT_IN_NAMES = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that break lines or cannot be written: control, surrogate, line and paragraph separator."""
LONGEST_NAME = 255

UP_TOLERANCE = 1e-3
"""How far the length of `up_world` may be from 1."""


def leads_to_a_file(path: str) -> str:
    """A check for paths: no way out of the scene folder but an absolute one."""
    if not path or "\0" in path:
        return "is no path"
    if is_absolute(path):
        return ""
    if "\\" in path or ".." in PurePosixPath(path).parts or PureWindowsPath(path).drive:
        return f"{path} leaves the scene folder or does not use forward slashes"
    return ""


def is_absolute(path: str) -> bool:
    """Whether a path of the document is absolute, on whatever system wrote it."""
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def is_clean_name(name: str) -> str:
    """A check for view names: clean relative paths on one line, as the reading of photos makes them."""
    if any(unicodedata.category(letter) in NOT_IN_NAMES for letter in name):
        return f"{name!r} holds characters that do not belong into a name"
    if "\\" in name or any(part in ("", ".", "..") for part in name.split("/")):
        return f"{name!r} is no name: wanted a relative path with forward slashes, without '.' and '..'"
    if any(len(part.encode("utf-8", "replace")) > LONGEST_NAME for part in name.split("/")):
        return f"is longer than the {LONGEST_NAME} bytes that a file's name can have"
    return ""


Name = Annotated[str, is_not_empty]
ViewName = Annotated[str, is_not_empty, is_clean_name]
StoredPath = Annotated[str, leads_to_a_file]
Count = Annotated[int, at_least(0)]
Size = Annotated[int, at_least(1)]
Probability = Annotated[float, is_share]
Triple = tuple[Decimal, Decimal, Decimal]
PoseRow = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LensRecord:
    """How the original photo bends straight lines; the view's camera and the images inside the scene are straight."""

    model: Name
    """COLMAP's name; a reader passes over a model that it does not know."""
    coefficients: tuple[float, ...]
    """In COLMAP's order, without focal lengths and principal point."""

    def __post_init__(self) -> None:
        wanted = N_COEFFICIENTS.get(self.model, len(self.coefficients))
        if len(self.coefficients) != wanted:
            raise FieldError(f"has {len(self.coefficients)} items, wanted {wanted}", "coefficients")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRecord:
    """One placed photo or video frame."""

    name: ViewName
    image: StoredPath | None
    width: Size
    height: Size
    K: tuple[Triple, Triple, Triple]
    """In pixels counted from the corner, with all the digits it takes to add a half without rounding."""
    cam_to_world: tuple[PoseRow, PoseRow, PoseRow, PoseRow]
    letterbox: tuple[Count, Count, Size, Size]
    """x, y, width and height of the whole image in the dense grid."""
    timestamp_s: float | None
    is_keyframe: bool
    mask: StoredPath | None
    lens: LensRecord | None = None
    """Of the original photo; missing where it is straight."""
    pose_trust: Probability | None = None
    """The probability that the pose is right; missing where it was not judged."""

    def __post_init__(self) -> None:
        (fx, skew, _), (zero, fy, _), last = self.K
        if skew != 0 or zero != 0 or last != (0, 0, 1):
            raise FieldError("wanted [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]", "K")
        if float(fx) <= 0 or float(fy) <= 0:
            raise FieldError(f"focal lengths must be positive, not {fx} and {fy}", "K")
        try:
            check_rigid(np.array(self.cam_to_world), "the pose")
        except ValueError as error:
            raise FieldError(str(error), "cam_to_world") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class UnregisteredRecord:
    """A photo or frame that could not be placed, and why."""

    name: ViewName
    reason: str
    image: StoredPath | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleRecord:
    """Whether lengths are metres, and who says so."""

    kind: Literal["metric", "relative"]
    source: str
    relative_spread: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseRecord:
    """The files of the dense maps (n_views, height, width), and the size of their grid."""

    depth: StoredPath
    confidence: StoredPath
    rgb: StoredPath
    width: Size
    height: Size
    weight_is_probability: bool = False
    """Whether the weight (c - 1) / c of a confidence c is the probability that the depth is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsRecord:
    """The file of the coloured points, and how many it holds."""

    file: StoredPath
    count: Count
    has_confidence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRecord:
    """The video the views were taken from."""

    path: StoredPath
    frames_per_second: Annotated[float, is_positive]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsRecord:
    """Which weights made the scene and under which licence."""

    name: str
    sha256: str
    licence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRecord:
    """How the scene was made."""

    name: str
    version: str
    model: str
    pipeline: str
    weights: WeightsRecord | None
    weights_licence: str | None
    config: Mapping[str, object]
    seconds: Mapping[str, float]
    """Wall time per stage."""
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.weights_licence != (None if self.weights is None else self.weights.licence):
            raise FieldError("disagrees with engine.weights.licence", "weights_licence")


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRecord:
    """The whole document."""

    format: Literal["amb3r-scene"]
    format_version: int
    unit: str
    metric: bool
    scale: ScaleRecord
    frame: Literal["opencv"]
    pixel_origin: Literal["corner"]
    up_world: tuple[float, float, float] | None
    views: tuple[ViewRecord, ...]
    unregistered: tuple[UnregisteredRecord, ...]
    dense: DenseRecord | None
    points: PointsRecord | None
    video: VideoRecord | None
    engine: EngineRecord
    pose_trust: Probability | None = None
    """The probability that the camera path as a whole is right; missing where it was not judged."""

    def __post_init__(self) -> None:
        if self.metric != (self.scale.kind == "metric"):
            raise FieldError(f"disagrees with scale.kind {self.scale.kind!r}", "metric")
        unit = "metre" if self.metric else "unit"
        if self.unit != unit:
            raise FieldError(f"is {self.unit!r}, wanted {unit!r}", "unit")
        if self.up_world is not None and abs(hypot(*self.up_world) - 1.0) > UP_TOLERANCE:
            raise FieldError("is not a direction of length 1", "up_world")
        self._check_names()
        self._check_letterboxes()

    def _check_names(self) -> None:
        seen: set[str] = set()
        for name, steps in self._named():
            if name in seen:
                raise FieldError(f"{name!r} is the name of another view too", *steps)
            seen.add(name)

    def _named(self) -> Iterator[tuple[str, tuple[str | int, ...]]]:
        for index, view in enumerate(self.views):
            yield view.name, ("views", index, "name")
        for index, view in enumerate(self.unregistered):
            yield view.name, ("unregistered", index, "name")

    def _check_letterboxes(self) -> None:
        dense = self.dense
        if dense is None:
            return
        for index, view in enumerate(self.views):
            x, y, width, height = view.letterbox
            if x + width > dense.width or y + height > dense.height:
                raise FieldError(f"leaves the dense grid of {dense.width}x{dense.height}", "views", index, "letterbox")

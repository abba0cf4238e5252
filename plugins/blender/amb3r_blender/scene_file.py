# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads `scene.amb3r`, format versions 1 and 2. Standard library and numpy only.

Every field is checked where it enters: missing and wrong ones raise `SceneFileError` that names them.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .camera_math import Intrinsics
from .scene_text import SceneFileError, Value, parse

SCENE_FILE = "scene.amb3r"
FORMAT = "amb3r-scene"
FORMAT_VERSION = 2
ROTATION_TOLERANCE = 1e-5
UP_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneView:
    """A placed photo or frame. cam_to_world (4, 4), OpenCV axes. crop: x, y, width, height of the photo in the dense grid."""

    name: str
    image: Path | None
    camera: Intrinsics
    cam_to_world: NDArray[np.float64]
    crop: tuple[int, int, int, int]
    time_s: float | None
    is_keyframe: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LostView:
    """A photo that could not be placed, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseMaps:
    """Files of the dense maps: depth and confidence (N, height, width), rgb (N, height, width, 3)."""

    depth: Path
    confidence: Path
    rgb: Path
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsFile:
    path: Path
    count: int
    has_confidence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    path: Path
    fps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What made the scene. weights_licence: None for a model without weights."""

    name: str
    version: str
    model: str
    pipeline: str
    weights_name: str | None
    weights_licence: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFile:
    """A scene as its file tells it. digest: SHA-256 of the file, which says whether two imports saw the same scene."""

    path: Path
    digest: str
    is_metric: bool
    scale_source: str
    scale_spread: float | None
    up: NDArray[np.float64] | None
    views: tuple[SceneView, ...]
    lost: tuple[LostView, ...]
    dense: DenseMaps | None
    points: PointsFile | None
    video: Video | None
    engine: Engine

    @property
    def name(self) -> str:
        """What people call the scene: its folder's name."""
        return self.path.parent.name or self.path.stem

    @property
    def is_timed(self) -> bool:
        """Whether every view has its time, as frames of a video do."""
        return len(self.views) > 1 and all(view.time_s is not None for view in self.views)


def find_scene_file(path: Path) -> Path:
    """The scene file that a folder or a file names."""
    file = path / SCENE_FILE if path.is_dir() else path
    if not file.is_file():
        raise SceneFileError(f"{path}: there is no {SCENE_FILE} here")
    return file.resolve()


def read_scene(path: Path) -> SceneFile:
    """The scene of a folder or of its `scene.amb3r`."""
    file = find_scene_file(path)
    data = file.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SceneFileError(f"{file}: not text in UTF-8: {error}") from error
    return _read_document(parse(text, str(file)), file, hashlib.sha256(data).hexdigest())


def _read_document(root: Value, file: Path, digest: str) -> SceneFile:
    _check_version(root)
    names = ("format", "format_version", "unit", "metric", "scale", "frame", "pixel_origin", "up_world", "views")
    root.fields(*names, "unregistered", "dense", "points", "video", "engine")
    root["frame"].choice("opencv")
    root["pixel_origin"].choice("corner")
    kind = _check_scale(root)
    folder = file.parent
    views = tuple(_read_view(value, folder) for value in root["views"].items())
    lost = tuple(_read_lost(value) for value in root["unregistered"].items())
    _check_names(root)
    spread = root["scale"]["relative_spread"]
    return SceneFile(
        path=file,
        digest=digest,
        is_metric=kind == "metric",
        scale_source=root["scale"]["source"].text(),
        scale_spread=None if spread.is_null else spread.number(),
        up=_read_up(root["up_world"]),
        views=views,
        lost=lost,
        dense=_read_dense(root, views, folder),
        points=_read_points(root["points"], folder),
        video=_read_video(root["video"], folder),
        engine=_read_engine(root["engine"]),
    )


def _check_version(root: Value) -> None:
    given = root.mapping()
    for name in ("format", "format_version"):
        if name not in given:
            Value(None, root.file, name).fail("missing")
    root["format"].choice(FORMAT)
    version = root["format_version"].integer()
    if not 1 <= version <= FORMAT_VERSION:
        root["format_version"].fail(
            f"is {version}, but this extension reads versions 1 to {FORMAT_VERSION}; update the extension"
        )


def _check_scale(root: Value) -> str:
    scale = root["scale"].fields("kind", "source", "relative_spread")
    kind = scale["kind"].choice("metric", "relative")
    if root["metric"].boolean() != (kind == "metric"):
        root["metric"].fail(f"disagrees with scale.kind {kind!r}")
    root["unit"].choice("metre" if kind == "metric" else "unit")
    return kind


def _read_view(value: Value, folder: Path) -> SceneView:
    value.fields("name", "image", "width", "height", "K", "cam_to_world", "letterbox", "timestamp_s", "is_keyframe", "mask")
    x, y, width, height = value["letterbox"].items(4)
    if not value["mask"].is_null:
        value["mask"].path()
    return SceneView(
        name=value["name"].name(),
        image=None if value["image"].is_null else folder / value["image"].path(),
        camera=_read_camera(value),
        cam_to_world=_read_pose(value["cam_to_world"]),
        crop=(x.integer(), y.integer(), width.integer(1), height.integer(1)),
        time_s=None if value["timestamp_s"].is_null else value["timestamp_s"].number(),
        is_keyframe=value["is_keyframe"].boolean(),
    )


def _read_camera(value: Value) -> Intrinsics:
    (fx, skew, cx), (zero, fy, cy), last = value["K"].matrix(3, 3).tolist()
    if skew != 0.0 or zero != 0.0 or last != [0.0, 0.0, 1.0]:
        value["K"].fail("wanted [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]")
    if fx <= 0 or fy <= 0:
        value["K"].fail(f"focal lengths must be positive, not {fx} and {fy}")
    return Intrinsics(width=value["width"].integer(1), height=value["height"].integer(1), fx=fx, fy=fy, cx=cx, cy=cy)


def _read_pose(value: Value) -> NDArray[np.float64]:
    pose = value.matrix(4, 4)
    rotation = pose[:3, :3]
    is_rotation = np.abs(rotation.T @ rotation - np.eye(3)).max() < ROTATION_TOLERANCE and np.linalg.det(rotation) > 0
    if not is_rotation or pose[3].tolist() != [0.0, 0.0, 0.0, 1.0]:
        value.fail("is no rigid transform: its 3x3 part is no rotation or its last row is not 0 0 0 1")
    return pose


def _read_lost(value: Value) -> LostView:
    value.fields("name", "reason", "image")
    if not value["image"].is_null:
        value["image"].path()
    return LostView(name=value["name"].name(), reason=value["reason"].text())


def _check_names(root: Value) -> None:
    seen: set[str] = set()
    for value in [*root["views"].items(), *root["unregistered"].items()]:
        name = value["name"].text()
        if name in seen:
            value["name"].fail(f"{name!r} is the name of another view too")
        seen.add(name)


def _read_up(value: Value) -> NDArray[np.float64] | None:
    if value.is_null:
        return None
    up = np.array([item.number() for item in value.items(3)])
    if abs(float(np.linalg.norm(up)) - 1.0) > UP_TOLERANCE:
        value.fail("is not a direction of length 1")
    return up


def _read_dense(root: Value, views: tuple[SceneView, ...], folder: Path) -> DenseMaps | None:
    value = root["dense"]
    if value.is_null:
        return None
    value.fields("depth", "confidence", "rgb", "width", "height")
    width, height = value["width"].integer(1), value["height"].integer(1)
    for view, place in zip(views, root["views"].items(), strict=True):
        if view.crop[0] + view.crop[2] > width or view.crop[1] + view.crop[3] > height:
            place["letterbox"].fail(f"leaves the dense grid of {width}x{height}")
    files = {name: _own_file(value[name], folder) for name in ("depth", "confidence", "rgb")}
    return DenseMaps(**files, width=width, height=height)


def _read_points(value: Value, folder: Path) -> PointsFile | None:
    if value.is_null:
        return None
    value.fields("file", "count", "has_confidence")
    return PointsFile(
        path=_own_file(value["file"], folder),
        count=value["count"].integer(),
        has_confidence=value["has_confidence"].boolean(),
    )


def _own_file(value: Value, folder: Path) -> Path:
    path = folder / value.path()
    if not path.is_relative_to(folder):
        value.fail(f"{value.text()} leaves the scene folder")
    if not path.is_file():
        value.fail(f"the file {value.text()} is missing")
    return path


def _read_video(value: Value, folder: Path) -> Video | None:
    if value.is_null:
        return None
    value.fields("path", "frames_per_second")
    return Video(path=folder / value["path"].path(), fps=value["frames_per_second"].positive())


def _read_engine(value: Value) -> Engine:
    value.fields("name", "version", "model", "pipeline", "weights", "weights_licence", "config", "seconds", "notes")
    value["config"].mapping()
    for stage in value["seconds"].mapping():
        value["seconds"][stage].number()
    weights, licence = value["weights"], value["weights_licence"]
    if not weights.is_null:
        weights.fields("name", "sha256", "licence", "source")
    of_weights = None if weights.is_null else weights["licence"].text()
    if (None if licence.is_null else licence.text()) != of_weights:
        licence.fail("disagrees with engine.weights.licence")
    return Engine(
        name=value["name"].text(),
        version=value["version"].text(),
        model=value["model"].text(),
        pipeline=value["pipeline"].text(),
        weights_name=None if weights.is_null else weights["name"].text(),
        weights_licence=of_weights,
        notes=tuple(note.text() for note in value["notes"].items()),
    )

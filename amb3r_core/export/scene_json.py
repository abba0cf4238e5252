"""The text of `scene.amb3r`: the contract between this software and its hosts, version 1.

Pixels count from the corner of the top-left pixel (ours plus a half), K belongs to the original upright image, poses are
camera-to-world with OpenCV axes. Files inside the scene folder are named relative to it with forward slashes, others by their
absolute path.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from amb3r_core.export.notes import unit_name
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.camera import Letterbox, PinholeCamera
from amb3r_core.scene.geometry import check_rigid
from amb3r_core.scene.reconstruction import (
    Provenance,
    Reconstruction,
    Scale,
    ScaleKind,
    UnregisteredView,
    VideoSource,
    View,
    WeightsInfo,
)
from amb3r_core.scene_folder.json_text import Node, add_half, subtract_half

FORMAT = "amb3r-scene"
FORMAT_VERSION = 1
DENSE_FILES = {"depth": "dense/depth.npy", "confidence": "dense/confidence.npy", "rgb": "dense/rgb.npy"}
POINTS_FILE = "points.ply"
UP_TOLERANCE = 1e-3
"""How far the length of `up` may be from 1."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseFiles:
    """Where the dense maps lie and how large they are: (n_views, height, width)."""

    depth: Path
    confidence: Path
    rgb: Path
    shape: tuple[int, int, int]
    place: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsFile:
    """Where the point cloud lies and how many points it holds."""

    path: Path
    count: int
    place: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneText:
    """A scene as its text tells it: the reconstruction without its dense maps, and the files that hold the arrays."""

    reconstruction: Reconstruction
    dense: DenseFiles | None
    points: PointsFile | None


def scene_document(reconstruction: Reconstruction, folder: Path, n_points: int | None) -> Json:
    """The document for a scene in `folder`; n_points: of `points.ply`, None when there is none."""
    scale, dense, video = reconstruction.scale, reconstruction.dense, reconstruction.video
    up = reconstruction.up_world
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "unit": unit_name(reconstruction),
        "metric": scale.is_metric,
        "scale": {"kind": scale.kind, "source": scale.source, "relative_spread": _float_or_none(scale.relative_spread)},
        "frame": "opencv",
        "pixel_origin": "corner",
        "up": None if up is None else [float(value) for value in up],
        "views": [_view_document(view, folder) for view in reconstruction.views],
        "unregistered": [
            {"name": view.name, "reason": view.reason, "image": _relative(view.path, folder)}
            for view in reconstruction.unregistered
        ],
        "dense": None if dense is None else {**DENSE_FILES, "width": dense.width, "height": dense.height},
        "points": None if n_points is None else {"file": POINTS_FILE, "count": n_points, "has_confidence": True},
        "video": None if video is None else {"path": _relative(video.path, folder), "fps": float(video.frames_per_second)},
        "engine": _engine_document(reconstruction.provenance),
    }


def _view_document(view: View, folder: Path) -> Json:
    camera, letterbox = view.camera, view.letterbox
    return {
        "name": view.name,
        "image": _relative(view.path, folder),
        "width": int(camera.width),
        "height": int(camera.height),
        "K": [
            [float(camera.fx), 0.0, add_half(camera.cx)],
            [0.0, float(camera.fy), add_half(camera.cy)],
            [0.0, 0.0, 1.0],
        ],
        "c2w": view.cam_to_world.tolist(),
        "crop": [int(letterbox.x), int(letterbox.y), int(letterbox.width), int(letterbox.height)],
        "time": _float_or_none(view.timestamp_s),
        "keyframe": bool(view.is_keyframe),
        "mask": _relative(view.mask_path, folder),
    }


def _engine_document(provenance: Provenance) -> Json:
    weights = provenance.weights
    return {
        "name": "amb3r",
        "version": provenance.version,
        "model": provenance.model,
        "pipeline": provenance.pipeline,
        "weights": None
        if weights is None
        else {"name": weights.name, "sha256": weights.sha256, "licence": weights.licence, "source": weights.source},
        "weights_licence": None if weights is None else weights.licence,
        "config": dict(provenance.config),
        "seconds": {stage: float(seconds) for stage, seconds in provenance.seconds.items()},
        "notes": list(provenance.notes),
    }


def _float_or_none(value: float | None) -> float | None:
    return None if value is None else float(value)


def _relative(path: str | None, folder: Path) -> str | None:
    """The path as the document names it."""
    if path is None:
        return None
    absolute = Path(os.path.abspath(path))
    inside = Path(os.path.abspath(folder))
    return (absolute.relative_to(inside) if absolute.is_relative_to(inside) else absolute).as_posix()


def read_scene_document(root: Node, folder: Path) -> SceneText:
    """The scene a document describes; `FormatError` names the field that is missing, unknown or wrong."""
    _check_version(root)
    names = ("format", "format_version", "unit", "metric", "scale", "frame", "pixel_origin", "up", "views")
    fields = root.fields(*names, "unregistered", "dense", "points", "video", "engine")
    _one_of(fields["frame"], "opencv")
    _one_of(fields["pixel_origin"], "corner")
    scale = _read_scale(fields)
    views = tuple(_read_view(node, folder) for node in fields["views"].items())
    unregistered = tuple(_read_unregistered(node, folder) for node in fields["unregistered"].items())
    _check_unique_names(fields)
    dense = _read_dense(fields["dense"], folder, fields["views"], views)
    reconstruction = Reconstruction(
        views=views,
        scale=scale,
        provenance=_read_engine(fields["engine"]),
        unregistered=unregistered,
        up_world=_read_up(fields["up"]),
        video=_read_video(fields["video"], folder),
    )
    return SceneText(reconstruction=reconstruction, dense=dense, points=_read_points(fields["points"], folder))


def _check_version(root: Node) -> None:
    fields = root.mapping()
    for name in ("format", "format_version"):
        if name not in fields:
            Node(None, root.file, name).fail("missing")
    _one_of(fields["format"], FORMAT)
    version = fields["format_version"].integer()
    if version != FORMAT_VERSION:
        fields["format_version"].fail(f"is {version}, but this software reads version {FORMAT_VERSION}; update amb3r")


def _one_of(node: Node, *choices: str) -> str:
    value = node.text()
    if value not in choices:
        node.fail(f"is {value!r}, wanted {' or '.join(repr(choice) for choice in choices)}")
    return value


def _read_scale(fields: Mapping[str, Node]) -> Scale:
    scale = fields["scale"].fields("kind", "source", "relative_spread")
    kind: ScaleKind = "metric" if _one_of(scale["kind"], "metric", "relative") == "metric" else "relative"
    if fields["metric"].boolean() != (kind == "metric"):
        fields["metric"].fail(f"disagrees with scale.kind {kind!r}")
    _one_of(fields["unit"], "metre" if kind == "metric" else "unit")
    spread = scale["relative_spread"].optional()
    return Scale(kind=kind, source=scale["source"].text(), relative_spread=spread and spread.number())


def _read_view(node: Node, folder: Path) -> View:
    fields = node.fields("name", "image", "width", "height", "K", "c2w", "crop", "time", "keyframe", "mask")
    time = fields["time"].optional()
    return View(
        name=_read_name(fields["name"]),
        camera=_read_camera(fields),
        cam_to_world=_read_pose(fields["c2w"]),
        letterbox=_read_letterbox(fields["crop"]),
        path=_read_file(fields["image"], folder),
        mask_path=_read_file(fields["mask"], folder),
        is_keyframe=fields["keyframe"].boolean(),
        timestamp_s=None if time is None else time.number(),
    )


def _read_name(node: Node) -> str:
    name = node.text()
    if not name:
        node.fail("is empty")
    return name


def _read_camera(fields: Mapping[str, Node]) -> PinholeCamera:
    rows = [row.items(3) for row in fields["K"].items(3)]
    numbers = [[cell.number() for cell in row] for row in rows]
    (fx, skew, _), (zero, fy, _), last = numbers
    if skew != 0.0 or zero != 0.0 or last != [0.0, 0.0, 1.0]:
        fields["K"].fail("wanted [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]")
    if fx <= 0 or fy <= 0:
        fields["K"].fail(f"focal lengths must be positive, not {fx} and {fy}")
    return PinholeCamera(
        width=fields["width"].integer(1),
        height=fields["height"].integer(1),
        fx=fx,
        fy=fy,
        cx=subtract_half(rows[0][2].decimal()),
        cy=subtract_half(rows[1][2].decimal()),
    )


def _read_pose(node: Node) -> Float64:
    pose = node.matrix(4, 4)
    try:
        check_rigid(pose, "the pose")
    except ValueError as error:
        node.fail(str(error))
    return pose


def _read_letterbox(node: Node) -> Letterbox:
    x, y, width, height = node.items(4)
    return Letterbox(x=x.integer(), y=y.integer(), width=width.integer(1), height=height.integer(1))


def _read_unregistered(node: Node, folder: Path) -> UnregisteredView:
    fields = node.fields("name", "reason", "image")
    return UnregisteredView(
        name=_read_name(fields["name"]), reason=fields["reason"].text(), path=_read_file(fields["image"], folder)
    )


def _check_unique_names(fields: Mapping[str, Node]) -> None:
    seen: set[str] = set()
    for node in [*fields["views"].items(), *fields["unregistered"].items()]:
        name = node.mapping()["name"]
        if name.text() in seen:
            name.fail(f"{name.text()!r} is the name of another view too")
        seen.add(name.text())


def _read_up(node: Node) -> tuple[float, float, float] | None:
    if node.is_null:
        return None
    x, y, z = (item.number() for item in node.items(3))
    if abs(np.hypot(np.hypot(x, y), z) - 1.0) > UP_TOLERANCE:
        node.fail("is not a direction of length 1")
    return x, y, z


def _read_dense(node: Node, folder: Path, views_node: Node, views: tuple[View, ...]) -> DenseFiles | None:
    if node.is_null:
        return None
    fields = node.fields("depth", "confidence", "rgb", "width", "height")
    width, height = fields["width"].integer(1), fields["height"].integer(1)
    for view, view_node in zip(views, views_node.items(), strict=True):
        letterbox = view.letterbox
        if letterbox.x + letterbox.width > width or letterbox.y + letterbox.height > height:
            view_node.mapping()["crop"].fail(f"leaves the dense grid of {width}x{height}")
    return DenseFiles(
        depth=_read_inside(fields["depth"], folder),
        confidence=_read_inside(fields["confidence"], folder),
        rgb=_read_inside(fields["rgb"], folder),
        shape=(len(views), height, width),
        place=node,
    )


def _read_points(node: Node, folder: Path) -> PointsFile | None:
    if node.is_null:
        return None
    fields = node.fields("file", "count", "has_confidence")
    fields["has_confidence"].boolean()
    return PointsFile(path=_read_inside(fields["file"], folder), count=fields["count"].integer(), place=fields["count"])


def _read_video(node: Node, folder: Path) -> VideoSource | None:
    if node.is_null:
        return None
    fields = node.fields("path", "fps")
    if fields["fps"].number() <= 0:
        fields["fps"].fail("must be positive")
    path = _read_path(fields["path"], folder)
    return VideoSource(path=str(path), frames_per_second=fields["fps"].number())


def _read_engine(node: Node) -> Provenance:
    fields = node.fields("name", "version", "model", "pipeline", "weights", "weights_licence", "config", "seconds", "notes")
    fields["name"].text()
    weights = _read_weights(fields["weights"])
    licence = fields["weights_licence"].optional()
    if (None if licence is None else licence.text()) != (None if weights is None else weights.licence):
        fields["weights_licence"].fail("disagrees with engine.weights.licence")
    return Provenance(
        model=fields["model"].text(),
        version=fields["version"].text(),
        pipeline=fields["pipeline"].text(),
        weights=weights,
        config={name: value.plain() for name, value in fields["config"].mapping().items()},
        seconds={stage: value.number() for stage, value in fields["seconds"].mapping().items()},
        notes=tuple(note.text() for note in fields["notes"].items()),
    )


def _read_weights(node: Node) -> WeightsInfo | None:
    if node.is_null:
        return None
    fields = {name: field.text() for name, field in node.fields("name", "sha256", "licence", "source").items()}
    return WeightsInfo(**fields)


def _read_file(node: Node, folder: Path) -> str | None:
    """A photo or mask: inside the folder it must be there, elsewhere it may have been moved."""
    if node.is_null:
        return None
    path = _read_path(node, folder)
    if path.is_relative_to(folder) and not path.is_file():
        node.fail(f"the file {node.text()} is missing")
    return str(path)


def _read_inside(node: Node, folder: Path) -> Path:
    """A file of the scene itself."""
    path = _read_path(node, folder)
    if not path.is_relative_to(folder):
        node.fail(f"{node.text()} leaves the scene folder")
    if not path.is_file():
        node.fail(f"the file {node.text()} is missing")
    return path


def _read_path(node: Node, folder: Path) -> Path:
    text = node.text()
    if not text or "\0" in text:
        node.fail("is no path")
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute():
        return Path(text)
    if "\\" in text or ".." in PurePosixPath(text).parts or PureWindowsPath(text).drive:
        node.fail(f"{text} leaves the scene folder or does not use forward slashes")
    return folder / text

"""Cameras and poses the user already knows, read from the files people have."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from amb3r_core.errors import FormatError, InputError
from amb3r_core.inputs.images import Frame, FrameList
from amb3r_core.options import FocalAndCentre
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.conventions import CORNER_MINUS_CENTER, invert, opencv_to_opengl, rigid, rotation_from_quaternion

SHAPE_TOLERANCE = 0.01
"""Relative difference of aspect ratios up to which a camera of another size is scaled to a photo."""


Camera = tuple[float, ...]
"""fx, fy, cx, cy, width, height in pixels, (0, 0) the centre of the top-left pixel; size 0: of the photo's own size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCameras:
    """The cameras that the user knows."""

    by_name: Mapping[str, Camera]
    """By image name."""
    shared: Camera | None = None
    """Serves every image that is not named."""


def read_cameras(known: FocalAndCentre | Path) -> KnownCameras:
    """The cameras of four numbers or of a file (JSON, transforms.json, or COLMAP's cameras.txt).

    Four numbers and plain JSON count pixels from the centre of the top-left pixel (OpenCV), unless the JSON says
    "pixel_origin": "corner"; transforms.json and COLMAP count from its corner. Raises `InputError` and `FormatError`.
    """
    if isinstance(known, FocalAndCentre):
        return KnownCameras(by_name={}, shared=(known.fx, known.fy, known.cx, known.cy, 0.0, 0.0))
    if not known.is_file():
        raise InputError(f'`intrinsics="{known}"`: neither a file nor four numbers fx,fy,cx,cy', option="intrinsics")
    with _as_format_errors(known):
        return _cameras_from_file(known)


def _cameras_from_file(path: Path) -> KnownCameras:
    if path.name == "cameras.txt":
        return _cameras_from_colmap(path)
    if path.suffix.lower() != ".json":
        raise InputError(f"{path}: cameras are read from .json or COLMAP's cameras.txt")
    data = _read_json(path)
    if "frames" in data:
        cameras = {_stem_name(frame["file_path"]): _transforms_camera(data, frame, path) for frame in data["frames"]}
        return KnownCameras(by_name={name: camera for name, camera in cameras.items() if camera})
    by_name = {name: _json_camera(entry, data, path) for name, entry in dict(data.get("per_image", {})).items()}
    shared = _json_camera(data, data, path) if "fx" in data else None
    if shared is None and not by_name:
        raise FormatError(f"{path}: no cameras in it; wanted fx, fy, cx, cy, or per_image")
    return KnownCameras(by_name=by_name, shared=shared)


def _json_camera(entry: Mapping[str, Any], whole: Mapping[str, Any], path: Path) -> Camera:
    origin = entry.get("pixel_origin", whole.get("pixel_origin", "center"))
    if origin not in ("center", "corner"):
        raise FormatError(f'{path}: pixel_origin is {origin!r}, wanted "center" or "corner"')
    shift = CORNER_MINUS_CENTER if origin == "corner" else 0.0
    try:
        values = [float(entry[key]) for key in ("fx", "fy", "cx", "cy")]
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: fx, fy, cx, cy must be numbers: {error}") from error
    size = float(entry.get("width", whole.get("width", 0))), float(entry.get("height", whole.get("height", 0)))
    return (values[0], values[1], values[2] - shift, values[3] - shift, *size)


def _transforms_camera(data: Mapping[str, Any], frame: Mapping[str, Any], path: Path) -> Camera | None:
    def value(key: str, otherwise: float = 0.0) -> float:
        return float(frame.get(key, data.get(key, otherwise)))

    if value("fl_x") == 0.0:
        return None
    bent = [key for key in ("k1", "k2", "k3", "k4", "p1", "p2") if value(key) != 0.0]
    if bent:
        raise InputError(f"{path}: lens distortion ({', '.join(bent)}) is not a pinhole camera; undistort the images first")
    width, height = value("w"), value("h")
    cx, cy = value("cx", width / 2), value("cy", height / 2)
    return (value("fl_x"), value("fl_y", value("fl_x")), cx - CORNER_MINUS_CENTER, cy - CORNER_MINUS_CENTER, width, height)


def _cameras_from_colmap(path: Path) -> KnownCameras:
    cameras: dict[str, Camera] = {}
    for words in filter(None, _colmap_lines(path)):
        model, width, height = words[1], float(words[2]), float(words[3])
        values = [float(word) for word in words[4:]]
        if model == "SIMPLE_PINHOLE":
            values = [values[0], *values]
        elif model != "PINHOLE":
            raise InputError(f"{path}: camera model {model} is not a pinhole; undistort the images first")
        fx, fy, cx, cy = values
        cameras[words[0]] = (fx, fy, cx - CORNER_MINUS_CENTER, cy - CORNER_MINUS_CENTER, width, height)
    images = path.with_name("images.txt")
    if len(cameras) == 1:
        return KnownCameras(by_name={}, shared=next(iter(cameras.values())))
    if not images.is_file():
        raise InputError(f"{path}: {len(cameras)} cameras but no images.txt beside it that says whose they are")
    return KnownCameras(by_name={_stem_name(words[9]): cameras[words[8]] for words in _colmap_lines(images)[::2] if words})


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPoses:
    """Camera-to-world poses (4, 4) of a file."""

    path: Path
    by_name: Mapping[str, Float64]
    """By the photo's name without folder and suffix."""
    by_time: Sequence[tuple[float, Float64]]
    """By timestamp in seconds; what a TUM trajectory has instead of names."""

    def matched(self, frames: Sequence[Frame]) -> dict[str, Float64]:
        """The poses by frame name; `InputError` when none match.

        Timestamps are compared with those of video frames, else with the photo's index in natural order.
        """
        poses = _match_times(self.by_time, frames) if self.by_time else _match_names(self.by_name, frames)
        if not poses:
            raise InputError(f"{self.path}: none of its poses belongs to one of the {len(frames)} images")
        return poses


def read_poses(path: Path, *, option: str) -> KnownPoses:
    """The poses of a TUM trajectory, transforms.json or COLMAP's images.txt, that `option` asks for.

    Raises `InputError` when there is no such file, and `FormatError`.
    """
    if not path.is_file():
        raise InputError(f"{path}: the poses file does not exist", option=option)
    with _as_format_errors(path):
        by_name: Mapping[str, Float64] = {}
        by_time: Sequence[tuple[float, Float64]] = []
        if path.suffix.lower() == ".json":
            by_name = _poses_from_transforms(path)
        elif path.name == "images.txt":
            by_name = _poses_from_colmap(path)
        else:
            by_time = _poses_from_tum(path)
    if not by_name and not by_time:
        raise FormatError(f"{path}: no poses in it", option=option)
    return KnownPoses(path=path, by_name=by_name, by_time=by_time)


@contextmanager
def _as_format_errors(path: Path) -> Generator[None]:
    """Turns what a file of another form makes of our readers into one `FormatError`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, np.linalg.LinAlgError) as error:
        raise FormatError(f"{path}: not of the form that its name says ({type(error).__name__}: {error})") from error


def with_known(
    frames: FrameList, *, cameras: KnownCameras | None = None, poses: Mapping[str, Float64] | None = None
) -> FrameList:
    """The same frames with their known cameras and poses attached."""
    changed: list[Frame] = []
    for frame in frames:
        camera = _camera_of(frame, cameras) if cameras else frame.camera
        pose = poses.get(frame.name, frame.cam_to_world) if poses else frame.cam_to_world
        changed.append(replace(frame, camera=camera, cam_to_world=pose))
    return FrameList(tuple(changed), frames.is_ordered)


def _camera_of(frame: Frame, cameras: KnownCameras) -> PinholeCamera | None:
    values = cameras.by_name.get(frame.name) or cameras.by_name.get(_stem_name(frame.name)) or cameras.shared
    if values is None:
        return None
    fx, fy, cx, cy, width, height = values
    width, height = width or frame.width, height or frame.height
    if abs((frame.width / width) / (frame.height / height) - 1.0) > SHAPE_TOLERANCE:
        raise InputError(
            f"the known camera of {frame.name} is {width:g}x{height:g} but the photo is {frame.width}x{frame.height}"
        )
    known = PinholeCamera(width=round(width), height=round(height), fx=fx, fy=fy, cx=cx, cy=cy)
    return known.resized(frame.width, frame.height)


def _poses_from_tum(path: Path) -> list[tuple[float, Float64]]:
    poses: list[tuple[float, Float64]] = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            time_s, x, y, z, qx, qy, qz, qw = (float(word) for word in words)
            poses.append((time_s, rigid(rotation_from_quaternion(np.array([qw, qx, qy, qz])), np.array([x, y, z]))))
        except ValueError as error:
            raise FormatError(f"{path}:{number}: wanted 'timestamp tx ty tz qx qy qz qw': {error}") from error
    return poses


def _poses_from_transforms(path: Path) -> dict[str, Float64]:
    data = _read_json(path)
    poses: dict[str, Float64] = {}
    for index, frame in enumerate(data.get("frames", [])):
        matrix = np.array(frame.get("transform_matrix"), dtype=np.float64)
        if matrix.shape not in ((4, 4), (3, 4)):
            raise FormatError(f"{path}: frames[{index}].transform_matrix is {matrix.shape}, wanted (4, 4)")
        poses[_stem_name(frame["file_path"])] = opencv_to_opengl(rigid(_nearest_rotation(matrix[:3, :3]), matrix[:3, 3]))
    return poses


def _poses_from_colmap(path: Path) -> dict[str, Float64]:
    poses: dict[str, Float64] = {}
    for words in filter(None, _colmap_lines(path)[::2]):
        quaternion, translation = np.array(words[1:5], dtype=np.float64), np.array(words[5:8], dtype=np.float64)
        poses[_stem_name(words[9])] = invert(rigid(rotation_from_quaternion(quaternion), translation))
    return poses


def _match_names(poses: Mapping[str, Float64], frames: Sequence[Frame]) -> dict[str, Float64]:
    return {frame.name: poses[_stem_name(frame.name)] for frame in frames if _stem_name(frame.name) in poses}


def _match_times(poses: Sequence[tuple[float, Float64]], frames: Sequence[Frame]) -> dict[str, Float64]:
    times = [index if frame.timestamp_s is None else frame.timestamp_s for index, frame in enumerate(frames)]
    gaps = np.diff(sorted(times))
    tolerance = 0.5 * float(gaps.min()) if len(gaps) else 0.5
    matched: dict[str, Float64] = {}
    for frame, time_s in zip(frames, times, strict=True):
        nearest = min(poses, key=lambda pose: abs(pose[0] - time_s), default=None)
        if nearest is not None and abs(nearest[0] - time_s) < tolerance:
            matched[frame.name] = nearest[1]
    return matched


def _nearest_rotation(matrix: Float64) -> Float64:
    """The rotation nearest to a matrix that printing has rounded."""
    u, _, vt = np.linalg.svd(matrix)
    return np.asarray(u @ vt, dtype=np.float64)


def _stem_name(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem


def _colmap_lines(path: Path) -> list[list[str]]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return [line.split() for line in lines]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(data, dict):
        raise FormatError(f"{path}: wanted a JSON object")
    return data  # pyright: ignore[reportUnknownVariableType] - JSON keys are strings

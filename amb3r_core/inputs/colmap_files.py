"""COLMAP's models: a `sparse/0` folder, or single `images` and `cameras` files, as text or binary."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

import numpy as np

from amb3r_core.errors import FormatError, InputError
from amb3r_core.inputs.camera_values import FileCamera, camera_of_colmap
from amb3r_core.inputs.pose_values import FilePose, pose_of_matrix, pose_of_quaternion
from amb3r_core.inputs.text_files import read_text
from amb3r_core.optional import require
from amb3r_core.scene.conventions import invert

if TYPE_CHECKING:
    import pycolmap

MODEL_FILES = ("cameras", "images", "points3D", "rigs", "frames")
NO_POINTS = (0).to_bytes(8, "little")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColmapModel:
    """What a model says of photos: poses, and whose camera is whose."""

    poses: tuple[FilePose, ...]
    cameras: tuple[FileCamera, ...]


def find_model(path: Path) -> Path | None:
    """The folder of a COLMAP model at or below `path` (itself, `0`, `sparse`, `sparse/0`, `colmap/sparse/0`), if there is one."""
    for below in (".", "0", "sparse", "sparse/0", "colmap/sparse/0"):
        folder = path / below
        if any((folder / f"images{suffix}").is_file() for suffix in (".bin", ".txt")):
            return folder
    return None


def read_model(path: Path) -> ColmapModel:
    """The model in a folder, or of one of its files. Raises `InputError` and `FormatError`."""
    folder = path if path.is_dir() else path.parent
    suffix = path.suffix.lower() if path.is_file() else ".bin" if (folder / "images.bin").is_file() else ".txt"
    return _read_binary(folder) if suffix == ".bin" else _read_text(folder)


def read_shared_cameras(path: Path) -> tuple[FileCamera, ...]:
    """The cameras of a `cameras.txt` that has no images beside it: the one that all photos share, if there is but one."""
    cameras = _text_cameras(path)
    if len(cameras) > 1:
        raise InputError(f"{path}: {len(cameras)} cameras but no images file beside it that says whose they are")
    return tuple(cameras.values())


def _read_binary(folder: Path) -> ColmapModel:
    """Through pycolmap, which reads older models too; one without points or rigs gets empty ones."""
    for needed in ("cameras", "images"):
        if not (folder / f"{needed}.bin").is_file():
            raise InputError(f"{folder}: {needed}.bin is missing beside the rest of the model")
    library: Any = require("pycolmap", extra="", purpose="to read binary COLMAP models")
    with tempfile.TemporaryDirectory(prefix="amb3r-model-") as name:
        copy = Path(name)
        for stem in MODEL_FILES:
            source = folder / f"{stem}.bin"
            if source.is_file() and stem != "points3D":
                copyfile(source, copy / source.name)
        (copy / "points3D.bin").write_bytes(NO_POINTS)
        try:
            model = library.Reconstruction(copy)
        except (RuntimeError, ValueError, IndexError, MemoryError) as error:
            raise FormatError(f"{folder}: not a COLMAP model that can be read ({_first_line(error)})") from error
    return _of_pycolmap(model, folder)


def _of_pycolmap(model: "pycolmap.Reconstruction", folder: Path) -> ColmapModel:
    poses: list[FilePose] = []
    cameras: list[FileCamera] = []
    for image_id in sorted(model.images):
        image = model.image(image_id)
        place = f"{folder}: image {image.name}"
        camera = model.camera(image.camera_id)
        values = [float(value) for value in camera.params]
        cameras.append(camera_of_colmap(camera.model.name, camera.width, camera.height, values, place, name=image.name))
        if image.has_pose:
            matrix = np.asarray(image.cam_from_world().matrix(), dtype=np.float64).tolist()
            poses.append(FilePose(cam_to_world=invert(pose_of_matrix(matrix, place)), name=image.name))
    return ColmapModel(poses=tuple(poses), cameras=tuple(cameras))


def _read_text(folder: Path) -> ColmapModel:
    images = _text_images(folder / "images.txt")
    poses: list[FilePose] = []
    for line in images:
        pose = pose_of_quaternion(line.wxyz, line.translation, line.place)
        poses.append(FilePose(cam_to_world=invert(pose), name=line.name))
    file = folder / "cameras.txt"
    if not file.is_file():
        return ColmapModel(poses=tuple(poses), cameras=())
    cameras = _text_cameras(file)
    missing = sorted({line.camera_id for line in images} - set(cameras))
    if missing:
        raise FormatError(f"{file}: camera {missing[0]}, which {folder / 'images.txt'} names, is missing")
    named = [cameras[line.camera_id].named(line.name) for line in images]
    return ColmapModel(poses=tuple(poses), cameras=tuple(named))


@dataclass(frozen=True, slots=True, kw_only=True)
class _ImageLine:
    wxyz: tuple[float, ...]
    translation: tuple[float, ...]
    camera_id: str
    name: str
    """The rest of the line: names may hold spaces."""
    place: str


def _text_images(path: Path) -> list[_ImageLine]:
    """The images of a text model, whether the line of points after each is there, empty, or left out."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    lines = [(number, line.strip()) for number, line in enumerate(read_text(path).splitlines(), start=1)]
    found: list[_ImageLine] = []
    for number, line in lines:
        if not line or line.startswith("#") or _is_points_line(line):
            continue
        found.append(_image_line(line, f"{path}:{number}"))
    return found


def _is_points_line(line: str) -> bool:
    """Whether a line holds triples `x y point3D_id`; the line of an image ends in a name instead."""
    words = line.split()
    if len(words) % 3:
        return False
    return all(_is_number(word) for word in words) and all(_is_integer(word) for word in words[2::3])


def _image_line(line: str, place: str) -> _ImageLine:
    words = line.split(maxsplit=9)
    if len(words) < 10 or not all(_is_number(word) for word in words[:8]):
        raise FormatError(f"{place}: wanted 'IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME', got {line[:60]!r}")
    values = tuple(float(word) for word in words[1:8])
    return _ImageLine(wxyz=values[:4], translation=values[4:], camera_id=words[8], name=words[9], place=place)


def _text_cameras(path: Path) -> dict[str, FileCamera]:
    cameras: dict[str, FileCamera] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        place = f"{path}:{number}"
        if len(words) < 5 or not all(_is_number(word) for word in words[2:]):
            raise FormatError(f"{place}: wanted 'CAMERA_ID MODEL WIDTH HEIGHT PARAMS...', got {line[:60]!r}")
        width, height, *params = (float(word) for word in words[2:])
        cameras[words[0]] = camera_of_colmap(words[1], width, height, params, place)
    if not cameras:
        raise FormatError(f"{path}: no cameras in it")
    return cameras


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_integer(word: str) -> bool:
    return word.lstrip("+-").isdecimal()


def _first_line(error: BaseException) -> str:
    lines: Sequence[str] = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__

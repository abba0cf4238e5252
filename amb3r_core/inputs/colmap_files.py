"""COLMAP's models: a `sparse/0` folder, or single `images` and `cameras` files, as text or binary."""

from dataclasses import dataclass
from pathlib import Path

from amb3r_core.errors import FormatError, InputError
from amb3r_core.inputs.camera_values import FileCamera, camera_of_colmap
from amb3r_core.inputs.colmap_binary import read_binary_cameras, read_binary_images
from amb3r_core.inputs.names import shown
from amb3r_core.inputs.pose_values import FilePose, pose_of_quaternion
from amb3r_core.inputs.text_files import read_text
from amb3r_core.scene.conventions import invert


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
    for needed in ("cameras", "images"):
        if not (folder / f"{needed}.bin").is_file():
            raise InputError(f"{folder}: {needed}.bin is missing beside the rest of the model")
    cameras = read_binary_cameras(folder / "cameras.bin")
    poses: list[FilePose] = []
    named: list[FileCamera] = []
    for image in read_binary_images(folder / "images.bin"):
        place = f"{folder}: image {shown(Path(image.name))}"
        if image.camera_id not in cameras:
            raise FormatError(f"{place}: its camera {image.camera_id} is missing in cameras.bin")
        poses.append(FilePose(cam_to_world=invert(pose_of_quaternion(image.wxyz, image.translation, place)), name=image.name))
        named.append(cameras[image.camera_id].named(image.name))
    return ColmapModel(poses=tuple(poses), cameras=tuple(named))


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

"""COLMAP's binary files of cameras and images, read field by field.

Not through pycolmap: its reader believes every count in a file, and on a damaged one counts for hours or takes the process down.
The pose of an image is whole in `images.bin`, also where the model has rigs and frames beside it.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from amb3r_core.errors import FormatError
from amb3r_core.inputs.camera_values import FileCamera, camera_of_colmap, count_params

MODELS: tuple[str, ...] = (
    "SIMPLE_PINHOLE",
    "PINHOLE",
    "SIMPLE_RADIAL",
    "RADIAL",
    "OPENCV",
    "OPENCV_FISHEYE",
    "FULL_OPENCV",
    "FOV",
    "SIMPLE_RADIAL_FISHEYE",
    "RADIAL_FISHEYE",
    "THIN_PRISM_FISHEYE",
)
"""COLMAP's camera models by their numbers in a file; later ones are none that can be straightened here."""
MAX_NAME_BYTES = 4096
_POINT_BYTES = 24
"""x, y and the id of a 3D point, for each keypoint of an image."""
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryImage:
    """One image of `images.bin`."""

    image_id: int
    camera_id: int
    name: str
    wxyz: tuple[float, ...]
    translation: tuple[float, ...]
    """World to camera."""


def read_binary_cameras(path: Path) -> dict[int, FileCamera]:
    """The cameras of a `cameras.bin` by id. Raises `FormatError`, and `InputError` for a model that is not known here."""
    return dict(_read_all(path, _camera))


def read_binary_images(path: Path) -> list[BinaryImage]:
    """The images of an `images.bin` by their numbers. Raises `FormatError`."""
    return sorted(_read_all(path, _image), key=lambda image: image.image_id)


class _Bytes:
    """The bytes of a file, taken from the front."""

    def __init__(self, path: Path) -> None:
        self.path, self._data, self._at = path, path.read_bytes(), 0

    def take(self, layout: str) -> tuple[Any, ...]:
        """The next values, little-endian; `FormatError` where the file ends before."""
        start, self._at = self._at, self._at + struct.calcsize(f"<{layout}")
        if self._at > len(self._data):
            raise FormatError(f"{self.path}: cut short: it ends at byte {len(self._data)}, {self._at} are promised")
        return struct.unpack_from(f"<{layout}", self._data, start)

    def text(self) -> str:
        """The text up to the next zero byte."""
        end = self._data.find(b"\0", self._at, self._at + MAX_NAME_BYTES)
        if end < 0:
            raise FormatError(f"{self.path}: the name at byte {self._at} has no end")
        start, self._at = self._at, end + 1
        return self._data[start:end].decode("utf-8", "replace")

    def skip(self, n_bytes: int) -> None:
        self._at += n_bytes
        if self._at > len(self._data):
            raise FormatError(f"{self.path}: cut short: it ends at byte {len(self._data)}, {self._at} are promised")


def _read_all(path: Path, read: Callable[[_Bytes], Item]) -> list[Item]:
    data = _Bytes(path)
    (count,) = data.take("Q")
    items: list[Item] = []
    while len(items) < count:  # each takes bytes, so that a count without end stops at the end of the file
        items.append(read(data))
    return items


def _camera(data: _Bytes) -> tuple[int, FileCamera]:
    camera_id, model_id, width, height = cast(tuple[int, ...], data.take("IiQQ"))
    place = f"{data.path}: camera {camera_id}"
    if not 0 <= model_id < len(MODELS):
        raise FormatError(f"{place}: camera model {model_id} is not known here")
    model = MODELS[model_id]
    return camera_id, camera_of_colmap(model, width, height, data.take(f"{count_params(model, place)}d"), place)


def _image(data: _Bytes) -> BinaryImage:
    image_id, *pose, camera_id = data.take("I7dI")
    name = data.text()
    (n_points,) = data.take("Q")
    data.skip(n_points * _POINT_BYTES)
    return BinaryImage(image_id=image_id, camera_id=camera_id, name=name, wxyz=tuple(pose[:4]), translation=tuple(pose[4:]))

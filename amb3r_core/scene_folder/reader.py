"""Reads a scene folder: cameras and everything else at once, dense maps and points when they are asked for."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import FormatError, InputError
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.reconstruction import Dense, Reconstruction
from amb3r_core.scene_folder.codec import FieldError, decode
from amb3r_core.scene_folder.document import SCENE_FILE, MissingPhotos, own_file, reconstruction_of
from amb3r_core.scene_folder.json_text import Node, parse_json
from amb3r_core.scene_folder.npy import map_array
from amb3r_core.scene_folder.ply import count_vertices, read_cloud
from amb3r_core.scene_folder.records import FORMAT, FORMAT_VERSION, NAMES_IN_VERSION_1, DenseRecord, SceneRecord

MAX_BYTES = 1 << 30
"""Of `scene.amb3r`: a view takes about a thousand."""

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScene:
    """A scene folder whose document was read; `open_dense` and `points_path` lead to its arrays."""

    file: Path
    """Its `scene.amb3r`."""
    record: SceneRecord
    """What the document says."""
    reconstruction: Reconstruction
    """The scene without its dense maps."""
    points_path: Path | None
    """The file of its coloured points, which holds as many as the document says."""
    root: Node = field(repr=False)

    def open_dense(self) -> Dense | None:
        """The dense maps, memory-mapped, or None when there are none. Raises `FormatError`."""
        dense = self.record.dense
        if dense is None:
            return None
        with _named_in(self.root):
            return _open_maps(dense, len(self.record.views), self.file.parent)


def load_scene(scene: Path | str) -> Reconstruction:
    """The reconstruction of a scene folder, or of its `scene.amb3r`; maps are memory-mapped and read when they are used.

    Raises `InputError` when there is no scene, `FormatError` naming the file and the field that is wrong.
    """
    stored = read_scene(scene)
    return replace(stored.reconstruction, dense=stored.open_dense())


def load_cloud(scene: Path | str) -> PointCloud | None:
    """The point cloud of a scene folder, or None when it has none. Raises as `load_scene` does."""
    path = read_scene(scene).points_path
    return None if path is None else read_cloud(path)


def count_points(scene: Path | str) -> int:
    """How many points a scene folder's cloud has; 0 when it has none. Raises as `load_scene` does."""
    points = read_scene(scene).record.points
    return 0 if points is None else points.count


def find_scene_file(scene: Path | str) -> Path:
    """The absolute path of the `scene.amb3r` that a folder or file names; `InputError` when there is none."""
    path = Path(os.path.abspath(scene))
    file = path / SCENE_FILE if path.is_dir() else path
    if not os.path.isfile(file):
        raise InputError(f"{scene}: there is no {SCENE_FILE} here; give a scene folder")
    return file


def read_scene(scene: Path | str, missing_photos: MissingPhotos = "refuse") -> StoredScene:
    """The document of a scene folder, checked field by field. Raises as `load_scene` does."""
    file = find_scene_file(scene)
    if file.stat().st_size > MAX_BYTES:
        raise FormatError(f"{file}: {file.stat().st_size / 1e6:.0f} MB are more than any scene needs")
    try:
        root = parse_json(file.read_text(encoding="utf-8"), str(file))
    except UnicodeDecodeError as error:
        raise FormatError(f"{file}: not text in UTF-8: {error}") from error
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror or error}") from error
    if _checked_version(root) == 1:
        root = replace(root, old_names=NAMES_IN_VERSION_1)
    record = decode(root, SceneRecord)
    with _named_in(root):
        return StoredScene(
            file=file,
            record=record,
            reconstruction=reconstruction_of(record, file.parent, missing_photos),
            points_path=_checked_points(record, file.parent),
            root=root,
        )


def _checked_version(root: Node) -> int:
    """The document's version, which this software reads."""
    name, number = root.required("format"), root.required("format_version")
    if name.text() != FORMAT:
        name.fail(f"is {name.text()!r}, wanted {FORMAT!r}")
    version = number.integer()
    if not 1 <= version <= FORMAT_VERSION:
        number.fail(f"is {version}, but this software reads versions 1 to {FORMAT_VERSION}; update amb3r")
    return version


@contextmanager
def _named_in(root: Node) -> Generator[None]:
    """Turns errors of a record into errors that name the place in the document."""
    try:
        yield
    except FieldError as error:
        root.at(error.steps).fail(error.message)


def _checked_points(record: SceneRecord, folder: Path) -> Path | None:
    points = record.points
    if points is None:
        return None
    path = own_file(points.file, folder, "points", "file")
    count = count_vertices(path)
    if count != points.count:
        raise FieldError(f"is {points.count}, but {path.name} holds {count}", "points", "count")
    return path


def _open_maps(dense: DenseRecord, n_views: int, folder: Path) -> Dense:
    shape = (n_views, dense.height, dense.width)
    depth = own_file(dense.depth, folder, "dense", "depth")
    confidence = own_file(dense.confidence, folder, "dense", "confidence")
    rgb = own_file(dense.rgb, folder, "dense", "rgb")
    return Dense(
        depth=_open_map(depth, np.float32, shape, "depth"),
        confidence=_open_map(confidence, np.float32, shape, "confidence"),
        rgb=_open_map(rgb, np.uint8, (*shape, 3), "rgb"),
        weight_is_probability=dense.weight_is_probability,
    )


def _open_map(path: Path, kind: type[Scalar], shape: tuple[int, ...], name: str) -> NDArray[Scalar]:
    try:
        array = map_array(path)
    except ValueError as error:
        raise FieldError(f"{path.name} is no array: {error}", "dense", name) from error
    wanted = np.dtype(kind).newbyteorder("<")
    if array.dtype != wanted or array.shape != shape:
        raise FieldError(f"{path.name} is {array.dtype} {array.shape}, wanted {wanted} {shape}", "dense", name)
    return array.view(kind)

"""Our own scene folder: `scene.amb3r`, memory-mappable maps in `dense/`, and `points.ply`. Numpy only."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import FormatError, InputError
from amb3r_core.export.image_files import link_or_copy
from amb3r_core.export.notes import comment_lines
from amb3r_core.export.ply import count_vertices, read_cloud, write_cloud
from amb3r_core.export.points import cloud_of
from amb3r_core.export.scene_json import (
    DENSE_FILES,
    POINTS_FILE,
    DenseFiles,
    SceneText,
    read_scene_document,
    scene_document,
)
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.reconstruction import Dense, Reconstruction, View
from amb3r_core.scene_folder.json_text import parse_json, to_json
from amb3r_core.storage.staging import staged_folder

SCENE_FILE = "scene.amb3r"

_MAP_DTYPES = {"depth": np.dtype("<f4"), "confidence": np.dtype("<f4"), "rgb": np.dtype("u1")}


def save_scene(
    reconstruction: Reconstruction, folder: Path | str, cloud: PointCloud | None = None, *, overwrite: bool = False
) -> list[Path]:
    """Writes the scene folder, whole or not at all; the written files.

    cloud: the fused points when they are at hand, else they are fused here. Photos and masks stay where they are and are named
    by their paths; those inside a scene folder that is being overwritten are kept. Raises `InputError` when something is at
    `folder` already (with `overwrite`: something that is not ours), `ResourceError` when the disk is full or read-only.
    """
    target = Path(os.path.abspath(folder))
    with staged_folder(target, overwrite=overwrite) as partial:
        written = write_scene_folder(_carried_over(reconstruction, target, partial), partial, cloud)
    return [target / path.relative_to(partial) for path in written]


def write_scene_folder(reconstruction: Reconstruction, folder: Path, cloud: PointCloud | None = None) -> list[Path]:
    """Writes the scene's files into a folder that is being made (see `staging.staged_folder`); the written files.

    `scene.amb3r` comes last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    if reconstruction.dense is not None:
        written += _write_maps(reconstruction.dense, folder)
    n_points: int | None = None
    if cloud is not None or reconstruction.dense is not None:
        cloud = cloud_of(reconstruction, cloud)
        n_points = len(cloud)
        write_cloud(folder / POINTS_FILE, cloud, comment_lines(reconstruction))
        written.append(folder / POINTS_FILE)
    text = to_json(scene_document(reconstruction, folder, n_points))
    (folder / SCENE_FILE).write_text(text + "\n", encoding="utf-8")
    return [*written, folder / SCENE_FILE]


def load_scene(scene: Path | str) -> Reconstruction:
    """The reconstruction of a scene folder, or of its `scene.amb3r`; maps are memory-mapped and read when they are used.

    Raises `InputError` when there is no scene, `FormatError` naming the file and the field that is wrong.
    """
    text = _read(scene)
    if text.dense is None:
        return text.reconstruction
    return replace(text.reconstruction, dense=_open_maps(text.dense))


def load_cloud(scene: Path | str) -> PointCloud | None:
    """The point cloud of a scene folder, or None when it has none. Raises as `load_scene` does."""
    points = _read(scene).points
    return None if points is None else read_cloud(points.path)


def count_points(scene: Path | str) -> int:
    """How many points a scene folder's cloud has; 0 when it has none. Raises as `load_scene` does."""
    points = _read(scene).points
    return 0 if points is None else points.count


def scene_file(scene: Path | str) -> Path:
    """The absolute path of the `scene.amb3r` that a folder or file names; `InputError` when there is none."""
    path = Path(os.path.abspath(scene))
    file = path / SCENE_FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{scene}: there is no {SCENE_FILE} here; give a scene folder")
    return file


def _read(scene: Path | str) -> SceneText:
    file = scene_file(scene)
    try:
        root = parse_json(file.read_text(encoding="utf-8"), str(file))
    except UnicodeDecodeError as error:
        raise FormatError(f"{file}: not text in UTF-8: {error}") from error
    text = read_scene_document(root, file.parent)
    if text.points is not None:
        count = count_vertices(text.points.path)
        if count != text.points.count:
            text.points.place.fail(f"is {text.points.count}, but {text.points.path.name} holds {count}")
    return text


def _write_maps(dense: Dense, folder: Path) -> list[Path]:
    maps: dict[str, NDArray[np.generic]] = {"depth": dense.depth, "confidence": dense.confidence, "rgb": dense.rgb}
    for name, array in maps.items():
        path = folder / DENSE_FILES[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_rows(path, array, _MAP_DTYPES[name])
    return [folder / DENSE_FILES[name] for name in maps]


def _write_rows(path: Path, array: NDArray[np.generic], dtype: np.dtype[np.generic]) -> None:
    """Writes an `.npy` file one row at a time.

    Not through a memory map: a full disk would then end the process with a bus error instead of an exception.
    """
    npy: Any = np.lib.format
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": dtype.str, "fortran_order": False, "shape": array.shape})
        for row in array:
            file.write(np.ascontiguousarray(row, dtype=dtype).tobytes())


def _open_maps(files: DenseFiles) -> Dense:
    shapes = {"depth": files.shape, "confidence": files.shape, "rgb": (*files.shape, 3)}
    paths = {"depth": files.depth, "confidence": files.confidence, "rgb": files.rgb}
    fields = files.place.mapping()
    maps: dict[str, NDArray[np.generic]] = {}
    for name, path in paths.items():
        try:
            array: NDArray[np.generic] = np.load(path, mmap_mode="r" if files.shape[0] else None, allow_pickle=False)
        except (ValueError, EOFError) as error:
            fields[name].fail(f"{path.name} is no array: {error}")
        if array.dtype != _MAP_DTYPES[name] or array.shape != shapes[name]:
            wanted = f"{_MAP_DTYPES[name]} {shapes[name]}"
            fields[name].fail(f"{path.name} is {array.dtype} {array.shape}, wanted {wanted}")
        maps[name] = array
    return Dense(
        depth=maps["depth"].view(np.float32), confidence=maps["confidence"].view(np.float32), rgb=maps["rgb"].view(np.uint8)
    )


def _carried_over(reconstruction: Reconstruction, target: Path, partial: Path) -> Reconstruction:
    """The scene with the photos and masks that lie in the folder about to be replaced put into the new one."""

    def carried(path: str | None) -> str | None:
        if path is None or not Path(os.path.abspath(path)).is_relative_to(target) or not Path(path).is_file():
            return path
        new = partial / Path(os.path.abspath(path)).relative_to(target)
        if not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(Path(path), new)
        return str(new)

    def moved(view: View) -> View:
        return replace(view, path=carried(view.path), mask_path=carried(view.mask_path))

    unregistered = tuple(replace(view, path=carried(view.path)) for view in reconstruction.unregistered)
    return replace(reconstruction, views=tuple(moved(view) for view in reconstruction.views), unregistered=unregistered)

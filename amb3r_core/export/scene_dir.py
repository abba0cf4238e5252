"""Writes our own scene folder: `scene.amb3r`, memory-mappable maps in `dense/`, and `points.ply`. Numpy only.

Its reader is `scene_folder.reader`, whose names stand here too.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amb3r_core.export.file_copy import copy_file
from amb3r_core.export.notes import cloud_lines
from amb3r_core.export.points import ScenePoints
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.fusion import fuse
from amb3r_core.scene.reconstruction import Dense, Reconstruction, View
from amb3r_core.scene.trust import DEFAULT_KEEP, Keep, kept, with_cloud_of
from amb3r_core.scene_folder.document import CONFIDENCE_FILE, DEPTH_FILE, POINTS_FILE, RGB_FILE, SCENE_FILE, is_inside, scene_text
from amb3r_core.scene_folder.ply import write_cloud
from amb3r_core.scene_folder.reader import count_points, load_cloud, load_scene
from amb3r_core.storage.staging import staged_folder

__all__ = ["SCENE_FILE", "count_points", "load_cloud", "load_scene", "save_scene", "write_scene_folder"]


def save_scene(
    reconstruction: Reconstruction,
    folder: Path | str,
    cloud: PointCloud | None = None,
    *,
    keep: Keep = DEFAULT_KEEP,
    overwrite: bool = False,
) -> list[Path]:
    """Writes the scene folder with all depth, whole or not at all; the written files.

    cloud: the fused points when they are at hand, else they are fused here, of the depth that `keep` leaves. Photos and masks
    stay where they are and are named by their paths; those inside a scene folder that is being overwritten are kept. Raises
    `InputError` when something is at `folder` already (with `overwrite`: something that is not ours) or nothing would be left of
    the depth, `ResourceError` when the disk is full or read-only.
    """
    target = Path(os.path.abspath(folder))
    with staged_folder(target, overwrite=overwrite) as partial:
        if cloud is None and reconstruction.dense is not None:
            cloud = fuse(kept(reconstruction, keep))
            reconstruction = with_cloud_of(reconstruction, keep)
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
    points = ScenePoints(reconstruction, cloud)
    if points.are_known:
        cloud = points.cloud
        n_points = len(cloud)
        write_cloud(folder / POINTS_FILE, cloud, cloud_lines(reconstruction))
        written.append(folder / POINTS_FILE)
    (folder / SCENE_FILE).write_text(scene_text(reconstruction, folder, n_points), encoding="utf-8")
    return [*written, folder / SCENE_FILE]


def export_scene_folder(reconstruction: Reconstruction, path: Path, points: ScenePoints | None = None) -> list[Path]:
    """The same, as one of the export formats."""
    return write_scene_folder(reconstruction, path, points.cloud if points is not None and points.are_known else None)


def _write_maps(dense: Dense, folder: Path) -> list[Path]:
    maps: tuple[tuple[str, NDArray[np.generic], str], ...] = (
        (DEPTH_FILE, dense.depth, "<f4"),
        (CONFIDENCE_FILE, dense.confidence, "<f4"),
        (RGB_FILE, dense.rgb, "|u1"),
    )
    for name, array, dtype in maps:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_rows(path, array, np.dtype(dtype))
    return [folder / name for name, _, _ in maps]


def _write_rows(path: Path, array: NDArray[np.generic], dtype: np.dtype[np.generic]) -> None:
    """Writes an `.npy` file one row at a time.

    Not through a memory map: a full disk would then end the process with a bus error instead of an exception.
    """
    npy: Any = np.lib.format
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": dtype.str, "fortran_order": False, "shape": array.shape})
        for row in array:
            file.write(np.ascontiguousarray(row, dtype=dtype).tobytes())


def _carried_over(reconstruction: Reconstruction, target: Path, partial: Path) -> Reconstruction:
    """The scene with the photos and masks that lie in the folder about to be replaced put into the new one."""

    def carried(path: str | None) -> str | None:
        if path is None or not Path(os.path.abspath(path)).is_relative_to(target) or not os.path.isfile(path):
            return path
        if not is_inside(Path(path), target):  # a link: the file stays where it is, and is named there
            return os.path.realpath(path)
        new = partial / Path(os.path.abspath(path)).relative_to(target)
        if not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            copy_file(Path(path), new)
        return str(new)

    def moved(view: View) -> View:
        return replace(view, path=carried(view.path), mask_path=carried(view.mask_path))

    unregistered = tuple(replace(view, path=carried(view.path)) for view in reconstruction.unregistered)
    return replace(reconstruction, views=tuple(moved(view) for view in reconstruction.views), unregistered=unregistered)

"""transforms.json read with distrust, before Nerfstudio's own parser meets it. Imports no host."""

import json
import os
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn, cast

from amb3r_core import FormatError

POSITIVE = ("fl_x", "fl_y", "w", "h")
FINITE = ("cx", "cy", "k1", "k2", "k3", "k4", "p1", "p2")


def read_transforms(path: Path) -> dict[str, Any]:
    """The content of a dataset's transforms.json. Raises `FormatError` that names the file and the field.

    Checked is what everybody's dataset must have right: numbers of cameras, poses, and our own notes under "amb3r".
    """
    try:
        document: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not valid JSON: {error}") from error
    root = _object(document, path, "the document")
    _check_camera(root, path, "")
    applied = root.get("applied_transform")
    if applied is not None:
        _check_matrix(applied, path, "applied_transform")
    frames = root.get("frames")
    if not isinstance(frames, list):
        _fail(path, "frames", "wanted a list")
    for index, frame in enumerate(cast(list[object], frames)):
        place = f"frames[{index}]"
        fields = _object(frame, path, place)
        if not isinstance(fields.get("file_path"), str):
            _fail(path, f"{place}.file_path", "wanted text")
        _check_camera(fields, path, f"{place}.")
        _check_matrix(fields.get("transform_matrix"), path, f"{place}.transform_matrix")
    return root


def notes_of(document: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """What we wrote into a dataset under "amb3r"; nothing in another's. Raises `FormatError`."""
    notes = document.get("amb3r")
    return {} if notes is None else _object(notes, path, "amb3r")


def splats_of(document: Mapping[str, Any], path: Path) -> Path | None:
    """The file of gaussians a dataset names, None when there is none. `FormatError` when it lies outside the dataset."""
    name = notes_of(document, path).get("splat_init")
    if name is None or name == "":
        return None
    if not isinstance(name, str) or "\0" in name:
        _fail(path, "amb3r.splat_init", "wanted the name of a file")
    file, folder = Path(os.path.realpath(path.parent / name)), Path(os.path.realpath(path.parent))
    if not file.is_relative_to(folder):
        _fail(path, "amb3r.splat_init", f"{name} leaves the dataset's folder")
    return path.parent / name if file.is_file() else None


def _check_camera(fields: Mapping[str, Any], path: Path, place: str) -> None:
    for name in (*POSITIVE, *FINITE):
        if name in fields and not (_is_finite(fields[name]) and (name in FINITE or float(fields[name]) > 0)):
            wanted = "a finite number" if name in FINITE else "a number more than 0"
            _fail(path, f"{place}{name}", f"is {fields[name]!r}, wanted {wanted}")


def _check_matrix(rows: object, path: Path, place: str) -> None:
    found = cast(Sequence[object], rows) if isinstance(rows, Sequence) else ()
    if len(found) not in (3, 4) or not all(map(_is_finite_row, found)):
        _fail(path, place, "wanted 3 or 4 rows of 4 finite numbers")


def _is_finite_row(row: object) -> bool:
    numbers = cast(list[object], row) if isinstance(row, list) else []
    return len(numbers) == 4 and all(map(_is_finite, numbers))


def _is_finite(value: object) -> bool:
    """Whether Nerfstudio's `float(value)` gives a finite number."""
    try:
        return isinstance(value, (int, float, str)) and isfinite(float(value))
    except (ValueError, OverflowError):
        return False


def _object(value: object, path: Path, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _fail(path, place, "wanted an object")
    return cast(dict[str, Any], value)


def _fail(path: Path, place: str, message: str) -> NoReturn:
    raise FormatError(f"{path}: {place}: {message}")

"""Camera paths as text: TUM, KITTI, Open3D's log, and tables with a header or with names in front."""

import csv
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path, PurePosixPath

from amb3r_core.errors import FormatError
from amb3r_core.inputs.joining import PICTURE_SUFFIXES
from amb3r_core.inputs.pose_values import FilePose, pose_of_matrix, pose_of_quaternion
from amb3r_core.inputs.text_files import read_text

NAME_COLUMNS = ("name", "image", "image_name", "file", "filename", "file_path", "path", "frame")
TIME_COLUMNS = ("timestamp", "time", "timestamp_s", "time_s", "t", "#timestamp")
POSITION_COLUMNS = (("tx", "ty", "tz"), ("x", "y", "z"), ("px", "py", "pz"))
QUATERNION_COLUMNS = ("qw", "qx", "qy", "qz")
CLOCKS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
"""Whole numbers above the first are in units of the second, in seconds: nano-, micro- and milliseconds since 1970."""
LONGEST_LINE = 100_000
"""Characters; more than any line of a table has, and less than Python's reader of them takes."""
MIN_DIGITS_OF_A_TIME = 10
"""A whole number in a photo's name is a time from so many digits on, else it is a number."""


def read_trajectory(path: Path, *, option: str | None = None) -> tuple[FilePose, ...]:
    """The poses of a text file. Raises `InputError`, and `FormatError` naming file, line and value.

    TUM (`timestamp tx ty tz qx qy qz qw`, blanks or commas), the same with a photo's name in front, KITTI (12 numbers a line),
    Open3D's `.log` (three numbers, then a matrix), and comma-separated tables whose first line names the columns.
    """
    lines = [(number, line.strip()) for number, line in enumerate(read_text(path, option=option).splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line]
    header = _header(lines)
    if header is not None:
        return _of_table(path, header, lines)
    rows = [(number, line.replace(",", " ").split()) for number, line in lines if not line.startswith("#")]
    if not rows:
        raise FormatError(f"{path}: no poses in it", option=option)
    widths = {len(words) for _, words in rows}
    if widths == {12}:
        return tuple(_kitti(words, f"{path}:{number}") for number, words in rows)
    if widths <= {3, 4} and len(rows) % 5 == 0:
        return tuple(_log(rows[start : start + 5], path) for start in range(0, len(rows), 5))
    return tuple(_of_line(line, f"{path}:{number}") for number, line in lines if not line.startswith("#"))


def time_of_name(name: str) -> float | None:
    """The time in seconds that a photo's name tells (`1305031102.175304.png`, or ten digits and more), if any."""
    base = PurePosixPath(name).name
    stem = base[: -len(PurePosixPath(base).suffix)] if PurePosixPath(base).suffix.lower() in PICTURE_SUFFIXES else base
    whole, dot, part = stem.partition(".")
    if dot and whole.isdecimal() and part.isdecimal():
        return float(stem)
    return _seconds(float(stem)) if stem.isdecimal() and len(stem) >= MIN_DIGITS_OF_A_TIME else None


def _seconds(time: float) -> float:
    return next((time * unit for least, unit in CLOCKS if time > least), time)


def _time(time: float, place: str) -> float:
    if not isfinite(time):
        raise FormatError(f"{place}: the time {time} is not a finite number")
    return _seconds(time)


def _header(lines: Sequence[tuple[int, str]]) -> list[str] | None:
    """The columns of a table whose first line names them; None when it does not."""
    if not lines:
        return None
    first = lines[0][1].lstrip("#").strip()
    if len(first) > LONGEST_LINE:
        return None
    columns = [column.strip().lower() for column in _cells(first)]
    has_positions = any(set(names) <= set(columns) for names in POSITION_COLUMNS)
    return columns if has_positions and set(QUATERNION_COLUMNS) <= set(columns) else None


def _cells(line: str) -> list[str]:
    return next(csv.reader([line]))


def _of_table(path: Path, columns: Sequence[str], lines: Sequence[tuple[int, str]]) -> tuple[FilePose, ...]:
    position = next(names for names in POSITION_COLUMNS if set(names) <= set(columns))
    name_column = next((name for name in NAME_COLUMNS if name in columns), None)
    time_column = next((name for name in TIME_COLUMNS if name in columns), None)
    poses: list[FilePose] = []
    for number, line in lines[1:]:
        place = f"{path}:{number}"
        if len(line) > LONGEST_LINE:
            raise FormatError(f"{place}: a line of {len(line)} characters is no pose")
        values = [value.strip() for value in _cells(line)]
        if len(values) != len(columns):
            raise FormatError(f"{place}: {len(values)} values for {len(columns)} columns")
        cells = dict(zip(columns, values, strict=True))
        poses.append(_of_cells(cells, position, name_column, time_column, place))
    if not poses:
        raise FormatError(f"{path}: no poses in it")
    return tuple(poses)


def _of_cells(
    cells: Mapping[str, str], position: Sequence[str], name_column: str | None, time_column: str | None, place: str
) -> FilePose:
    wxyz = [_number(cells.get(name, ""), f"{place}: {name}") for name in QUATERNION_COLUMNS]
    xyz = [_number(cells.get(name, ""), f"{place}: {name}") for name in position]
    time_s = None if time_column is None else _time(_number(cells.get(time_column, ""), f"{place}: {time_column}"), place)
    name = "" if name_column is None else cells.get(name_column, "")
    return FilePose(cam_to_world=pose_of_quaternion(wxyz, xyz, place), name=name, time_s=None if name else time_s)


def _of_line(line: str, place: str) -> FilePose:
    """`TIME or NAME tx ty tz qx qy qz qw`; a name may hold blanks, so the seven numbers are counted from the end."""
    words = line.replace(",", " ").split()
    if len(words) < 8:
        raise FormatError(f"{place}: {len(words)} values, wanted 'timestamp tx ty tz qx qy qz qw'")
    x, y, z, qx, qy, qz, qw = (_number(word, place) for word in words[-7:])
    first = line.replace(",", " ").rsplit(maxsplit=7)[0].strip()
    pose = pose_of_quaternion((qw, qx, qy, qz), (x, y, z), place)
    try:
        time_s = float(first)
    except ValueError:
        return FilePose(cam_to_world=pose, name=first)
    return FilePose(cam_to_world=pose, time_s=_time(time_s, place))


def _kitti(words: Sequence[str], place: str) -> FilePose:
    values = [_number(word, place) for word in words]
    return FilePose(cam_to_world=pose_of_matrix([values[0:4], values[4:8], values[8:12]], place))


def _log(rows: Sequence[tuple[int, Sequence[str]]], path: Path) -> FilePose:
    (number, head), *matrix = rows
    place = f"{path}:{number}"
    if len(head) != 3 or any(len(words) != 4 for _, words in matrix):
        raise FormatError(f"{place}: wanted three numbers and then a matrix of 4 rows, as in Open3D's .log")
    return FilePose(cam_to_world=pose_of_matrix([[_number(word, place) for word in words] for _, words in matrix], place))


def _number(word: str, place: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise FormatError(f"{place}: {word!r} is no number") from None

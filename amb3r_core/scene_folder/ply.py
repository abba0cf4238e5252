"""Binary PLY: point clouds with colour, confidence, radius and view, written and read with numpy alone."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import FormatError
from amb3r_core.scene.cloud import PointCloud

Vertices = NDArray[np.void]

CLOUD_DTYPE = np.dtype(
    [
        ("x", "<f4"),
        ("y", "<f4"),
        ("z", "<f4"),
        ("red", "u1"),
        ("green", "u1"),
        ("blue", "u1"),
        ("confidence", "<f4"),
        ("radius", "<f4"),
        ("view_index", "<i4"),
    ]
)
_NUMPY_OF_PLY = {
    "float": "f4",
    "double": "f8",
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float32": "f4",
    "float64": "f8",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
}
_PLY_OF_NUMPY = {numpy: ply for ply, numpy in reversed(_NUMPY_OF_PLY.items())}
_LONGEST_HEADER = 1 << 20
_LONGEST_COUNT = 18
"""Digits: no file holds more, and Python refuses numbers of thousands."""


def write_cloud(path: Path, cloud: PointCloud, comments: Iterable[str] = ()) -> None:
    """Writes every field of a cloud (M points) as one vertex element."""
    vertices: Vertices = np.empty(len(cloud), dtype=CLOUD_DTYPE)
    columns = (*cloud.points.T, *cloud.colors.T, cloud.confidence, cloud.radius, cloud.view_index)
    for name, column in zip(CLOUD_DTYPE.names or (), columns, strict=True):
        vertices[name] = column
    write_vertices(path, vertices, comments)


def read_cloud(path: Path) -> PointCloud:
    """The cloud of a PLY written by `write_cloud`; `FormatError` names what is missing."""
    vertices = read_vertices(path)
    names = vertices.dtype.names or ()
    missing = [name for name in CLOUD_DTYPE.names or () if name not in names]
    if missing:
        raise FormatError(f"{path}: the vertices have no {', '.join(missing)}")
    x, y, z, red, green, blue, confidence, radius, view_index = (vertices[name] for name in CLOUD_DTYPE.names or ())
    return PointCloud(
        points=np.stack([x, y, z], axis=-1).astype(np.float32),
        colors=np.stack([red, green, blue], axis=-1).astype(np.uint8),
        confidence=confidence.astype(np.float32),
        view_index=view_index.astype(np.int32),
        radius=radius.astype(np.float32),
    )


def write_vertices(path: Path, vertices: Vertices, comments: Iterable[str] = ()) -> None:
    """Writes a structured array of scalars (M,) as the vertex element of a binary little-endian PLY."""
    lines = ["ply", "format binary_little_endian 1.0", *(f"comment {line}" for line in comments)]
    lines.append(f"element vertex {len(vertices)}")
    lines += [f"property {_PLY_OF_NUMPY[vertices.dtype[name].str[1:]]} {name}" for name in vertices.dtype.names or ()]
    with path.open("wb") as file:
        file.write("\n".join([*lines, "end_header\n"]).encode("ascii"))
        file.write(vertices.data)


def read_vertices(path: Path) -> Vertices:
    """The vertex element of a binary little-endian PLY whose first element it is, as a structured array (M,).

    Raises `FormatError` that names the file and what is wrong.
    """
    with path.open("rb") as file:
        count, dtype = _read_header(path, file)
        return np.frombuffer(file.read(count * dtype.itemsize), dtype=dtype)


def map_vertices(path: Path) -> Vertices:
    """As `read_vertices`, but mapped into memory: what is not looked at is not read."""
    with path.open("rb") as file:
        count, dtype = _read_header(path, file)
        start = file.tell()
    return np.memmap(path, dtype=dtype, mode="r", offset=start, shape=(count,)) if count else np.zeros(0, dtype)


def count_vertices(path: Path) -> int:
    """How many vertices a PLY holds; `FormatError` as `read_vertices`."""
    with path.open("rb") as file:
        return _read_header(path, file)[0]


def _read_header(path: Path, file: BinaryIO) -> tuple[int, np.dtype[np.void]]:
    """What the header says, when the file is long enough for it; the file stands at the first vertex."""
    count, dtype = _parse_header(path, file.read(4), iter(lambda: file.readline(_LONGEST_HEADER), b""))
    wanted, length = count * dtype.itemsize, path.stat().st_size - file.tell()
    if length < wanted:
        raise FormatError(f"{path}: cut short: {count} vertices need {wanted} bytes, {length} are there")
    return count, dtype


def _parse_header(path: Path, magic: bytes, lines: Iterable[bytes]) -> tuple[int, np.dtype[np.void]]:
    """Number of vertices and the layout of one."""
    if magic != b"ply\n":
        raise FormatError(f"{path}: not a PLY file")
    count: int | None = None
    fields: list[tuple[str, str]] = []
    element = ""
    size = 0
    for line in lines:
        size += len(line)
        words = line.decode("ascii", "replace").split()
        if words == ["end_header"]:
            break
        if size > _LONGEST_HEADER:
            raise FormatError(f"{path}: the header has no end")
        match words:
            case ["format", kind, *_] if kind != "binary_little_endian":
                raise FormatError(f"{path}: format is {kind}, wanted binary_little_endian")
            case ["element", element, number]:
                count = _vertex_count(path, count, element, number)
            case ["property", kind, name] if element == "vertex":
                fields.append((name, _field_type(path, kind, name)))
            case ["property", "list", *_] if element == "vertex":
                raise FormatError(f"{path}: vertices with lists are not supported")
            case _:
                pass
    else:
        raise FormatError(f"{path}: the header has no end")
    if count is None or not fields or len(dict(fields)) != len(fields):
        raise FormatError(f"{path}: no vertex element, or its properties are missing or named twice")
    return count, np.dtype([(name, f"<{kind}") for name, kind in fields])


def _vertex_count(path: Path, count: int | None, element: str, number: str) -> int:
    if count is not None:
        return count
    if element != "vertex" or not number.isdecimal() or len(number) > _LONGEST_COUNT:
        number = number[:_LONGEST_COUNT]
        raise FormatError(f"{path}: the first element must be vertex with a count, not {element!r} {number!r}")
    return int(number)


def _field_type(path: Path, kind: str, name: str) -> str:
    if kind not in _NUMPY_OF_PLY:
        raise FormatError(f"{path}: property {name} has the unknown type {kind!r}")
    return _NUMPY_OF_PLY[kind]

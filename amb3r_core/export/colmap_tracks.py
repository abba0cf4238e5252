"""Points and observations put into the binary files of a COLMAP model that has only cameras and images, all at once.

The layout is that of COLMAP's `scene/reconstruction_io_binary.cc`, little-endian without padding. Point ids are 1 + row.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.tracks import Tracks

IMAGES_FILE, POINTS_FILE = "images.bin", "points3D.bin"
_POSE_BYTES = 7 * 8
_OBSERVATION = np.dtype([("pixel", "<f8", 2), ("point", "<u8")])
_POINT = np.dtype([("id", "<u8"), ("position", "<f8", 3), ("color", "u1", 3), ("error", "<f8"), ("length", "<u8")])
_ELEMENT = np.dtype([("image", "<u4"), ("observation", "<u4")])


@dataclass(frozen=True, slots=True)
class Observations:
    """What one image sees."""

    pixels: Float64
    """(K, 2), counted from the corner of the top-left pixel."""
    point: NDArray[np.intp]
    """(K,): rows of the points."""


def add_observations(folder: Path, observed: Sequence[Observations]) -> None:
    """Gives the images of `images.bin`, which have no observations yet, those of their ids 1, 2, 3, ..."""
    given = (folder / IMAGES_FILE).read_bytes()
    (count,) = struct.unpack_from("<Q", given)
    at = 8
    with (folder / IMAGES_FILE).open("wb") as file:
        file.write(given[:at])
        for _ in range(count):
            (image_id,) = struct.unpack_from("<I", given, at)
            end = given.index(b"\0", at + 4 + _POSE_BYTES + 4) + 1
            seen = observed[image_id - 1]
            records = np.empty(len(seen.point), dtype=_OBSERVATION)
            records["pixel"], records["point"] = seen.pixels, seen.point + 1
            file.write(given[at:end] + struct.pack("<Q", len(records)))
            file.write(records.data)
            at = end + 8  # the number of observations so far, which is zero


def write_points(folder: Path, tracks: Tracks) -> None:
    """Writes `points3D.bin`, where the k-th observation of an image is the k-th point that its view sees; errors are unknown."""
    lengths = tracks.lengths
    heads = np.empty(len(lengths), dtype=_POINT)
    heads["id"], heads["position"], heads["color"] = np.arange(1, len(lengths) + 1), tracks.points, tracks.colors
    heads["error"], heads["length"] = -1.0, lengths
    by_point = np.argsort(tracks.point, kind="stable")
    view = tracks.view.take(by_point)
    elements = np.empty(len(view), dtype=_ELEMENT)
    elements["image"] = view + 1
    elements["observation"] = by_point - np.searchsorted(tracks.view, view)
    starts = np.concatenate([[0], np.cumsum(_POINT.itemsize + _ELEMENT.itemsize * lengths)])
    data = np.empty(starts[-1], dtype=np.uint8)
    _place(data, starts[:-1], heads)
    before = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    within = np.arange(len(elements)) - np.repeat(before, lengths)
    _place(data, np.repeat(starts[:-1] + _POINT.itemsize, lengths) + _ELEMENT.itemsize * within, elements)
    with (folder / POINTS_FILE).open("wb") as file:
        file.write(struct.pack("<Q", len(lengths)))
        file.write(data.data)


def _place(data: NDArray[np.uint8], starts: NDArray[np.intp], records: NDArray[np.void]) -> None:
    """Puts each record's bytes into `data` from its start on."""
    size = records.dtype.itemsize
    data[starts[:, None] + np.arange(size)] = records.view(np.uint8).reshape(-1, size)

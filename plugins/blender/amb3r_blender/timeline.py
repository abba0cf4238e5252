# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the views of a video stand on Blender's timeline. Numpy only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FIRST_FRAME = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Where each view stands."""

    frames: NDArray[np.float64]
    """Places (N,); fractions are allowed."""
    fps: float
    """Frames per second that the places count in."""

    @property
    def first(self) -> int:
        return int(np.floor(self.frames.min()))

    @property
    def last(self) -> int:
        return int(np.ceil(self.frames.max()))


def timeline_of(times_s: Sequence[float | None], mode: str, fps: float) -> Timeline:
    """The places of all views.

    mode TIME: at their time in the video, its first frame being frame 1. mode VIEWS: one frame after the other.
    """
    if mode == "VIEWS" or any(time is None for time in times_s):
        return Timeline(frames=FIRST_FRAME + np.arange(len(times_s), dtype=np.float64), fps=fps)
    return Timeline(frames=FIRST_FRAME + np.array(times_s, dtype=np.float64) * fps, fps=fps)


def split_fps(fps: float) -> tuple[int, float]:
    """Blender's pair: whole frames per second, and the base it is divided by (29.97 is 30 over 1.001)."""
    whole = max(1, round(fps))
    return whole, whole / fps


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSequence:
    """Image files that Blender plays as one sequence: on frame f it shows the file numbered f + offset."""

    first: Path
    offset: int


def find_sequence(images: Sequence[Path | None], frames: NDArray[np.float64]) -> FileSequence | None:
    """The sequence of these files, whose file for frame f must be numbered f + constant; None when they are none."""
    parts = [re.fullmatch(r"(.*?)(\d+)(\D*)", image.name) if image is not None else None for image in images]
    if not images or any(part is None for part in parts):
        return None
    found = [(image, part) for image, part in zip(images, parts, strict=True) if image is not None and part is not None]
    shapes = {(image.parent, part[1], len(part[2]), part[3]) for image, part in found}
    offsets = {int(part[2]) - frame for (_, part), frame in zip(found, frames.tolist(), strict=True)}
    if len(shapes) != 1 or len(offsets) != 1 or not next(iter(offsets)).is_integer():
        return None
    return FileSequence(first=found[0][0], offset=int(next(iter(offsets))))

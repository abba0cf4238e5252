# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene folder as an import needs it. Numpy only; no Blender."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from .core import Dense, FormatError, Provenance, Reconstruction, StoredScene, View, read_scene


@dataclass(frozen=True, slots=True)
class OpenedScene:
    """A scene folder whose document was read."""

    stored: StoredScene
    digest: str
    """SHA-256 of its `scene.amb3r`, which says whether two imports saw the same scene."""

    @property
    def path(self) -> Path:
        """Its `scene.amb3r`."""
        return self.stored.file

    @property
    def name(self) -> str:
        """What people call the scene: its folder's name."""
        return self.path.parent.name or self.path.stem

    @property
    def reconstruction(self) -> Reconstruction:
        """Everything but depth and points."""
        return self.stored.reconstruction

    @property
    def views(self) -> tuple[View, ...]:
        return self.reconstruction.views

    @property
    def provenance(self) -> Provenance:
        return self.reconstruction.provenance

    @property
    def n_photos(self) -> int:
        """How many photos or frames went in, placed or not."""
        return len(self.views) + len(self.reconstruction.unregistered)

    @property
    def n_points(self) -> int:
        """How many points its file holds."""
        points = self.stored.record.points
        return 0 if points is None else points.count

    @property
    def is_timed(self) -> bool:
        """Whether every view has its time, as frames of a video do."""
        return len(self.views) > 1 and all(view.timestamp_s is not None for view in self.views)

    def open_dense(self) -> Dense:
        """The dense maps, mapped into memory. Raises `FormatError`, also when there are none."""
        dense = self.stored.open_dense()
        if dense is None:
            raise FormatError(f"{self.path}: dense: is null, so there is no depth to make a relief of")
        return dense


def open_scene(path: Path) -> OpenedScene:
    """The scene of a folder or of its `scene.amb3r`; photos that were taken away do not keep it from opening.

    Raises `Amb3rError` that names the file and the field that is wrong.
    """
    stored = read_scene(path.resolve(), "accept")
    return OpenedScene(stored, hashlib.sha256(stored.file.read_bytes()).hexdigest())

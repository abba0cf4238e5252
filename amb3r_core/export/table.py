"""Every format a scene can be written to, by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from amb3r_core.errors import InputError
from amb3r_core.export.colmap import export_colmap, export_colmap_text
from amb3r_core.export.gaussians import export_gaussians
from amb3r_core.export.glb import export_glb
from amb3r_core.export.nerfstudio import export_nerfstudio
from amb3r_core.export.npz import export_npz
from amb3r_core.export.ply import export_ply
from amb3r_core.export.points import ScenePoints
from amb3r_core.export.scene_dir import export_scene_folder
from amb3r_core.export.tum import export_tum
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.trust import DEFAULT_KEEP, Keep, kept, with_cloud_of
from amb3r_core.storage.staging import staged_file, staged_folder

Depth = Literal["kept", "all", "none"]
"""Which depth a format holds: what the user's choice keeps, all of it with its weights, or none."""


class Exporter(Protocol):
    """Writes a scene in one format.

    default_name: what its output is usually called; is_folder: whether that is a folder. extra: the optional dependency group
    it needs, "" for none. depth: which depth it is given.
    """

    @property
    def description(self) -> str: ...

    @property
    def default_name(self) -> str: ...

    @property
    def is_folder(self) -> bool: ...

    @property
    def extra(self) -> str: ...

    @property
    def depth(self) -> Depth: ...

    def __call__(self, reconstruction: Reconstruction, path: Path, /, points: ScenePoints | None = None) -> list[Path]:
        """Writes to `path` and returns the written files. points: of the kept depth, when other exports share them."""
        ...


class Writer(Protocol):
    """The function behind an exporter."""

    def __call__(self, reconstruction: Reconstruction, path: Path, /, points: ScenePoints | None = None) -> list[Path]: ...


@dataclass(frozen=True, slots=True)
class Format:
    """An exporter made of a function."""

    description: str
    default_name: str
    write: Writer
    is_folder: bool = False
    extra: str = ""
    depth: Depth = "kept"

    def __call__(self, reconstruction: Reconstruction, path: Path, /, points: ScenePoints | None = None) -> list[Path]:
        return self.write(reconstruction, path, points)


EXPORTERS: Mapping[str, Exporter] = {
    "ply": Format("points with colour, confidence and radius, binary PLY", "scene.ply", export_ply),
    "glb": Format("points and camera pyramids for any 3D viewer, binary glTF", "scene.glb", export_glb),
    "colmap": Format("COLMAP model, binary, with multi-view tracks and images", "colmap", export_colmap, is_folder=True),
    "colmap-text": Format("COLMAP model as text, with tracks and images", "colmap-text", export_colmap_text, is_folder=True),
    "nerfstudio": Format("dataset with depth, masks and seed points", "nerfstudio", export_nerfstudio, is_folder=True),
    "tum": Format("camera trajectory as text", "trajectory.txt", export_tum, depth="none"),
    "splat": Format("3D Gaussians to look at or to start training from, INRIA PLY", "splat.ply", export_gaussians),
    "npz": Format("all arrays in one NumPy file", "scene.npz", export_npz),
    "scene": Format("our own scene folder", "scene", export_scene_folder, is_folder=True, depth="all"),
}


def find_exporters(names: Sequence[str]) -> dict[str, Exporter]:
    """The exporters of these names; `InputError` names an unknown one and lists the known."""
    unknown = [name for name in names if name not in EXPORTERS]
    if unknown or not names:
        given = f"{', '.join(unknown)} is no export format" if unknown else "no export format was named"
        raise InputError(f"{given}; there are {', '.join(EXPORTERS)}")
    return {name: EXPORTERS[name] for name in names}


def depth_for(exporter: Exporter, reconstruction: Reconstruction, cut: Reconstruction) -> Reconstruction:
    """Which of the two an exporter is given. cut: the scene with the depth alone that the user's choice keeps."""
    return cut if exporter.depth == "kept" else reconstruction


def export_scene(
    reconstruction: Reconstruction,
    path: Path | str,
    format: str,
    *,
    keep: Keep = DEFAULT_KEEP,
    cloud: PointCloud | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Writes the scene to `path` in one of the formats of `EXPORTERS`; the written files.

    The output appears whole or not at all. keep: how much depth it is made of; our own scene folder holds all. cloud: the fused
    points when they are at hand, else they are fused here, of what is kept. Raises `InputError` for an unknown format, an output
    that exists and a scene of which nothing is kept, `ResourceError` when the disk is full or read-only.
    """
    return SceneExports(reconstruction, keep, cloud).write(path, format, overwrite=overwrite)


class SceneExports:
    """Exports of one scene in several formats: the cut by `keep`, the points and what else they share is made once.

    cloud: the fused points of what is kept, when they are at hand.
    """

    def __init__(self, reconstruction: Reconstruction, keep: Keep = DEFAULT_KEEP, cloud: PointCloud | None = None) -> None:
        self._whole = reconstruction
        self._keep: Keep = keep
        self._cloud = cloud

    def write(self, path: Path | str, format: str, *, overwrite: bool = False) -> list[Path]:
        """Writes one format, as `export_scene` does; the written files."""
        exporter = find_exporters([format])[format]
        target = Path(path)
        stage = staged_folder if exporter.is_folder else staged_file
        with stage(target, overwrite=overwrite) as partial:
            written = self._write(exporter, partial)
        return [target / file.relative_to(partial) if exporter.is_folder else target for file in written]

    def _write(self, exporter: Exporter, path: Path) -> list[Path]:
        if exporter.depth == "none":  # cameras are written of a scene too of which nothing is kept
            return exporter(self._whole, path)
        whole = with_cloud_of(self._whole, self._keep) if exporter.depth == "all" else self._whole
        return exporter(depth_for(exporter, whole, self._points.reconstruction), path, self._points)

    @cached_property
    def _points(self) -> ScenePoints:
        return ScenePoints(kept(self._whole, self._keep), self._cloud)

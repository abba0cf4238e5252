"""Every format a scene can be written to, by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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
from amb3r_core.storage.staging import staged_file, staged_folder


class Exporter(Protocol):
    """Writes a scene in one format.

    default_name: what its output is usually called; is_folder: whether that is a folder. extra: the optional dependency group
    it needs, "" for none.
    """

    @property
    def description(self) -> str: ...

    @property
    def default_name(self) -> str: ...

    @property
    def is_folder(self) -> bool: ...

    @property
    def extra(self) -> str: ...

    def __call__(self, reconstruction: Reconstruction, path: Path, /, points: ScenePoints | None = None) -> list[Path]:
        """Writes to `path` and returns the written files. points: the scene's, when other exports share them."""
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

    def __call__(self, reconstruction: Reconstruction, path: Path, /, points: ScenePoints | None = None) -> list[Path]:
        return self.write(reconstruction, path, points)


EXPORTERS: Mapping[str, Exporter] = {
    "ply": Format("points with colour, confidence and radius, binary PLY", "scene.ply", export_ply),
    "glb": Format("points and camera pyramids for any 3D viewer, binary glTF", "scene.glb", export_glb),
    "colmap": Format("COLMAP model, binary, with multi-view tracks and images", "colmap", export_colmap, is_folder=True),
    "colmap-text": Format("COLMAP model as text, with tracks and images", "colmap-text", export_colmap_text, is_folder=True),
    "nerfstudio": Format("dataset with depth, masks and seed points", "nerfstudio", export_nerfstudio, is_folder=True),
    "tum": Format("camera trajectory as text", "trajectory.txt", export_tum),
    "splat": Format("3D Gaussians to look at or to start training from, INRIA PLY", "splat.ply", export_gaussians),
    "npz": Format("all arrays in one NumPy file", "scene.npz", export_npz),
    "scene": Format("our own scene folder", "scene", export_scene_folder, is_folder=True),
}


def find_exporters(names: Sequence[str]) -> dict[str, Exporter]:
    """The exporters of these names; `InputError` names an unknown one and lists the known."""
    unknown = [name for name in names if name not in EXPORTERS]
    if unknown or not names:
        given = f"{', '.join(unknown)} is no export format" if unknown else "no export format was named"
        raise InputError(f"{given}; there are {', '.join(EXPORTERS)}")
    return {name: EXPORTERS[name] for name in names}


def export_scene(
    reconstruction: Reconstruction,
    path: Path | str,
    format: str,
    *,
    cloud: PointCloud | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Writes the scene to `path` in one of the formats of `EXPORTERS`; the written files.

    The output appears whole or not at all. cloud: the fused points when they are at hand, else they are fused here. Raises
    `InputError` for an unknown format or an output that exists, `ResourceError` when the disk is full or read-only.
    """
    return export_points(ScenePoints(reconstruction, cloud), path, format, overwrite=overwrite)


def export_points(points: ScenePoints, path: Path | str, format: str, *, overwrite: bool = False) -> list[Path]:
    """`export_scene` for a scene that is exported several times: what the formats have in common is made once."""
    exporter = find_exporters([format])[format]
    target = Path(path)
    stage = staged_folder if exporter.is_folder else staged_file
    with stage(target, overwrite=overwrite) as partial:
        written = exporter(points.reconstruction, partial, points)
    return [target / file.relative_to(partial) if exporter.is_folder else target for file in written]

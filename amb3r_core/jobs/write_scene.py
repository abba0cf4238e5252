"""The main job with a scene folder as its result: all of it or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from amb3r_core.export import Exporter, depth_for, find_exporters, scene_dir
from amb3r_core.export.points import ScenePoints
from amb3r_core.jobs.job import ReconstructionJob, reconstructed
from amb3r_core.jobs.source import Inputs
from amb3r_core.options import ReconstructOptions
from amb3r_core.progress import Monitor, Progress, silent
from amb3r_core.scene.fusion import FusionConfig, fuse
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.trust import kept, with_cloud_of
from amb3r_core.storage.staging import claimed_folder, staged
from amb3r_core.storage.swap import put_in_place


@dataclass(frozen=True, kw_only=True)
class WrittenScene:
    """A scene folder that was written."""

    folder: Path
    reconstruction: Reconstruction
    """Read back from the folder, memory-mapped."""
    n_points: int
    """Size of its cloud."""
    exports: tuple[Path, ...]
    """Every export's file or folder."""


def write_scene(
    inputs: Inputs,
    output: Path,
    options: ReconstructOptions,
    *,
    exports: Sequence[str] = (),
    fusion: FusionConfig | None = None,
    overwrite: bool = False,
    monitor: Monitor = silent,
) -> WrittenScene:
    """Reconstructs, fuses, and writes the scene folder `output` with the named exports inside.

    The folder holds all depth; its cloud and the exports are made of what `options.keep` leaves.
    The folder appears when everything is done; until then work stands in a hidden folder beside it, from which a killed run
    of the same input and options goes on. Raises `Amb3rError`; passes `Cancelled` through.
    """
    job = ReconstructionJob(groups=[inputs], options=options.parsed(), beside=output)
    exporters = find_exporters(exports) if exports else {}
    with (
        claimed_folder(output, overwrite=overwrite) as place,
        staged(place) as folder,
        reconstructed(replace(job, keep=folder), monitor) as reconstruction,
    ):
        cut = kept(reconstruction, options.keep)
        points = ScenePoints(cut, fuse(cut, fusion or FusionConfig(), monitor))
        reconstruction = with_cloud_of(reconstruction, options.keep)
        scene_dir.write_scene_folder(reconstruction, folder, points.cloud)
        written = [path.relative_to(folder) for path in _export_all(exporters, reconstruction, points, folder, monitor)]
        n_points = len(points.cloud)
        put_in_place(place)  # before the work folder goes: a kill in between loses neither
    return WrittenScene(
        folder=output,
        reconstruction=scene_dir.load_scene(output),
        n_points=n_points,
        exports=tuple(output / path for path in written),
    )


def _export_all(
    exporters: dict[str, Exporter], reconstruction: Reconstruction, points: ScenePoints, folder: Path, monitor: Monitor
) -> list[Path]:
    """points: of the kept depth, for all exports alike."""
    written: list[Path] = []
    for done, (name, exporter) in enumerate(exporters.items()):
        monitor(Progress(stage="export", done=done, total=len(exporters), message=name))
        written.append(folder / exporter.default_name)
        exporter(depth_for(exporter, reconstruction, points.reconstruction), written[-1], points)
    monitor(Progress(stage="export", done=len(exporters), total=len(exporters)))
    return written

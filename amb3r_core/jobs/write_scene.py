"""The main job with a scene folder as its result: all of it or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amb3r_core._version import __version__
from amb3r_core.export import Exporter, find_exporters, scene_dir
from amb3r_core.inputs.images import FrameList
from amb3r_core.jobs.job import Inputs, Job, input_files, run_job
from amb3r_core.options import ReconstructOptions
from amb3r_core.progress import Monitor, Progress, silent
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.fusion import FusionConfig, fuse
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.storage.staging import as_resource_errors, staged_folder
from amb3r_core.storage.work import job_key, work_folder


@dataclass(frozen=True, kw_only=True)
class WrittenScene:
    """A scene folder that was written: the reconstruction read back from it, its cloud's size, and every export's files."""

    folder: Path
    reconstruction: Reconstruction
    n_points: int
    exports: tuple[Path, ...]


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

    The folder appears when everything is done; until then work stands in a hidden folder beside it, from which a killed run
    of the same input and options goes on. Raises `Amb3rError`; passes `Cancelled` through.
    """
    options = options.parsed()
    exporters = find_exporters(exports) if exports else {}
    is_list = isinstance(inputs, FrameList)
    key = "" if is_list else job_key(input_files(inputs), options, __version__)
    with (
        staged_folder(output, overwrite=overwrite) as folder,
        as_resource_errors(output),
        work_folder(output, key, resume=options.resume and not is_list) as work,
    ):
        reconstruction = run_job(Job(inputs=inputs, options=options, work=work, keep=folder), monitor)
        cloud = fuse(reconstruction, fusion or FusionConfig(), monitor)
        scene_dir.write_scene_folder(reconstruction, folder, cloud)
        written = [path.relative_to(folder) for path in _export_all(exporters, reconstruction, cloud, folder, monitor)]
        n_points = len(cloud)
    return WrittenScene(
        folder=output,
        reconstruction=scene_dir.load_scene(output),
        n_points=n_points,
        exports=tuple(output / path for path in written),
    )


def _export_all(
    exporters: dict[str, Exporter], reconstruction: Reconstruction, cloud: PointCloud, folder: Path, monitor: Monitor
) -> list[Path]:
    written: list[Path] = []
    for done, (name, exporter) in enumerate(exporters.items()):
        monitor(Progress(stage="export", done=done, total=len(exporters), message=name))
        written.append(folder / exporter.default_name)
        exporter(reconstruction, written[-1], cloud)
    monitor(Progress(stage="export", done=len(exporters), total=len(exporters)))
    return written

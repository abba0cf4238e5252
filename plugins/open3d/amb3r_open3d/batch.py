"""What `python -m amb3r_open3d` does: one reconstruction, and every output that was asked for."""

from dataclasses import dataclass
from pathlib import Path

import open3d as o3d

from amb3r_core.errors import InputError
from amb3r_core.export.scene_dir import SCENE_FILE, load_scene
from amb3r_core.options import ScaleFrom
from amb3r_core.progress import Monitor
from amb3r_core.storage.staging import staged_file
from amb3r_open3d.dataset import write_dataset
from amb3r_open3d.mesh_files import check_target
from amb3r_open3d.meshing import MeshJob, make_mesh
from amb3r_open3d.reconstruct import Reconstruct, ReconstructOptions
from amb3r_open3d.scene import Scene
from amb3r_open3d.viewer import show

POINT_SUFFIXES = (".ply", ".pcd")
SPLAT_SUFFIXES = (".ply", ".splat", ".spz")


@dataclass(frozen=True, kw_only=True)
class BatchJob:
    """The command line's choices; see `__main__.reconstruct`. Wrong or taken outputs are refused before any work."""

    images: tuple[Path, ...]
    mesh: Path | None
    dataset: Path | None
    splats: Path | None
    points: Path | None
    screenshot: Path | None
    scene: Path | None
    model: str
    max_frames: int
    scale_from: ScaleFrom | str
    voxel_size: float | None
    min_component: float
    device: str
    view: bool
    overwrite: bool

    def __post_init__(self) -> None:
        for path, suffixes in ((self.splats, SPLAT_SUFFIXES), (self.points, POINT_SUFFIXES)):
            if path is not None and path.suffix.lower() not in suffixes:
                raise InputError(f"{path}: wanted one of {', '.join(suffixes)}")
        for target in filter(None, (self.splats, self.points, self.dataset, self.scene)):
            check_target(target, overwrite=self.overwrite)
        self.mesh_job()

    def mesh_job(self) -> MeshJob | None:
        """The mesh to make, None when none is wanted."""
        if self.mesh is None:
            return None
        return MeshJob(
            output=self.mesh,
            screenshot=self.screenshot,
            voxel_size=self.voxel_size,
            min_component=self.min_component,
            device=self.device,
            overwrite=self.overwrite,
        )


def run_batch(job: BatchJob, monitor: Monitor) -> dict[str, str]:
    """Does it; rows to show."""
    scene = _scene(job, monitor)
    rows = {"views": f"{len(scene)} placed, {len(scene.reconstruction.unregistered)} not"}
    rows["scale"] = f"{scene.reconstruction.scale.kind} ({scene.reconstruction.scale.source})"
    mesh_job = job.mesh_job()
    if mesh_job is not None:
        rows |= make_mesh(scene, mesh_job, monitor)
    if job.dataset is not None:
        write_dataset(scene, job.dataset, overwrite=job.overwrite)
        rows["dataset"] = str(job.dataset)
    if job.points is not None:
        rows["points"] = str(_write_cloud(scene.point_cloud(normals=True), job.points, overwrite=job.overwrite))
    if job.splats is not None:
        rows["splats"] = str(_write_cloud(scene.to_splats(), job.splats, overwrite=job.overwrite))
    if job.view:
        show(scene)
    return rows


def _scene(job: BatchJob, monitor: Monitor) -> Scene:
    """The scene of the images, or the one that a folder holds already."""
    first = job.images[0]
    if len(job.images) == 1 and (first.name == SCENE_FILE or (first / SCENE_FILE).is_file()):
        return Scene(load_scene(first))
    options = ReconstructOptions(
        model=job.model,
        max_frames=job.max_frames,
        scale_from=job.scale_from,
        device="auto" if job.device.upper().startswith("CPU") else job.device,
        output=job.scene,
        overwrite=job.overwrite,
    )
    inputs = first if len(job.images) == 1 else list(job.images)
    return Reconstruct(options, monitor)(inputs)


def _write_cloud(cloud: o3d.t.geometry.PointCloud, path: Path, *, overwrite: bool) -> Path:
    with staged_file(path, overwrite=overwrite) as partial:
        named = partial.with_name(partial.name + path.suffix.lower())
        if not o3d.t.io.write_point_cloud(named, cloud):
            raise InputError(f"{path}: this Open3D ({o3d.__version__}) cannot write such a file")
        named.replace(partial)
    return path

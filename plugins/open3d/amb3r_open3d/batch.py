"""What `python -m amb3r_open3d` does: one reconstruction, and every output that was asked for."""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

from dataclasses import dataclass, fields
from pathlib import Path

import open3d as o3d

from amb3r_core import SCENE_FILE, InputError, Monitor, ReconstructOptions, load_scene, staged_file
from amb3r_core.cli.host import as_flags, depth_row, pose_row
from amb3r_open3d.batch_options import BatchOptions, BatchOutputs
from amb3r_open3d.dataset import write_dataset
from amb3r_open3d.mesh_files import check_target
from amb3r_open3d.meshing import MeshJob, make_mesh
from amb3r_open3d.reconstruct import Reconstruct, SceneOptions
from amb3r_open3d.scene import Scene
from amb3r_open3d.viewer import show

POINT_SUFFIXES = (".ply", ".pcd")
SPLAT_SUFFIXES = (".ply", ".splat", ".spz")


@dataclass(frozen=True, kw_only=True)
class BatchJob:
    """One run of the command. Wrong or taken outputs are refused before any work."""

    inputs: tuple[Path, ...]
    options: BatchOptions
    outputs: BatchOutputs

    def __post_init__(self) -> None:
        outputs = self.outputs
        if not self.inputs:
            raise InputError("no input was given: name a folder of photos, photo files, one video, or a scene folder")
        if outputs.screenshot is not None and outputs.mesh is None:
            raise InputError("`screenshot` is a picture of the mesh: give `mesh` too", option="screenshot")
        for path, suffixes in ((outputs.splats, SPLAT_SUFFIXES), (outputs.points, POINT_SUFFIXES)):
            if path is not None and path.suffix.lower() not in suffixes:
                raise InputError(f"{path}: wanted one of {', '.join(suffixes)}")
        for target in filter(None, (outputs.splats, outputs.points, outputs.dataset, outputs.scene)):
            check_target(target, overwrite=outputs.overwrite)
        self.mesh_job()

    def mesh_job(self) -> MeshJob | None:
        """The mesh to make, None when none is wanted."""
        if self.outputs.mesh is None:
            return None
        return MeshJob(
            output=self.outputs.mesh,
            screenshot=self.outputs.screenshot,
            voxel_size=self.outputs.voxel_size,
            min_component=self.outputs.min_component,
            device=self.options.device,
            keep=self.options.keep,
            overwrite=self.outputs.overwrite,
        )


def run_batch(job: BatchJob, monitor: Monitor) -> dict[str, str]:
    """Does it; rows to show."""
    outputs, keep = job.outputs, job.options.keep
    scene = _scene(job, monitor)
    rows = {
        "views": f"{len(scene)} placed, {len(scene.reconstruction.unregistered)} not",
        "pose trust": pose_row(scene.reconstruction),
        "scale": f"{scene.reconstruction.scale.kind} ({as_flags(scene.reconstruction.scale.source)})",
    }
    if scene.reconstruction.dense is not None:
        rows["depth"] = depth_row(scene.reconstruction, keep)
    mesh_job = job.mesh_job()
    if mesh_job is not None:
        rows |= make_mesh(scene, mesh_job, monitor)
    if outputs.dataset is not None:
        write_dataset(scene, outputs.dataset, keep=keep, overwrite=outputs.overwrite)
        rows |= {"dataset": str(outputs.dataset)}
    if outputs.points is not None:
        cloud = _write_cloud(scene.point_cloud(normals=True, keep=keep), outputs.points, overwrite=outputs.overwrite)
        rows |= {"points": str(cloud)}
    if outputs.splats is not None:
        splats = _write_cloud(scene.to_splats(keep=keep), outputs.splats, overwrite=outputs.overwrite)
        rows |= {"splats": str(splats)}
    if outputs.view:
        show(scene.kept(keep))
    return rows


def _scene(job: BatchJob, monitor: Monitor) -> Scene:
    """The scene of the inputs, or the one that a folder holds already."""
    first = job.inputs[0]
    if len(job.inputs) == 1 and (first.name == SCENE_FILE or (first / SCENE_FILE).is_file()):
        return Scene(load_scene(first))
    core = {field.name: getattr(job.options, field.name) for field in fields(ReconstructOptions)}
    core["device"] = "auto" if job.options.device.upper().startswith("CPU") else job.options.device
    options = SceneOptions(**core, output=job.outputs.scene, overwrite=job.outputs.overwrite)
    return Reconstruct(options, monitor)(first if len(job.inputs) == 1 else list(job.inputs))


def _write_cloud(cloud: o3d.t.geometry.PointCloud, path: Path, *, overwrite: bool) -> Path:
    with staged_file(path, overwrite=overwrite) as partial:
        named = partial.with_name(partial.name + path.suffix.lower())
        if not o3d.t.io.write_point_cloud(named, cloud):
            raise InputError(f"{path}: this Open3D ({o3d.__version__}) cannot write such a file")
        named.replace(partial)
    return path

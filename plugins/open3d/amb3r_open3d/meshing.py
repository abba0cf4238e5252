"""From a scene to a mesh file and a picture of it: what the command lines share."""

from dataclasses import dataclass
from pathlib import Path

import open3d as o3d

from amb3r_core import InputError, Keep, Monitor, Progress, SurfaceOptions, make_surface, silent
from amb3r_open3d.cameras import open3d_device
from amb3r_open3d.clean import CleanMesh, CleanMeshOptions
from amb3r_open3d.mesh_files import MESH_SUFFIXES, check_target, to_open3d, write_mesh
from amb3r_open3d.pictures import screenshot
from amb3r_open3d.scene import Scene


@dataclass(frozen=True, kw_only=True)
class MeshJob:
    """What to write. voxel_size: in scene units, None: from the data. min_component: share of all triangles; keep: how much depth
    is used."""

    output: Path
    screenshot: Path | None = None
    voxel_size: float | None = None
    min_component: float = 0.0003
    device: str = "CPU:0"
    keep: Keep = "trusted"
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.output.suffix.lower() not in MESH_SUFFIXES:
            raise InputError(f"{self.output}: a mesh is written as {', '.join(MESH_SUFFIXES)}")
        if self.screenshot is not None and self.screenshot.suffix.lower() != ".png":
            raise InputError(f"{self.screenshot}: a screenshot is written as .png")
        for target in filter(None, (self.output, self.screenshot)):
            check_target(target, overwrite=self.overwrite)


def make_mesh(scene: Scene, job: MeshJob, monitor: Monitor = silent) -> dict[str, str]:
    """Makes the mesh and writes it; rows to show: what was written and how large it is."""
    mesh = fused_mesh(scene, job, monitor)
    write_mesh(mesh, job.output, scene, overwrite=job.overwrite)
    unit = "m" if scene.reconstruction.scale.is_metric else "scene units"
    size = (mesh.get_max_bound() - mesh.get_min_bound()).numpy().tolist()
    rows = {
        "mesh": str(job.output),
        "vertices": f"{len(mesh.vertex.positions):,}",
        "triangles": f"{len(mesh.triangle.indices):,}",
        "size": " x ".join(f"{side:.3g}" for side in size) + f" {unit}",
    }
    if job.screenshot is not None:
        monitor(Progress(stage="screenshot"))
        screenshot(mesh, job.screenshot, scene, overwrite=job.overwrite)
        rows |= {"screenshot": str(job.screenshot)}
    return rows


def fused_mesh(scene: Scene, job: MeshJob, monitor: Monitor = silent) -> o3d.t.geometry.TriangleMesh:
    """The scene's mesh as the core makes it, without pieces smaller than the job's share of all triangles."""
    options = SurfaceOptions(keep=job.keep, voxel_size=job.voxel_size)
    mesh, _ = make_surface(scene.reconstruction, options, monitor)
    dropped = CleanMesh(CleanMeshOptions(min_component=job.min_component))(to_open3d(mesh))
    return dropped.to(open3d_device(job.device))

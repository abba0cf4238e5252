"""`amb3r mesh`: a scene folder to a triangle mesh. Open3D is imported when the command runs, not when it is listed."""

from pathlib import Path
from typing import Annotated

import tyro

from amb3r_core import require
from amb3r_core.cli.host import ProgressStyle, print_table, watching


def mesh(
    scene: tyro.conf.Positional[Path],
    *,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    screenshot: Path | None = None,
    voxel_size: float | None = None,
    min_component: float = 0.0003,
    device: str = "CPU:0",
    overwrite: bool = False,
    progress: ProgressStyle = "bar",
) -> None:
    """A triangle mesh of a scene, by TSDF fusion (needs the extra open3d).

    Args:
        scene: Scene folder, or its scene.amb3r file.
        output: Mesh to write: .ply, .obj, .glb, .stl or .usdz.
        screenshot: Also render the mesh without a window into this PNG.
        voxel_size: Edge of a voxel in scene units; from the data when not given.
        min_component: Pieces with a smaller share of all triangles are dropped.
        device: Open3D's device: CPU:0, CUDA:0.
        overwrite: Replace outputs that are there already.
        progress: bar, json or none.
    """
    require("open3d", extra="open3d", purpose="for amb3r mesh")
    from amb3r_core import load_scene
    from amb3r_open3d.meshing import MeshJob, make_mesh
    from amb3r_open3d.scene import Scene

    job = MeshJob(
        output=output,
        screenshot=screenshot,
        voxel_size=voxel_size,
        min_component=min_component,
        device=device,
        overwrite=overwrite,
    )
    with watching(progress) as monitor:
        rows = make_mesh(Scene(load_scene(scene)), job, monitor)
    print_table("", rows)

"""`amb3r mesh`: a scene folder to a triangle mesh."""

from pathlib import Path
from typing import Annotated

import tyro

from amb3r_core.cli.screen import ProgressStyle, print_table, watching
from amb3r_core.cli.summary import depth_row
from amb3r_core.surface.options import SurfaceOptions

DEFAULT_SURFACE = SurfaceOptions()


def mesh(
    scene: tyro.conf.Positional[Path],
    *,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    surface: Annotated[SurfaceOptions, tyro.conf.arg(name="")] = DEFAULT_SURFACE,
    texture: bool = True,
    texture_size: int | None = None,
    screenshot: Path | None = None,
    overwrite: bool = False,
    progress: ProgressStyle = "bar",
) -> None:
    """A clean, textured triangle mesh of a scene's trusted depth (needs the extra mesh).

    Args:
        scene: Scene folder, or its scene.amb3r file.
        output: Mesh to write: .glb, .ply, .obj, .stl or .usdz.
        texture: Texture GLB, OBJ and USDZ from the photos; PLY and the others without it have coloured vertices.
        texture_size: Side of the texture in pixels; 2048, 4096 or 8192 by quality when not given.
        screenshot: Also render a sheet into this PNG: a photo, and the lit mesh from its camera, the side and above.
        overwrite: Replace outputs that are there already.
        progress: bar, json or none.
    """
    from amb3r_core.surface.job import MeshJob, run_mesh_job

    job = MeshJob(
        output=output,
        surface=surface,
        texture=texture,
        texture_size=texture_size,
        screenshot=screenshot,
        overwrite=overwrite,
    )
    with watching(progress) as monitor:
        reconstruction, rows = run_mesh_job(scene, job, monitor)
    print_table("", {**rows, "depth": depth_row(reconstruction, surface.keep)})

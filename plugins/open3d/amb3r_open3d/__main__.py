"""`python -m amb3r_open3d clip.mp4 --mesh room.glb --dataset out/`: from photos or a video to what Open3D works on."""

import sys
from collections.abc import Sequence
from pathlib import Path

import tyro

from amb3r_core.cli.flags import flags_of
from amb3r_core.cli.screen import ProgressStyle, exit_code, print_table, watching
from amb3r_core.cli.values import option_values
from amb3r_core.errors import InputError
from amb3r_core.optional import require
from amb3r_core.options import ScaleFrom


def reconstruct(
    images: tyro.conf.Positional[list[Path]],
    *,
    mesh: Path | None = None,
    dataset: Path | None = None,
    splats: Path | None = None,
    points: Path | None = None,
    screenshot: Path | None = None,
    scene: Path | None = None,
    model: str = "auto",
    max_frames: int = 100,
    scale_from: ScaleFrom | str = "auto",
    voxel_size: float | None = None,
    min_component: float = 0.0003,
    device: str = "CPU:0",
    view: bool = False,
    overwrite: bool = False,
    progress: ProgressStyle = "bar",
) -> None:
    """Photos, a video, or a scene folder to a mesh, a dataset for Open3D's own scripts, points, splats.

    Args:
        images: A folder of photos, photo files, one video, or a scene folder of `amb3r reconstruct`.
        mesh: Mesh to write: .ply, .glb or .obj.
        dataset: Folder to write that Open3D's reconstruction examples read.
        splats: 3D Gaussians to write: .ply, .splat or .spz (needs Open3D 0.20).
        points: Point cloud to write: .ply or .pcd.
        screenshot: Picture of the mesh, rendered without a window (.png); needs --mesh.
        scene: Scene folder to keep the reconstruction in.
        model: auto, colmap, amb3r or vggt.
        max_frames: Video: take no more frames than this.
        scale_from: Metres from "A,B,1.25", a poses file in metres, gps, none; auto: GPS if good.
        voxel_size: Edge of a voxel in scene units; from the data when not given.
        min_component: Pieces of the mesh with a smaller share of all triangles are dropped.
        device: Open3D's device: CPU:0, CUDA:0.
        view: Open a window with the result and the cameras.
        overwrite: Replace outputs that are there already.
        progress: bar, json or none.
    """
    require("open3d", extra="open3d", purpose="for every stage of amb3r_open3d")
    from amb3r_open3d.batch import BatchJob, run_batch

    if screenshot is not None and mesh is None:
        raise InputError("`screenshot` is a picture of the mesh: give `mesh` too", option="screenshot")
    job = BatchJob(
        images=tuple(images),
        mesh=mesh,
        dataset=dataset,
        splats=splats,
        points=points,
        screenshot=screenshot,
        scene=scene,
        model=model,
        max_frames=max_frames,
        scale_from=scale_from,
        voxel_size=voxel_size,
        min_component=min_component,
        device=device,
        view=view,
        overwrite=overwrite,
    )
    with watching(progress) as monitor:
        rows = run_batch(job, monitor)
    print_table("", rows)


def run(arguments: Sequence[str]) -> int:
    """The exit code: 0 done, 1 an error the user can mend, 2 wrong arguments, 130 cancelled."""
    config = (tyro.conf.OmitArgPrefixes,)
    words = list(arguments) or ["--help"]
    return exit_code(
        lambda: tyro.cli(reconstruct, prog="python -m amb3r_open3d", args=words, config=config, registry=option_values()),
        arguments,
        flags=flags_of(reconstruct),
    )


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))

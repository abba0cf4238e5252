"""`amb3r splat`: a scene's gaussians, refined on its photos for some seconds with gsplat on a CUDA GPU."""

from pathlib import Path
from typing import Annotated

import tyro

from amb3r_core import Keep


def splat(
    scene: tyro.conf.Positional[Path],
    *,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("splat.ply"),
    seconds: float = 60.0,
    splats: int = 300_000,
    device: str = "cuda",
    seed: int = 0,
    keep: Keep = "trusted",
    overwrite: bool = False,
) -> None:
    """A scene's splat, refined on its photos (needs a CUDA GPU and gsplat; amb3r convert SCENE --to splat needs neither).

    Args:
        scene: Scene folder.
        output: PLY to write.
        seconds: How long to refine.
        splats: Most gaussians.
        device: cuda, cuda:1.
        seed: Order of the photos.
        keep: How much depth to start from: what is trusted, most, or all.
        overwrite: Replace the output.
    """
    from amb3r_core import DependencyError, kept, load_scene, require, staged_file
    from amb3r_core.cli.host import watching
    from amb3r_core.export.notes import comment_lines
    from amb3r_core.export.ply import write_vertices

    reconstruction = kept(load_scene(scene), keep)
    torch = require("torch", extra="", purpose="to refine splats")
    if not torch.cuda.is_available():
        raise DependencyError(
            "refining splats needs a CUDA GPU, and torch finds none here; "
            f"the splat without refinement needs no GPU: amb3r convert {scene} --to splat"
        )
    rendering = require("gsplat.rendering", extra="gsplat", purpose="to render splats")
    from amb3r_nerfstudio.splat_refine import refine_splat, start_splat

    with staged_file(output, overwrite=overwrite) as partial, watching("bar") as monitor:
        start = start_splat(reconstruction, splats, monitor)
        refined = refine_splat(
            reconstruction, start, rendering.rasterization, seconds=seconds, device=device, seed=seed, monitor=monitor
        )
        write_vertices(partial, refined, comment_lines(reconstruction))

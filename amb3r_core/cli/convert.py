"""`amb3r convert`: a scene folder to another format."""

from pathlib import Path
from typing import Annotated

import tyro

from amb3r_core.cli.screen import print_table
from amb3r_core.cli.summary import depth_row, pose_row
from amb3r_core.options import DEFAULT_KEEP, Keep


def convert(
    scene: tyro.conf.Positional[Path],
    *,
    to: str,
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    keep: Keep = DEFAULT_KEEP,
    overwrite: bool = False,
) -> None:
    """A scene folder to another format.

    Args:
        scene: Scene folder, or its scene.amb3r file.
        to: ply, glb, colmap, colmap-text, nerfstudio, tum, splat or npz; several with commas between.
        output: File or folder to write; inside the scene folder, under the format's usual name, when not given.
        keep: How much depth the outputs are made of: what is trusted, most, or all.
        overwrite: Replace an output that is there already.
    """
    from amb3r_core.errors import InputError
    from amb3r_core.export import SceneExports, find_exporters
    from amb3r_core.export.scene_dir import load_scene
    from amb3r_core.scene.pose_trust import is_doubtful

    exporters = find_exporters([name.strip() for name in to.split(",") if name.strip()])
    if output is not None and len(exporters) != 1:
        raise InputError(f"`output` names one place but `to` names {len(exporters)} formats; leave `output` out", option="output")
    reconstruction = load_scene(scene)
    exports = SceneExports(reconstruction, keep)
    folder = scene if scene.is_dir() else scene.parent
    rows: dict[str, str] = {}
    for name, exporter in exporters.items():
        target = output or folder / exporter.default_name
        rows[name] = "\n".join(str(path) for path in exports.write(target, name, overwrite=overwrite))
    if is_doubtful(reconstruction):
        rows["pose trust"] = pose_row(reconstruction)
    if reconstruction.dense is not None:
        rows["depth"] = depth_row(reconstruction, keep)
    print_table("", rows)

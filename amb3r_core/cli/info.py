"""`amb3r info`: what is in a scene folder."""

from pathlib import Path

import tyro

from amb3r_core.cli.screen import emit, print_table
from amb3r_core.cli.summary import summary_fields, summary_rows


def info(scene: tyro.conf.Positional[Path], *, json: bool = False) -> None:
    """What is in a scene folder.

    Args:
        scene: Scene folder, or its scene.amb3r file.
        json: Print one JSON object instead of a table.
    """
    from amb3r_core.export.scene_dir import count_points, load_scene
    from amb3r_core.scene.trust import keep_of_cloud
    from amb3r_core.scene_folder.document import files_outside

    reconstruction, n_points = load_scene(scene), count_points(scene)
    outside = files_outside(reconstruction, scene if scene.is_dir() else scene.parent)
    if json:
        emit("scene", scene=str(scene), **summary_fields(reconstruction, n_points), files_outside=outside)
        return
    rows = summary_rows(reconstruction, n_points, list_all=True)
    keep = keep_of_cloud(reconstruction)
    if keep is not None:
        rows["points"] += f", made with --keep {keep}"
    if outside:
        rows["files outside"] = "\n".join([f"{len(outside)} photos or masks lie outside the scene folder:", *outside])
    dense = reconstruction.dense
    rows["depth maps"] = f"{dense.n_views} of {dense.width}x{dense.height}" if dense is not None else "none"
    print_table(str(scene), rows)

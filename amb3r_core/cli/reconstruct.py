"""`amb3r reconstruct`: photos or a video to a scene folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from amb3r_core.cli.screen import ProgressStyle, emit, json_line, print_line, print_table, watching
from amb3r_core.cli.summary import summary_fields, summary_rows
from amb3r_core.errors import OptionError
from amb3r_core.options import DEFAULT_KEEP, Keep, ReconstructOptions

if TYPE_CHECKING:
    from amb3r_core.jobs.write_scene import WrittenScene
    from amb3r_core.scene.fusion import FusionConfig


@dataclass(frozen=True, kw_only=True)
class CloudOptions:
    """The scene's point cloud."""

    min_weight: float | None = None
    """Keep points whose confidence weight (c - 1) / c, in [0, 1), is at least this."""
    voxel_size: float | None = None
    """Edge of the thinning voxels in scene units (metres where metric); fits the pixels when not given."""
    max_points: int | None = None
    """Keep no more points than this."""


DEFAULT_OPTIONS = ReconstructOptions()
DEFAULT_CLOUD = CloudOptions()


def reconstruct(
    inputs: tyro.conf.Positional[tuple[Path, ...]],
    *,
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    check: bool = False,
    export: str = "",
    overwrite: bool = False,
    progress: ProgressStyle = "bar",
    options: Annotated[ReconstructOptions, tyro.conf.arg(name="")] = DEFAULT_OPTIONS,
    cloud: Annotated[CloudOptions, tyro.conf.arg(name="")] = DEFAULT_CLOUD,
) -> None:
    """Photos or a video to a scene folder.

    Args:
        inputs: A folder of photos, photo files, or one video.
        output: Scene folder to write; it appears when everything is done. Needed unless --check is given.
        check: Do the first step alone: say what is found, joined and left out, and what the work would take.
        export: Formats to write inside it, with commas between: ply,glb,colmap,colmap-text,nerfstudio,tum,splat,npz.
        overwrite: Replace a scene that is there already.
        progress: bar: for people. json: one JSON object per line, for programs. none: quiet.
    """
    if check:
        return _check(list(inputs), options, progress)
    if output is None:
        raise OptionError("where should the scene go? Give `output`", option="output")
    from amb3r_core.jobs.write_scene import write_scene

    with watching(progress) as monitor:
        written = write_scene(
            list(inputs),
            output,
            options,
            exports=[name.strip() for name in export.split(",") if name.strip()],
            fusion=fusion_config(cloud),
            overwrite=overwrite,
            monitor=monitor,
        )
    report(written, keep=options.keep, as_json=progress == "json")


def _check(inputs: list[Path], options: ReconstructOptions, progress: ProgressStyle) -> None:
    """Prints the findings of the first step on the output stream."""
    from amb3r_core.jobs.job import ReconstructionJob, check
    from amb3r_core.progress import NOTICE, Progress

    def show(step: Progress, /) -> None:
        if progress == "json":
            json_line(step)
        elif step.stage == NOTICE:
            print_line(step.message)

    check(ReconstructionJob(groups=[inputs], options=options.parsed()), show)


def fusion_config(cloud: CloudOptions) -> "FusionConfig":
    """The fusion's own defaults, changed where the user asked."""
    from dataclasses import replace

    from amb3r_core.scene.fusion import FusionConfig

    config = FusionConfig()
    wrong = {
        "min_weight": cloud.min_weight is not None and not 0.0 <= cloud.min_weight < 1.0,
        "voxel_size": cloud.voxel_size is not None and not 0.0 < cloud.voxel_size < float("inf"),
        "max_points": cloud.max_points is not None and cloud.max_points < 1,
    }
    for name in (name for name, is_wrong in wrong.items() if is_wrong):
        wanted = "from 0 to below 1" if name == "min_weight" else "more than 0"
        raise OptionError(f"--{name.replace('_', '-')} {getattr(cloud, name)}: {wanted} is wanted", option=name)
    if cloud.min_weight is not None:
        config = replace(config, min_weight=cloud.min_weight)
    if cloud.voxel_size is not None:
        config = replace(config, voxel_size=cloud.voxel_size)
    if cloud.max_points is not None:
        config = replace(config, max_points=cloud.max_points)
    return config


def report(written: "WrittenScene", *, keep: Keep = DEFAULT_KEEP, as_json: bool, more: dict[str, str] | None = None) -> None:
    """Prints the summary of a written scene, with `more` lines of it. keep: how much depth its cloud is made of."""
    from amb3r_core.compute.machine import peak_memory_mb

    if as_json:
        fields = dict(summary_fields(written.reconstruction, written.n_points))
        emit(
            "result",
            scene=str(written.folder),
            exports=[str(p) for p in written.exports],
            peak_memory_mb=peak_memory_mb(),
            **fields,
        )
        return
    rows = summary_rows(written.reconstruction, written.n_points, keep=keep)
    rows["peak memory"] = f"{peak_memory_mb():,.0f} MB"
    rows.update(more or {})
    rows["scene"] = str(written.folder)
    if written.exports:
        rows["exports"] = "\n".join(str(path) for path in written.exports)
    print_table("", rows)

"""`python -m amb3r_open3d clip.mp4 --mesh room.glb --dataset out/`: from photos or a video to what Open3D works on."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from amb3r_core import require
from amb3r_core.cli.host import ProgressStyle, exit_code, flags_of, option_values, print_table, watching
from amb3r_open3d.batch_options import BatchOptions, BatchOutputs

DEFAULT_OPTIONS = BatchOptions()
NO_OUTPUTS = BatchOutputs()


def reconstruct(
    inputs: tyro.conf.Positional[tuple[Path, ...]],
    *,
    outputs: Annotated[BatchOutputs, tyro.conf.arg(name="")] = NO_OUTPUTS,
    options: Annotated[BatchOptions, tyro.conf.arg(name="")] = DEFAULT_OPTIONS,
    progress: ProgressStyle = "bar",
) -> None:
    """Photos, a video, or a scene folder to a mesh, a dataset for Open3D's own scripts, points, splats.

    Args:
        inputs: A folder of photos, photo files, one video, or a scene folder of `amb3r reconstruct`.
        progress: bar, json or none.
    """
    require("open3d", extra="open3d", purpose="for every stage of amb3r_open3d")
    from amb3r_open3d.batch import BatchJob, run_batch

    job = BatchJob(inputs=inputs, options=options, outputs=outputs)
    with watching(progress) as monitor:
        rows = run_batch(job, monitor)
    print_table("", rows)


def run(arguments: Sequence[str]) -> int:
    """The exit code: 0 done, 1 an error the user can mend, 2 wrong arguments, 130 cancelled."""
    config = (tyro.conf.OmitArgPrefixes,)
    words = list(arguments) or ["--help"]

    def command() -> None:
        tyro.cli(reconstruct, prog="python -m amb3r_open3d", args=words, config=config, registry=option_values())

    return exit_code(command, arguments, flags=flags_of(BatchOutputs))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))

"""The plugin's own commands; each imports Nerfstudio only when it runs."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn, Union

import tyro

from amb3r_core import Amb3rError, require
from amb3r_core.cli.host import CORE_FLAGS, EXIT_ERROR, exit_code, flags_of, option_values
from amb3r_nerfstudio.process_options import PROCESS_FLAGS

HOST = "nerfstudio.process_data.base_converter_to_nerfstudio_dataset"


def process() -> NoReturn:
    """`ns-process-amb3r`."""

    def run() -> None:
        process_amb3r = _process_class()
        tyro.cli(process_amb3r, prog="ns-process-amb3r", registry=option_values()).main()

    exit_with(run, PROCESS_FLAGS)


def process_data() -> NoReturn:
    """`python -m amb3r_nerfstudio process-data`: Nerfstudio's own subcommands with amb3r beside them."""

    def run() -> None:
        theirs: Any = require("nerfstudio.scripts.process_data", extra="nerfstudio", purpose="to process data")
        process_amb3r = _process_class()
        commands: Any = Union[theirs.Commands, Annotated[process_amb3r, tyro.conf.subcommand(name="amb3r")]]  # noqa: UP007
        tyro.cli(commands, prog="python -m amb3r_nerfstudio process-data", registry=option_values()).main()

    exit_with(run, PROCESS_FLAGS)


def check() -> NoReturn:
    """`ns-amb3r-check`."""

    def run() -> int:
        folder = tyro.cli(_check_arguments, prog="ns-amb3r-check")
        from amb3r_nerfstudio.check import check_dataset, print_results

        results = check_dataset(folder)
        print_results(folder, results)
        return EXIT_ERROR if any(result.verdict == "fail" for result in results) else 0

    exit_with(run)


def to_metric() -> NoReturn:
    """`ns-amb3r-to-metric`."""
    exit_with(lambda: tyro.cli(_to_metric, prog="ns-amb3r-to-metric"), flags_of(_to_metric))


def _to_metric(
    *,
    output: Path,
    ply: Path | None = None,
    load_config: Path | None = None,
    transforms: Path | None = None,
    dataset: Path | None = None,
    overwrite: bool = False,
) -> None:
    """An exported or trained splat in the scene's own coordinates: metres for a metric scene. No GPU, no Nerfstudio.

    Args:
        output: PLY to write; the similarity that was applied is written beside it as JSON.
        ply: Splat of ns-export gaussian-splat.
        load_config: config.yml of a training, in place of --ply: its last checkpoint is read.
        transforms: The training's dataparser_transforms.json; found beside config.yml or the PLY when not given.
        dataset: Dataset whose z-up coordinates are wanted; the reconstruction's own coordinates when not given.
        overwrite: Replace the output.
    """
    from amb3r_nerfstudio.to_metric import restore

    similarity = restore(
        ply=ply, load_config=load_config, transforms=transforms, dataset=dataset, output=output, overwrite=overwrite
    )
    print(f"{output}: every length was multiplied by {similarity.scale:.6g}")  # noqa: T201


def _check_arguments(dataset: tyro.conf.Positional[Path], /) -> Path:
    """Reads a Nerfstudio dataset as Nerfstudio does, and says what is wrong with it.

    Args:
        dataset: Folder with transforms.json.
    """
    return dataset


def _process_class() -> Any:
    require(HOST, extra="nerfstudio", purpose="to process data the way ns-process-data does")
    from amb3r_nerfstudio.process import ProcessAMB3R

    return ProcessAMB3R


def exit_with(run: Callable[[], int | None], flags: Mapping[str, str] = CORE_FLAGS) -> NoReturn:
    """Runs and exits, as `amb3r` does; what Nerfstudio's own scripts tell in one line is told in one line here too."""
    sys.exit(exit_code(run, sys.argv[1:], flags=flags, trouble=(Amb3rError, RuntimeError, ValueError)))

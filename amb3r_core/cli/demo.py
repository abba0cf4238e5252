"""`amb3r demo`: the bundled sample scene, reconstructed and scored against its ground truth."""

from pathlib import Path
from typing import Annotated

import tyro

from amb3r_core.cli.screen import ProgressStyle, watching


def demo(
    *,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("amb3r-demo"),
    model: str = "auto",
    overwrite: bool = False,
    progress: ProgressStyle = "bar",
) -> None:
    """The bundled sample scene, reconstructed, exported to every format, and scored against its ground truth.

    Args:
        output: Scene folder to write.
        model: auto, colmap, amb3r or vggt.
        overwrite: Replace a scene that is there already.
        progress: bar, json or none.
    """
    from amb3r_core.cli.reconstruct import report
    from amb3r_core.jobs.sample import run_sample

    with watching(progress) as monitor:
        written, accuracy = run_sample(output, model=model, overwrite=overwrite, monitor=monitor)
    report(written, as_json=progress == "json", more=accuracy)

"""`amb3r plan`: whether the network fits, before anything is loaded."""

from pathlib import Path
from typing import Annotated

import tyro

from amb3r_core.cli.flags import as_flags
from amb3r_core.cli.screen import print_table
from amb3r_core.options import DtypeName


def plan(
    inputs: tyro.conf.Positional[tuple[Path, ...]],
    *,
    device: str = "auto",
    dtype: DtypeName = "auto",
    long_side: Annotated[int | None, tyro.conf.arg(metavar="PX")] = None,
    backend: bool = True,
    max_frames: int = 100,
) -> None:
    """Whether the network can see these photos or this video at once, and what to change when it cannot.

    Args:
        inputs: A folder of photos, photo files, or one video.
        device: auto, cpu, cuda, cuda:1, mps.
        dtype: Number type of the network.
        long_side: Longer side of the depth maps; the model's own choice when not given.
        backend: Count the sparse voxel back end.
        max_frames: Video: how many frames would be taken at most.
    """
    import torch

    from amb3r_core.compute.devices import choose_device
    from amb3r_core.models.amb3r.planning import load_of
    from amb3r_core.models.blocks.memory import available_bytes
    from amb3r_core.models.blocks.memory import plan as plan_memory
    from amb3r_core.models.blocks.precision import choose_dtype

    chosen = torch.device(choose_device(device))
    load = load_of(
        inputs,
        device=chosen,
        dtype=choose_dtype(dtype, chosen),
        long_side_px=long_side,
        use_backend=backend,
        max_frames=max_frames,
    )
    answer = plan_memory(load, available_bytes(chosen))
    print_table("", {"fits" if answer.fits else "does not fit": as_flags(answer.sentence), "device": str(chosen)})

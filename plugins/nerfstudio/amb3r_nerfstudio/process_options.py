"""The core's options as `ns-process-amb3r` takes them. Needs no Nerfstudio."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import tyro

from amb3r_core import ReconstructOptions
from amb3r_core.cli.host import CORE_FLAGS, flag_of


@dataclass(frozen=True, kw_only=True)
class ProcessOptions(ReconstructOptions):
    """How to reconstruct the scene: all of the core's choices, those that Nerfstudio's own command has too under its names."""

    max_frames: Annotated[int, tyro.conf.arg(name="num-frames-target", aliases=("--max-frames",))] = 300
    """Video: take no more frames than this."""
    seed: Annotated[int, tyro.conf.arg(name="random-seed", aliases=("--seed",))] = 0
    """The same input, options and seed give the same dataset."""


RENAMED = {"max_frames": "--num-frames-target", "seed": "--random-seed"}
OWN_OPTIONS = (
    *("data", "eval_data", "output_dir", "camera_type", "refine_intrinsics", "key_frame_distance"),
    *("crop_factor", "min_blur_score", "confidence_masks"),
)
PROCESS_FLAGS: Mapping[str, str] = {**CORE_FLAGS, **RENAMED, **{name: flag_of(name) for name in OWN_OPTIONS}}
"""Flag by option that an error of the command may name."""

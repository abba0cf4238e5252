"""What a set of inputs asks of the network, without loading it."""

from collections.abc import Sequence
from pathlib import Path

import torch

from amb3r_core.inputs.images import open_photos
from amb3r_core.inputs.video import is_video, probe_video, sampling_rate
from amb3r_core.models.amb3r.config import LARGE
from amb3r_core.models.amb3r.memory import Load
from amb3r_core.models.amb3r.model import PUBLISHED_LONG_SIDE_PX
from amb3r_core.models.api import InputSpec
from amb3r_core.models.batching import choose_grid


def load_of(
    inputs: Sequence[Path],
    *,
    device: torch.device,
    dtype: torch.dtype,
    long_side_px: int | None,
    use_backend: bool,
    max_frames: int,
) -> Load:
    """One call over all photos, or over the frames that would be taken of a video. Raises `InputError`."""
    sizes = _video_sizes(inputs[0], max_frames) if len(inputs) == 1 and is_video(inputs[0]) else _photo_sizes(inputs)
    spec = InputSpec(long_side_px=long_side_px or PUBLISHED_LONG_SIDE_PX, multiple_px=LARGE.patch_size)
    height, width = choose_grid(sizes, spec)
    return Load(n_views=len(sizes), height=height, width=width, dtype=dtype, device=device, use_backend=use_backend)


def _photo_sizes(inputs: Sequence[Path]) -> list[tuple[int, int]]:
    return [(frame.width, frame.height) for frame in open_photos(inputs)]


def _video_sizes(path: Path, max_frames: int) -> list[tuple[int, int]]:
    facts = probe_video(path)
    n_frames = max(min(round(facts.duration_s * sampling_rate(facts, None, max_frames)), max_frames), 1)
    return [(facts.width, facts.height)] * n_frames

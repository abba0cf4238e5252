"""Frames to one batch for a model: resized, letterboxed into a common grid, with masks and padding marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from amb3r_core.inputs.images import Frame
from amb3r_core.models.api import ImageBatch, InputSpec
from amb3r_core.progress import Monitor, silent, track
from amb3r_core.scene.camera import Letterbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The one grid of a scene, so that any part of it can be prepared alone."""

    grid: tuple[int, int]
    """(height, width)."""
    fill_size: tuple[int, int] | None = None
    """Images of this (width, height), once scaled, fill the grid; None when shapes are mixed."""


def choose_grid(sizes: Sequence[tuple[int, int]], spec: InputSpec) -> tuple[int, int]:
    """(height, width) of the grid that holds every (width, height), each scaled to the spec's long side at most.

    Images of one shape fill the grid: its sides are rounded to the spec's multiple. Mixed shapes get the smallest grid that
    holds them all.
    """
    multiple = spec.multiple_px
    scaled = [_scaled(size, spec.long_side_px) for size in sizes]
    width, height = max(w for w, _ in scaled), max(h for _, h in scaled)
    if len(set(scaled)) == 1:
        return max(round(height / multiple), 1) * multiple, max(round(width / multiple), 1) * multiple
    return ceil(height / multiple) * multiple, ceil(width / multiple) * multiple


def choose_letterbox(size: tuple[int, int], grid: tuple[int, int], *, fill: bool) -> Letterbox:
    """Where an image of (width, height) goes in the grid (height, width): all of it if `fill`, else centred in its own shape."""
    height, width = grid
    if fill:
        return Letterbox(x=0, y=0, width=width, height=height)
    scale = min(width / size[0], height / size[1])
    w, h = min(round(size[0] * scale), width) or 1, min(round(size[1] * scale), height) or 1
    return Letterbox(x=(width - w) // 2, y=(height - h) // 2, width=w, height=h)


def choose_layout(sizes: Sequence[tuple[int, int]], spec: InputSpec) -> Layout:
    """The layout of a scene whose images have these (width, height)."""
    scaled = {_scaled(size, spec.long_side_px) for size in sizes}
    return Layout(grid=choose_grid(sizes, spec), fill_size=scaled.pop() if len(scaled) == 1 else None)


def prepare(
    frames: Sequence[Frame],
    spec: InputSpec,
    *,
    layout: Layout | None = None,
    is_ordered: bool = False,
    monitor: Monitor = silent,
) -> ImageBatch:
    """The batch of these frames for a model with this input spec; images are never enlarged beyond their own long side.

    layout: of the scene these frames are a part of; None when they are all of it.
    """
    sizes = [(frame.width, frame.height) for frame in frames]
    layout = layout or choose_layout(sizes, spec)
    grid = layout.grid
    letterboxes = tuple(choose_letterbox(size, grid, fill=_scaled(size, spec.long_side_px) == layout.fill_size) for size in sizes)
    pixels = torch.zeros(len(frames), 3, *grid)
    valid = torch.zeros(len(frames), *grid, dtype=torch.bool)
    for index, frame in enumerate(track(frames, monitor, stage="load images", total=len(frames))):
        rows, columns = letterboxes[index].slices
        pixels[index, :, rows, columns] = resized_pixels(frame, letterboxes[index])
        valid[index, rows, columns] = resized_mask(frame, letterboxes[index])
    return ImageBatch(pixels=pixels, valid=valid, frames=tuple(frames), letterboxes=letterboxes, is_ordered=is_ordered)


def resized_pixels(frame: Frame, letterbox: Letterbox) -> Tensor:
    """The whole frame (3, h, w) float32 in [0, 1] at the letterbox's size, area-filtered; corners stay on corners."""
    image = Image.fromarray(frame.decode())
    if image.size != (letterbox.width, letterbox.height):
        image = image.resize((letterbox.width, letterbox.height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return torch.as_tensor(np.array(image)).permute(2, 0, 1).float() / 255.0


def resized_mask(frame: Frame, letterbox: Letterbox) -> Tensor:
    """True (h, w) where every original pixel under the grid pixel may be used."""
    if frame.decode_mask is None:
        return torch.ones(letterbox.height, letterbox.width, dtype=torch.bool)
    mask = Image.fromarray(frame.decode_mask().astype(np.uint8) * 255)
    small = mask.resize((letterbox.width, letterbox.height), Image.Resampling.BOX)
    return torch.as_tensor(np.array(small)) == 255


def _scaled(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    scale = min(long_side / max(size), 1.0)
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)

"""Which frames are reconstructed, and how they are cut before that: the shared wishes of Nerfstudio's image flags."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from amb3r_core import Frame, FrameList, InputError, Reconstruction
from amb3r_core.scene.arrays import UInt8

HELD_OUT = "eval"
"""Under which the names of held-out frames stand."""
BLUR_LONG_SIDE_PX = 640
"""Sharpness is measured on about this size, so that one limit fits phones and cameras."""


@dataclass(frozen=True, kw_only=True)
class FrameWishes:
    """Which frames are wanted, and which part of them."""

    crop: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Shares cut off at top, bottom, left, right."""
    max_frames: int | None = None
    """None keeps all."""
    min_sharpness: float = 0.0
    """0 keeps all."""

    def __post_init__(self) -> None:
        top, bottom, left, right = self.crop
        if min(self.crop) < 0 or top + bottom >= 1 or left + right >= 1:
            raise InputError(
                f"`crop_factor={' '.join(map(str, self.crop))}`: shares of the image that leave something are wanted",
                option="crop_factor",
            )


def chosen_frames(frames: FrameList, wishes: FrameWishes) -> FrameList:
    """The sharp enough frames, evenly thinned to the most that are wanted, each cropped; in their order."""
    kept = list(frames)
    if wishes.min_sharpness > 0:
        kept = [frame for frame in kept if sharpness(frame.decode()) >= wishes.min_sharpness]
        if not kept:
            message = f"all {len(frames)} images are blurrier than `min_blur_score={wishes.min_sharpness:g}`; lower it"
            raise InputError(message, option="min_blur_score")
    if wishes.max_frames is not None and len(kept) > wishes.max_frames:
        kept = [kept[index * len(kept) // wishes.max_frames] for index in range(wishes.max_frames)]
    if any(wishes.crop):
        kept = [cropped(frame, wishes.crop) for frame in kept]
    return replace(frames, frames=tuple(kept))


def sharpness(rgb: UInt8) -> float:
    """Variance of the Laplacian of the grey image (H, W, 3): about 0 for a smear, hundreds for a crisp photo."""
    step = max(1, round(max(rgb.shape[:2]) / BLUR_LONG_SIDE_PX))
    grey = rgb[::step, ::step].astype(np.float32).mean(axis=-1)
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    return float(laplacian.var()) if laplacian.size else 0.0


def cropped(frame: Frame, crop: tuple[float, float, float, float]) -> Frame:
    """The frame without the given shares at top, bottom, left and right; a known camera moves with it."""
    top, bottom = round(crop[0] * frame.height), frame.height - round(crop[1] * frame.height)
    left, right = round(crop[2] * frame.width), frame.width - round(crop[3] * frame.width)
    rows, columns = slice(top, bottom), slice(left, right)
    camera = frame.camera
    if camera is not None:
        camera = replace(camera, width=right - left, height=bottom - top, cx=camera.cx - left, cy=camera.cy - top)
    return replace(
        frame,
        width=right - left,
        height=bottom - top,
        decode=_cut(frame.decode, rows, columns),
        decode_mask=None if frame.decode_mask is None else _cut_mask(frame.decode_mask, rows, columns),
        is_upright_file=False,
        camera=camera,
    )


def _cut(decode: Callable[[], UInt8], rows: slice, columns: slice) -> Callable[[], UInt8]:
    return lambda: np.ascontiguousarray(decode()[rows, columns])


def _cut_mask(decode: Callable[[], NDArray[np.bool_]], rows: slice, columns: slice) -> Callable[[], NDArray[np.bool_]]:
    return lambda: np.ascontiguousarray(decode()[rows, columns])


def joined(train: FrameList, held_out: FrameList) -> FrameList:
    """Both sets as one, to be reconstructed together; `held_out_names` tells them apart afterwards."""

    def under(folder: str, frames: FrameList) -> list[Frame]:
        return [replace(frame, name=f"{folder}/{frame.name}") for frame in frames]

    return FrameList((*under("train", train), *under(HELD_OUT, held_out)), is_ordered=False)


def held_out_names(scene: Reconstruction) -> frozenset[str]:
    """The names of the held-out frames in a scene of joined sets, placed or not."""
    names = [view.name for view in (*scene.views, *scene.unregistered)]
    return frozenset(name for name in names if name.startswith(f"{HELD_OUT}/"))

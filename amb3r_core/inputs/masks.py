"""Masks: image files that say which pixels of which photos to use."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from numpy import bool_
from numpy.typing import NDArray

from amb3r_core.errors import InputError
from amb3r_core.inputs.images import Frame, FrameList
from amb3r_core.inputs.joining import join_names, listed
from amb3r_core.inputs.mask_pixels import load_mask
from amb3r_core.inputs.names import images_below
from amb3r_core.progress import Monitor, silent, track

MASK_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
MARKS = re.compile(r"(?P<name>.+?)[ _.-]masks?$|^masks?[ _.-](?P<rest>.+)$", re.IGNORECASE)
"""What a file's name may carry to say that it is a mask: `NAME_mask.png`, `mask_NAME.png`."""


def with_masks(frames: FrameList, folder: Path, monitor: Monitor = silent) -> FrameList:
    """The frames with the masks of a folder, joined by path or name, and a note of what was joined and what is left.

    `a.jpg` has its mask in `a.png`, `a.jpg.png`, `a_mask.png` or `mask_a.png`, in any case, in a folder of the same name below
    `folder` where photos are in folders too. A mask that a photo brings itself (transparency) holds as well. Raises `InputError`
    when no mask belongs to a photo, when it is unclear whose one is, and when one has another shape than its photo.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: the masks folder does not exist", option="masks")
    files = images_below(folder, MASK_SUFFIXES, lambda inner: not inner.name.startswith("."))
    names = [frame.name for frame in frames]
    joined = join_names(names, [_photo_names(file.relative_to(folder)) for file in files], what=f"masks of {folder.name}")
    if not joined.entry_of:
        held = listed([file.name for file in files]) or "no image"
        first = f"it holds {held}; the first photo is {names[0]}"
        raise InputError(f"{folder}: no mask in it belongs to one of the {len(frames)} photos ({first})", option="masks")
    path_of = {name: files[index] for name, index in joined.entry_of.items()}
    _check([(frame, path_of[frame.name]) for frame in frames if frame.name in path_of], monitor)
    masked = [_with_mask(frame, path_of[frame.name]) if frame.name in path_of else frame for frame in frames]
    return replace(frames, frames=tuple(masked), notes=(*frames.notes, joined.sentence))


def _check(masks: Sequence[tuple[Frame, Path]], monitor: Monitor) -> None:
    """Reads each mask once, so that one that cannot be used stops the job before its work."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        for _ in track(pool.map(_read, masks), monitor, stage="read masks", total=len(masks)):
            pass


def _read(mask: tuple[Frame, Path]) -> None:
    frame, path = mask
    load_mask(path, frame.width, frame.height)


def _photo_names(mask: Path) -> list[str]:
    """What the photo of a mask file may be called, likeliest first."""
    whole = mask.stem
    marked = MARKS.match(whole)
    bare = [marked.group("name") or marked.group("rest")] if marked else []
    return [(mask.parent / name).as_posix() for name in (whole, *bare)]


def _with_mask(frame: Frame, path: Path) -> Frame:
    alpha, size = frame.decode_mask, (frame.width, frame.height)

    def decode_mask() -> NDArray[bool_]:
        mask = load_mask(path, *size)
        return mask if alpha is None else mask & alpha()

    return replace(frame, decode_mask=decode_mask, mask_path=path)

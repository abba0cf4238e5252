"""The photos a scene keeps: upright, undistorted, in a format every host reads."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from shutil import copyfile
from typing import Literal

import numpy as np
import torch
from PIL import Image

from amb3r_core.compute.arrays import uint8_array
from amb3r_core.compute.lens import undistort_mask
from amb3r_core.inputs.images import Frame
from amb3r_core.inputs.straightening import straight_pixels
from amb3r_core.progress import Monitor, silent, track
from amb3r_core.scene.reconstruction import Reconstruction, View

JPEG_QUALITY = 95
LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg", ".heic", ".heif", ".webp"})


def keep_images(
    reconstruction: Reconstruction,
    frames: Sequence[Frame],
    folder: Path,
    *,
    images: Literal["copy", "reference"] = "copy",
    monitor: Monitor = silent,
) -> Reconstruction:
    """The same scene, its views pointing at upright pinhole images and masks under `folder` (`images/`, `masks/`).

    A photo that is so already is copied byte for byte, or left where it is with images="reference" when its path is UTF-8; the
    others are decoded and written anew: photos as JPEG, lossless formats as PNG.
    """
    by_name = {frame.name: frame for frame in frames}
    views: list[View] = []
    taken: set[str] = set()
    for view in track(reconstruction.views, monitor, stage="keep images", total=reconstruction.n_views):
        frame = by_name[view.name]
        if frame.is_upright_file and view.lens.is_straight and images == "reference" and _can_be_named(frame.path):
            path = frame.path
        else:
            path = _write_image(frame, view, folder / "images", taken)
        views.append(replace(view, path=str(path), mask_path=_write_mask(frame, view, folder / "masks")))
    return replace(reconstruction, views=tuple(views))


def _can_be_named(path: Path | None) -> bool:
    """Whether the scene's text file can hold the path: names of files are bytes, which need not be UTF-8."""
    return path is not None and str(path).encode("utf-8", "replace") == os.fsencode(path)


def _write_image(frame: Frame, view: View, folder: Path, taken: set[str]) -> Path:
    as_it_is = frame.is_upright_file and view.lens.is_straight and frame.path is not None
    suffix = PurePosixPath(frame.name).suffix
    if not as_it_is:
        suffix = ".jpg" if suffix.lower() in LOSSY_SUFFIXES else ".png"
    path = folder / _free_name(PurePosixPath(frame.name).with_suffix(suffix), taken)
    path.parent.mkdir(parents=True, exist_ok=True)
    if as_it_is and frame.path is not None:
        copyfile(frame.path, path)
        return path
    rgb = frame.decode()
    if _is_bent(frame, view):
        rgb = straight_pixels(rgb, view.original_camera)
    Image.fromarray(rgb).save(path, quality=JPEG_QUALITY, subsampling=0)  # PNG ignores both
    return path


def _is_bent(frame: Frame, view: View) -> bool:
    """Whether the frame's pixels are still bent; those of a known lens are straight when they are decoded."""
    return not view.lens.is_straight and frame.lens.is_straight


def _write_mask(frame: Frame, view: View, folder: Path) -> str | None:
    """The mask as `folder`/NAME.png, where NAME is the photo's whole name: `a.jpg` and `a.png` both keep theirs."""
    if frame.decode_mask is None:
        return None
    mask = frame.decode_mask()
    if _is_bent(frame, view):
        mask = uint8_array(undistort_mask(torch.as_tensor(mask), view.original_camera)).astype(np.bool_)
    path = folder / f"{frame.name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return str(path)


def _free_name(name: PurePosixPath, taken: set[str]) -> str:
    """The name, with a number when another photo of another format took it."""
    candidate, number = str(name), 1
    while candidate.lower() in taken:
        number += 1
        candidate = str(name.with_stem(f"{name.stem}_{number}"))
    taken.add(candidate.lower())
    return candidate

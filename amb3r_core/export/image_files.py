"""The views' photos beside an export: copied when a file holds them, else the dense map's colours as PNG."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from amb3r_core.errors import InputError
from amb3r_core.export.file_copy import copy_file
from amb3r_core.export.image_kinds import is_image_file
from amb3r_core.export.png import write_png
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.reconstruction import Reconstruction, View

__all__ = ["PlacedImage", "copy_file", "free_name", "grid_image_camera", "photo_file", "place_images", "write_dense_colors"]


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """One written image: its name relative to the images folder, and the camera of the image at its size."""

    name: str
    camera: PinholeCamera


def place_images(reconstruction: Reconstruction, folder: Path) -> list[PlacedImage]:
    """Puts one image per view into `folder` and says how each is called and which camera it has.

    Originals are copied, so that an edit of the export changes nothing else. A view without a file gets the colours of its dense
    map, with the camera scaled to that size. Raises `InputError` when a view has neither, or names a file that is no image.
    """
    placed: list[PlacedImage] = []
    taken: set[str] = set()
    for index, view in enumerate(reconstruction.views):
        source = photo_file(view)
        suffix = ".png" if source is None else source.suffix
        name = free_name(view.name, suffix, taken)
        target = folder.joinpath(*PurePosixPath(name).parts)
        if not target.is_relative_to(folder):  # as `C:photo.jpg` does on Windows
            raise _leaves_the_folder(view.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source is None:
            placed.append(PlacedImage(name, write_dense_colors(reconstruction, index, target)))
        else:
            copy_file(source, target)
            placed.append(PlacedImage(name, view.camera))
    return placed


def photo_file(view: View) -> Path | None:
    """The view's file if it is there. A scene from a stranger may name any file of this machine, so it must be an image."""
    if view.path is None or not os.path.isfile(view.path):
        return None
    source = Path(view.path)
    if not is_image_file(source):
        raise InputError(f"view {view.name!r}: {source} is not an image, so it is not copied into the export")
    return source


def free_name(view_name: str, suffix: str, taken: set[str]) -> str:
    """The view's name with the suffix of its file; two names that become one keep their old suffixes in the stem."""
    path = PurePosixPath(view_name)
    if path.is_absolute() or ".." in path.parts:
        raise _leaves_the_folder(view_name)
    name = path.name if path.suffix.lower() == suffix.lower() else path.stem + suffix
    candidate = str(path.with_name(name))
    if candidate.lower() in taken:
        candidate = str(path.with_name(f"{path.stem}_{path.suffix.lstrip('.')}{suffix}"))
    taken.add(candidate.lower())
    return candidate


def _leaves_the_folder(view_name: str) -> InputError:
    return InputError(f"view {view_name!r} has a name that leaves the images folder; rename the photo")


def write_dense_colors(reconstruction: Reconstruction, index: int, target: Path) -> PinholeCamera:
    """Writes the part of the dense colours that shows the photo; its camera."""
    view, dense = reconstruction.views[index], reconstruction.dense
    if dense is None:
        raise InputError(f"view {view.name!r} has no image file ({view.path}) and no dense colours to stand in for it")
    write_png(target, np.asarray(dense.rgb[index])[view.letterbox.slices])
    return grid_image_camera(view)


def grid_image_camera(view: View) -> PinholeCamera:
    """The camera of the part of the dense grid that shows the photo, cut out."""
    return view.camera.resized(view.letterbox.width, view.letterbox.height)

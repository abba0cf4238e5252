"""The image files of a dataset: upright RGB under zero-padded names, masks, and every downscaled copy.

Nerfstudio sorts frames by file name and looks for downscaled copies by the bare name in `images_2`, so names are flat.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from amb3r_core import InputError, PinholeCamera, Reconstruction, View, load_rgb, require
from amb3r_core.export.image_files import PlacedImage, copy_file, photo_file, write_dense_colors
from amb3r_core.export.nerfstudio import write_masks
from amb3r_core.export.png import write_png

PLAIN_MODES = frozenset({"RGB", "L"})
PLAIN_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
JPEG_QUALITY = 95
EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True)
class FrameImage:
    """One frame: `file_path` relative to the dataset (or absolute), the camera of the image at its size, its split."""

    file_path: str
    camera: PinholeCamera
    split: Literal["train", "eval"]

    @property
    def name(self) -> str:
        return Path(self.file_path).name

    @property
    def placed(self) -> PlacedImage:
        """As the core's exporters know it: the name below `images/`."""
        return PlacedImage(self.file_path.removeprefix("images/"), self.camera)


def write_frames(
    reconstruction: Reconstruction,
    folder: Path,
    *,
    eval_names: frozenset[str] = frozenset(),
    is_named_in_place: Callable[[Path], bool] = lambda _photo: False,
) -> list[FrameImage]:
    """Writes `images/frame_00001.jpg` ... in the order of the views; those of `eval_names` are called `frame_eval_...`.

    is_named_in_place: of which photos the dataset names the file where it is instead. A view without a file shows its dense map's
    colours.
    """
    frames: list[FrameImage] = []
    (folder / "images").mkdir(parents=True)
    for index, view in enumerate(reconstruction.views):
        split: Literal["train", "eval"] = "eval" if view.name in eval_names else "train"
        stem = f"frame_{split}_{index + 1:05d}" if eval_names else f"frame_{index + 1:05d}"
        source = photo_file(view)
        if source is None:
            name, camera = f"images/{stem}.png", write_dense_colors(reconstruction, index, folder / f"images/{stem}.png")
        elif is_named_in_place(source):
            name, camera = str(source.resolve()), view.camera
        else:
            name, camera = f"images/{_write_photo(source, view, folder / 'images', stem)}", view.camera
        frames.append(FrameImage(name, camera, split))
    return frames


def _write_photo(source: Path, view: View, folder: Path, stem: str) -> str:
    """Copies a plain upright photo, else writes it anew as one; the file's name."""
    try:
        with _imaging().open(source) as image:
            is_plain = image.mode in PLAIN_MODES and source.suffix.lower() in PLAIN_SUFFIXES
            if is_plain and image.getexif().get(EXIF_ORIENTATION, 1) == 1:
                _check_size(view, image.size)
                name = stem + source.suffix.lower()
                copy_file(source, folder / name)
                return name
        upright = _imaging().fromarray(load_rgb(source))
    except OSError as error:
        raise InputError(f"photo {source} cannot be read: {error}") from error
    _check_size(view, upright.size)
    name = stem + (".jpg" if source.suffix.lower() in (".jpg", ".jpeg") else ".png")
    upright.save(folder / name, quality=JPEG_QUALITY)
    return name


def _check_size(view: View, size: tuple[int, int]) -> None:
    wanted = (view.camera.width, view.camera.height)
    if size != wanted:
        raise InputError(f"photo {view.path} is {size[0]}x{size[1]} but its camera is {wanted[0]}x{wanted[1]}")


def downscale_factors(frames: Sequence[FrameImage], count: int) -> list[int]:
    """2, 4, 8 ... as many as asked while every image keeps a pixel."""
    least = min(min(frame.camera.width, frame.camera.height) for frame in frames)
    return [2**level for level in range(1, count + 1) if 2**level <= least]


def write_downscaled(folder: Path, frames: Sequence[FrameImage], factor: int) -> None:
    """Writes `images_N/`: means over N x N pixels, so that intrinsics divided by N are exact; a rest of the edge is cut off."""
    target = folder / f"images_{factor}"
    target.mkdir()
    for frame in frames:
        with _imaging().open(folder / frame.file_path) as image:
            width, height = image.width // factor, image.height // factor
            image.crop((0, 0, width * factor, height * factor)).reduce(factor).save(target / frame.name, quality=JPEG_QUALITY)


def write_frame_masks(
    reconstruction: Reconstruction, folder: Path, frames: Sequence[FrameImage], radius: float, min_weight: float | None = None
) -> list[str]:
    """Writes `masks/` for all frames or none.

    radius: share of half the diagonal inside which pixels count, 1 = all. min_weight: pixels without depth, or with a smaller
    confidence weight, count no more; None = they do.
    """
    placed = [PlacedImage(frame.name, frame.camera) for frame in frames]
    names = write_masks(reconstruction, folder, placed)
    if radius >= 1.0 and min_weight is None:
        return names
    masks = [_read_mask(folder / name) for name in names] or [
        np.full((frame.camera.height, frame.camera.width), 255, np.uint8) for frame in frames
    ]
    names = [f"masks/{Path(frame.name).stem}.png" for frame in frames]
    (folder / "masks").mkdir(exist_ok=True)
    for index, (name, mask) in enumerate(zip(names, masks, strict=True)):
        counts = (mask > 0) & _circle(mask.shape, radius)
        if min_weight is not None:
            counts &= _trusted(reconstruction, index, mask.shape, min_weight)
        write_png(folder / name, np.where(counts, 255, 0).astype(np.uint8))
    return names


def _trusted(reconstruction: Reconstruction, index: int, shape: tuple[int, ...], min_weight: float) -> NDArray[np.bool_]:
    """Which pixels of the photo (H, W) have depth that is confident enough; the nearest of the dense map tells."""
    dense = reconstruction.dense
    if dense is None:
        raise InputError(
            "this scene holds cameras only, no confidence to mask by: leave `confidence_masks` out", option="confidence_masks"
        )
    part = reconstruction.views[index].letterbox.slices
    known = (np.asarray(dense.depth[index])[part] > 0) & (dense.weight(index)[part] >= min_weight)
    rows, columns = (
        ((np.arange(size) + 0.5) * coarse / size).astype(np.intp) for size, coarse in zip(shape, known.shape, strict=True)
    )
    return known[np.ix_(rows, columns)]


def write_downscaled_masks(folder: Path, names: Sequence[str], factor: int) -> None:
    """Writes `masks_N/`: a pixel counts only where all N x N pixels do."""
    (folder / f"masks_{factor}").mkdir()
    for name in names:
        mask = _read_mask(folder / name)
        height, width = mask.shape[0] // factor, mask.shape[1] // factor
        blocks = mask[: height * factor, : width * factor].reshape(height, factor, width, factor)
        write_png(folder / f"masks_{factor}" / Path(name).name, blocks.min(axis=(1, 3)))


def _read_mask(path: Path) -> NDArray[np.uint8]:
    with _imaging().open(path) as image:
        return np.asarray(image.convert("L")).copy()


def _circle(shape: tuple[int, ...], radius: float) -> NDArray[np.bool_]:
    height, width = shape
    row, column = np.mgrid[0:height, 0:width]
    distance = np.hypot(row - (height - 1) / 2, column - (width - 1) / 2)
    return distance <= radius * np.hypot(height, width) / 2


def _imaging() -> Any:
    return require("PIL.Image", extra="", purpose="to write images")

"""Photos in: found, named, checked and ordered."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import DependencyError, InputError
from amb3r_core.inputs.deep_grey import Band, common_bands
from amb3r_core.inputs.exif import GpsFix, PhotoFacts, doubts
from amb3r_core.inputs.image_files import IMAGE_SUFFIXES, RAW_SUFFIXES
from amb3r_core.inputs.names import images_below, is_image_name, natural_key, photo_names, shown, without_twins
from amb3r_core.inputs.pixels import PhotoFile, load_alpha, load_rgb, probe
from amb3r_core.progress import Monitor, Progress, silent
from amb3r_core.scene.arrays import Float64, UInt8
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.lens import STRAIGHT, Lens

MAX_NAMED_FILES = 12
"""How many bad files one error message names before it counts the rest."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One photo or video frame, decoded on demand."""

    name: str
    """Unique, with forward slashes."""
    width: int
    """Of the upright image, in pixels."""
    height: int
    decode: Callable[[], UInt8]
    """Gives upright RGB (H, W, 3) uint8."""
    decode_mask: Callable[[], NDArray[np.bool_]] | None = None
    """Gives bool (H, W), True = use; None when nothing is masked."""
    path: Path | None = None
    """The file it came from."""
    mask_path: Path | None = None
    is_upright_file: bool = False
    """Hosts can use the file as it is."""
    camera: PinholeCamera | None = None
    """Known pinhole of the upright image."""
    cam_to_world: Float64 | None = None
    """Known pose (4, 4)."""
    facts: PhotoFacts = field(default_factory=PhotoFacts)
    """What EXIF tells."""
    timestamp_s: float | None = None
    lens: Lens = STRAIGHT
    """The known lens whose bend `decode` has taken out already."""

    def __post_init__(self) -> None:
        camera, pose = self.camera, self.cam_to_world
        if camera is not None and (camera.width, camera.height) != (self.width, self.height):
            raise ValueError(f"{self.name} is {self.width}x{self.height} but its known camera is {camera.width}x{camera.height}")
        if pose is not None and pose.shape != (4, 4):
            raise ValueError(f"{self.name}: the known pose is {pose.shape}, not (4, 4)")

    @property
    def gps(self) -> GpsFix | None:
        return self.facts.gps


@dataclass(frozen=True)
class FrameList:
    """Frames that are at hand."""

    frames: tuple[Frame, ...]
    is_ordered: bool = False
    """Frames of one video or walk, in the order they were taken."""
    notes: tuple[str, ...] = ()
    """What was found in the files and not used as it stands, for the user to read."""

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int, /) -> Frame:
        return self.frames[index]

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)


BadFiles = Literal["stop", "skip"]


def find_images(inputs: Sequence[Path]) -> list[Path]:
    """Image files of the given files and folders, in natural order of their names.

    A folder gives the images in it; when it has none itself, those in and below its `images` folder, else those of all folders
    below it. Raises `InputError`.
    """
    found: list[Path] = []
    for path in inputs:
        if path.is_dir():
            found += _images_of_folder(path)
        elif path.exists():
            found.append(path)
        else:
            raise InputError(f"{shown(path)}: no such file or folder")
    return sorted(without_twins(found), key=lambda path: (natural_key(path.name), natural_key(str(path))))


def _images_of_folder(folder: Path) -> list[Path]:
    images = [path for path in folder.iterdir() if is_image_name(path.name, IMAGE_SUFFIXES) and not path.is_dir()]
    for place in (folder / "images", folder):
        if not images and place.is_dir():
            images = images_below(place, IMAGE_SUFFIXES)
    if images:
        return images
    raise InputError(
        f"{shown(folder)}: no images here (looked for {', '.join(sorted(IMAGE_SUFFIXES))}); give the folder that holds them"
    )


def open_photos(
    inputs: Sequence[Path],
    *,
    bad_files: BadFiles = "stop",
    monitor: Monitor = silent,
) -> FrameList:
    """The photos at `inputs`, files or folders; see `read_photos`."""
    return read_photos(find_images(inputs), bad_files=bad_files, monitor=monitor)


def read_photos(
    paths: Sequence[Path],
    *,
    bad_files: BadFiles = "stop",
    monitor: Monitor = silent,
) -> FrameList:
    """The photos in these files, each read once to see that it can be used.

    Unreadable files are all named in one `InputError`, or left out with bad_files="skip".
    """
    paths, raw_notes = without_developed(paths)
    good: list[tuple[Path, str, PhotoFile]] = []
    bad: list[str] = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for done, (path, name, file) in enumerate(zip(paths, photo_names(paths), pool.map(_probe, paths), strict=True)):
            monitor(Progress(stage="read photos", done=done, total=len(paths)))
            if isinstance(file, DependencyError) and bad_files == "stop":
                raise file
            if isinstance(file, PhotoFile):
                good.append((path, name, file))
            else:
                bad.append(file if isinstance(file, str) else f"{shown(path)} ({file})")
    monitor(Progress(stage="read photos", done=len(paths), total=len(paths)))
    if bad and (bad_files == "stop" or not good):
        raise InputError(f"{_named(bad)} (leave them out with `skip_bad=True`)", option="skip_bad")
    frames, notes = _frames([path for path, _, _ in good], [name for _, name, _ in good], [file for _, _, file in good])
    if bad:
        notes = (f"left out: {_named(bad)}", *notes)
    return FrameList(tuple(frames), notes=(*raw_notes, *notes))


def _named(bad: list[str]) -> str:
    named = "; ".join(bad[:MAX_NAMED_FILES])
    rest = f"; and {len(bad) - MAX_NAMED_FILES} more" if len(bad) > MAX_NAMED_FILES else ""
    return f"{len(bad)} file(s) cannot be read: {named}{rest}"


def _probe(path: Path) -> PhotoFile | DependencyError | str:
    """What is in a file, the package that is missing to read it, or one phrase that says why it cannot be read."""
    try:
        return probe(path)
    except DependencyError as error:
        return error


def _frames(paths: Sequence[Path], names: Sequence[str], files: Sequence[PhotoFile]) -> tuple[list[Frame], tuple[str, ...]]:
    """The frames of files that can be read, and what the user should know of them."""
    bands = common_bands([file.band for file in files])
    frames = [_frame(*each) for each in zip(paths, names, files, bands, strict=True)]
    stretched = [
        f"{n_photos} deep grey photo(s) stretched alike: {band.low:g} is black, {band.high:g} white"
        for band, n_photos in Counter(band for band in bands if band is not None).items()
    ]
    return frames, (*stretched, *doubts((frame.name, frame.facts) for frame in frames))


def _frame(path: Path, name: str, file: PhotoFile, band: Band | None) -> Frame:
    return Frame(
        name=name,
        width=file.width,
        height=file.height,
        decode=lambda: load_rgb(path, band),
        decode_mask=(lambda: load_alpha(path)) if file.has_alpha else None,
        path=path,
        is_upright_file=file.is_upright_file and band is None,
        facts=file.facts,
    )


def without_developed(paths: Sequence[Path]) -> tuple[list[Path], tuple[str, ...]]:
    """The photos without RAW files whose developed picture lies beside them, and a note of how many those are."""
    developed = {path.with_suffix("") for path in paths if path.suffix.lower() not in RAW_SUFFIXES}
    kept = [path for path in paths if path.suffix.lower() not in RAW_SUFFIXES or path.with_suffix("") not in developed]
    n_left = len(paths) - len(kept)
    return kept, (f"{n_left} RAW file(s) left out: the same photos are there developed",) if n_left else ()


def frames_from_arrays(images: Sequence[UInt8], names: Sequence[str] | None = None) -> FrameList:
    """Frames of RGB arrays (H, W, 3) uint8 in memory."""
    frames: list[Frame] = []
    for index, image in enumerate(images):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise InputError(f"image {index} is {image.dtype} {image.shape}: uint8 (H, W, 3) RGB is needed")
        name = names[index] if names else f"image_{index:05d}.png"
        frames.append(Frame(name=name, width=image.shape[1], height=image.shape[0], decode=lambda image=image: image))
    if not frames:
        raise InputError("no images were given")
    return FrameList(tuple(frames))

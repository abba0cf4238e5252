"""What the user hands over, found once: photo files, one video, or frames in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from amb3r_core.errors import InputError
from amb3r_core.inputs.images import FrameList, find_images, read_photos
from amb3r_core.inputs.masks import with_masks
from amb3r_core.inputs.names import photo_names
from amb3r_core.inputs.ordering import looks_like_walk
from amb3r_core.inputs.video import VideoFacts, extract_frames, is_video, probe_video
from amb3r_core.options import ReconstructOptions
from amb3r_core.progress import Monitor
from amb3r_core.scene.reconstruction import VideoSource

Inputs = Sequence[Path] | FrameList
"""Files and folders, or frames at hand."""


@dataclass(frozen=True, kw_only=True)
class PhotoFiles:
    """Photos on disk, in natural order."""

    files: Sequence[Path]

    @property
    def names(self) -> Sequence[str]:
        """What their frames will be called."""
        return photo_names(self.files)

    def open(self, options: ReconstructOptions, folder: Path, monitor: Monitor) -> FrameList:
        """The frames, each file read once to see that it can be used."""
        frames = read_photos(self.files, bad_files="skip" if options.skip_bad else "stop", monitor=monitor)
        if options.masks is not None:
            frames = with_masks(frames, options.masks, monitor)
        is_walk = options.order == "video" or (options.order == "auto" and looks_like_walk(frames.frames))
        return replace(frames, is_ordered=is_walk)


@dataclass(frozen=True, kw_only=True)
class VideoFile:
    """One video on disk."""

    files: Sequence[Path]
    facts: VideoFacts
    names: None = None
    """Its frames have no names before it is decoded."""

    @property
    def video(self) -> VideoSource:
        """As the scene names it."""
        return VideoSource(path=str(self.files[0].resolve()), frames_per_second=self.facts.frames_per_second)

    def open(self, options: ReconstructOptions, folder: Path, monitor: Monitor) -> FrameList:
        """The frames that are taken of it, kept in `folder`."""
        frames = extract_frames(
            self.files[0], folder, facts=self.facts, fps=options.fps, max_frames=options.max_frames, monitor=monitor
        )
        return replace(frames, is_ordered=options.order != "unordered")


@dataclass(frozen=True, kw_only=True)
class FramesAtHand:
    """Frames that somebody opened already."""

    frames: FrameList
    files: None = None
    """Nobody knows what they depend on, so that no killed run is picked up."""

    @property
    def names(self) -> Sequence[str]:
        return [frame.name for frame in self.frames]

    def open(self, options: ReconstructOptions, folder: Path, monitor: Monitor) -> FrameList:
        return self.frames


Source = PhotoFiles | VideoFile | FramesAtHand


def find_source(inputs: Inputs, options: ReconstructOptions) -> Source:
    """What the inputs are; `InputError` when there is nothing, or photos and videos are mixed."""
    if isinstance(inputs, FrameList):
        return FramesAtHand(frames=inputs)
    videos = [path for path in inputs if is_video(path) and not path.is_dir()]
    if not videos:
        files = find_images(inputs)
        if not files:
            raise InputError("no input was given: name a folder of photos, photo files, or one video")
        return PhotoFiles(files=files)
    if len(inputs) > 1:
        raise InputError(f"{videos[0]}: give one video alone, or photos; not both and not several videos")
    if not videos[0].exists():
        raise InputError(f"{videos[0]}: no such file or folder")
    if options.masks is not None:
        raise InputError("`masks` works with photos; extract the video's frames first to mask them", option="masks")
    return VideoFile(files=videos, facts=probe_video(videos[0]))

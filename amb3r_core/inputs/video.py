"""Video in: the sharpest frame of each time window, kept as image files with their timestamps."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from amb3r_core.errors import InputError
from amb3r_core.inputs.images import Frame, FrameList
from amb3r_core.inputs.names import shown
from amb3r_core.inputs.pixels import load_rgb
from amb3r_core.inputs.video_decode import Picture, Quality, Tally, Threads, pictures
from amb3r_core.inputs.video_file import VIDEO_SUFFIXES, is_video
from amb3r_core.inputs.video_pixels import dynamic_range, orientation_of, square_size, upright_rgb
from amb3r_core.inputs.video_probe import VideoFacts, measured_duration_s, probe_video
from amb3r_core.progress import Monitor, Progress, silent
from amb3r_core.storage.atomic import write_text_whole

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

__all__ = ["VIDEO_SUFFIXES", "VideoFacts", "extract_frames", "is_video", "probe_video", "sampling_rate"]

DEFAULT_MAX_FRAMES = 100
DEFAULT_MAX_FPS = 4.0
"""Frames per second taken when none are asked for: enough overlap for a walking camera."""
FRAME_JPEG_QUALITY = 95
SHARPNESS_SIDE_PX = 320
"""Sharpness is judged on an image of this long side: fast, and blind to compression noise."""
INDEX_FILE = "frames.json"
BEAT_S = 0.3
"""The monitor is asked at least this often, so that it can stop the work between two frames too."""
MISSING_END = 0.1
"""A film that ends before the stated length by this share of it is cut off."""
FILLED = 0.8
"""Where fewer than this share of `max_frames` come out although they lower the rate, the windows are made to fit the pictures."""
BISECTIONS = 30


def sampling_rate(facts: VideoFacts, fps: float | None, max_frames: int) -> float:
    """Frames per second that come out on average: the asked rate, never above the video's own nor above `max_frames` in all."""
    return min(window_rate(facts, fps, max_frames), facts.frames_per_second)


def window_rate(facts: VideoFacts, fps: float | None, max_frames: int) -> float:
    """Windows per second: the asked rate, lowered so that at most `max_frames` come out.

    The video's own mean rate is no limit: where the rate varies, its fast parts have more.
    """
    wanted = fps or DEFAULT_MAX_FPS
    return min(wanted, max_frames / facts.duration_s) if facts.duration_s > 0 else wanted


def extract_frames(
    path: Path,
    folder: Path,
    *,
    fps: float | None = None,
    max_frames: int = DEFAULT_MAX_FRAMES,
    facts: VideoFacts | None = None,
    monitor: Monitor = silent,
) -> FrameList:
    """Frames of a video as upright JPEG files in `folder`, one per time window, in order, and notes of what was done to them.

    fps: windows per second, None chooses. The sharpest frame of a window is taken. facts: of `probe_video`, where they are
    known already. A folder that an earlier call finished is reused. Raises `InputError`.
    """
    index = folder / INDEX_FILE
    if not _is_finished(index):
        monitor(Progress(stage="read video"))
        sampling = _Sampling(path=path, folder=folder, fps=fps, max_frames=max_frames, monitor=monitor)
        folder.mkdir(parents=True, exist_ok=True)
        facts = facts or probe_video(path, monitor)
        take = _take_all(sampling, facts)
        write_text_whole(index, json.dumps({"frames": take.entries, "notes": [*_notes(take, sampling, facts)]}))
    kept: dict[str, Any] = json.loads(index.read_text())
    frames = tuple(_frame(folder / name, time_s, size) for name, time_s, *size in kept["frames"])
    return FrameList(frames, is_ordered=True, notes=tuple(kept["notes"]))


def _is_finished(index: Path) -> bool:
    """Whether an index is there, and not one of the first form, which knew no notes."""
    return index.is_file() and index.read_text().startswith("{")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sampling:
    """What is wanted of a video."""

    path: Path
    folder: Path
    fps: float | None
    max_frames: int
    monitor: Monitor

    @property
    def wanted(self) -> float:
        """Windows per second, before `max_frames` lowers them."""
        return self.fps or DEFAULT_MAX_FPS


@dataclass(slots=True, kw_only=True)
class _Take:
    """What one pass over a video gave."""

    facts: VideoFacts
    rate: float
    """Windows per second."""
    tally: Tally
    looks: dict[str, None]
    """Sentences about the pixels, in the order met."""
    entries: list[tuple[str, float, int, int]]
    """File name, time in seconds, width and height of each frame."""
    times_s: list[float]
    """Of all pictures read."""
    n_smeared: int = 0
    has_more: bool = False
    """There were more windows than frames wanted."""


def _take_all(sampling: _Sampling, facts: VideoFacts) -> _Take:
    """The frames of the film; read again where the first pass shows damage, or pictures spread otherwise than was stated."""
    threads, rate = Threads.ALL, window_rate(facts, sampling.fps, sampling.max_frames)
    take = _take(sampling, facts, rate, threads)
    if take.tally.is_doubtful:
        threads = Threads.ONE
        take = _take(sampling, facts, rate, threads)
    better_rate = _better_rate(sampling, take)
    if better_rate is not None:
        take = _take(sampling, facts, better_rate, threads)
    if not take.entries and take.tally.n_pictures:
        take = _take(sampling, facts, take.rate, Threads.ONE, worst=Quality.DAMAGED)
    if not take.entries:
        raise InputError(f"{shown(sampling.path)}: not one picture could be decoded; the file is damaged or empty")
    return take


def _better_rate(sampling: _Sampling, take: _Take) -> float | None:
    """Windows per second that suit the pictures met, where those of the stated length do not; None where they do.

    A film may be longer than it says, or cut off, or its rate may vary so much that many windows are empty.
    """
    if take.has_more:
        facts = take.facts
        real_s = measured_duration_s(sampling.path, facts.stream_index, facts.frames_per_second, sampling.monitor)
        return sampling.max_frames / real_s if real_s > facts.duration_s + 0.5 / take.rate else None
    low, high = take.rate, sampling.wanted
    if low >= high or len(take.entries) >= min(FILLED * sampling.max_frames, len(take.times_s)):
        return None
    if _n_windows(take.times_s, high) <= sampling.max_frames:
        return high
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _n_windows(take.times_s, middle) <= sampling.max_frames else (low, middle)
    return low


def _n_windows(times_s: list[float], rate: float) -> int:
    return len({window_of(time_s, rate) for time_s in times_s})


def _take(sampling: _Sampling, facts: VideoFacts, rate: float, threads: Threads, worst: Quality = Quality.SMEARED) -> _Take:
    take = _Take(facts=facts, rate=rate, tally=Tally(), looks={}, entries=[], times_s=[])
    n_expected = round(facts.duration_s * sampling_rate(facts, sampling.fps, sampling.max_frames))
    beat = _Beat(sampling.monitor, take.entries, max(min(n_expected, sampling.max_frames), 1))

    def watched() -> Iterator[Picture]:
        for picture in pictures(sampling.path, facts, take.tally, threads):
            beat()
            take.times_s.append(picture.time_s)
            yield picture

    for best in sharpest_per_window(watched(), rate, worst):
        if len(take.entries) == sampling.max_frames:
            take.has_more = True
            break
        rgb = upright_rgb(best.frame, facts.pixel_aspect)
        name = f"frame_{len(take.entries):05d}.jpg"
        Image.fromarray(rgb).save(sampling.folder / name, quality=FRAME_JPEG_QUALITY, subsampling=0)
        take.entries.append((name, best.time_s, rgb.shape[1], rgb.shape[0]))
        take.n_smeared += best.quality is Quality.SMEARED
        take.looks.update(dict.fromkeys(_look(best.frame, facts.pixel_aspect)))
        beat.now()
    return take


class _Beat:
    """Tells the monitor how many frames are written: now, or when it was not told for a while."""

    def __init__(self, monitor: Monitor, written: list[Any], total: int) -> None:
        self._monitor, self._written, self._total = monitor, written, total
        self._told_at_s = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self._told_at_s > BEAT_S:
            self.now()

    def now(self) -> None:
        """Tells it."""
        self._told_at_s = time.monotonic()
        done = len(self._written)
        self._monitor(Progress(stage="read video", done=done, total=max(self._total, done)))


def window_of(time_s: float, rate: float) -> int:
    """The number of the window in which a time lies."""
    return int(time_s * rate + 1e-6)


def sharpest_per_window(film: Iterable[Picture], rate: float, worst: Quality = Quality.SMEARED) -> Iterator[Picture]:
    """The sharpest picture in each window of 1 / rate seconds, of those that are least damaged.

    Holds one picture at a time. A window whose every picture is worse than `worst` gives none.
    """
    window, best_rank, best = -1, (Quality.DAMAGED, -1.0), None
    for picture in film:
        this_window = window_of(picture.time_s, rate)
        if this_window != window and best is not None:
            yield best
            best_rank, best = (Quality.DAMAGED, -1.0), None
        window = this_window
        if picture.quality < worst:
            continue
        rank = (picture.quality, _sharpness(picture.frame))
        if best is None or rank > best_rank:
            best_rank, best = rank, picture
    if best is not None:
        yield best


def _sharpness(frame: "VideoFrame") -> float:
    """Variance of the Laplacian of a small grey copy: higher is sharper."""
    scale = min(SHARPNESS_SIDE_PX / max(frame.width, frame.height), 1.0)
    width, height = max(int(frame.width * scale), 8), max(int(frame.height * scale), 8)
    grey = frame.reformat(width=width, height=height, format="gray").to_ndarray().astype(np.float32)
    laplacian = grey[1:-1, :-2] + grey[1:-1, 2:] + grey[:-2, 1:-1] + grey[2:, 1:-1] - 4.0 * grey[1:-1, 1:-1]
    return float(laplacian.var())


def _look(frame: "VideoFrame", aspect: float) -> Iterator[str]:
    """What was done to a picture's pixels, as sentences."""
    width, height = square_size(frame, aspect)
    if (width, height) != (frame.width, frame.height):
        yield f"the video's pixels are not square: its {frame.width}x{frame.height} became {width}x{height}"
    if orientation_of(frame).is_mirrored:
        yield "the video is stored mirrored: its frames were turned to what a player shows"
    if dynamic_range(frame):
        yield f"the {dynamic_range(frame)} video was mapped to the 8-bit colours of a screen (sRGB)"


def _notes(take: _Take, sampling: _Sampling, stated: VideoFacts) -> Iterator[str]:
    """What the user should know of the frames, as sentences."""
    yield from stated.notes
    yield from take.looks
    tally = take.tally
    if tally.n_interlaced:
        yield "the video is interlaced: its frames were deinterlaced"
    sizes = dict.fromkeys(f"{width}x{height}" for _, _, width, height in take.entries)
    if len(sizes) > 1:
        yield f"the picture size changes within the video: {', '.join(sizes)}"
    if tally.n_missing:
        yield f"{tally.n_missing} of {max(tally.n_packets, tally.n_pictures)} frames of the video could not be decoded"
    if tally.n_lacking:
        yield f"by its time stamps the video lacks {tally.n_lacking} frames: never recorded, or lost by damage to the file"
    if take.n_smeared:
        yield f"{take.n_smeared} of the frames taken follow damage in the video and may show smears"
    if tally.n_joins:
        yield f"the video's time stamps start again at {tally.n_joins} place(s): the parts were put one after the other"
    end_s = take.times_s[-1] + 1.0 / stated.frames_per_second
    if not take.has_more and end_s < stated.duration_s * (1 - MISSING_END):
        yield f"the video's pictures end at {end_s:.1f} s, though the file says {stated.duration_s:.1f} s"
    yield from _notes_of_rate(take, sampling)


def _notes_of_rate(take: _Take, sampling: _Sampling) -> Iterator[str]:
    limit = f"`max_frames={sampling.max_frames}`"
    if len(take.entries) == take.tally.n_pictures:
        if sampling.fps and sampling.fps > take.facts.frames_per_second:
            yield f"`fps={sampling.fps:g}` is more than the video has: every one of its {len(take.entries)} frames was taken"
    elif take.rate < sampling.wanted:
        yield f"{limit}: {take.rate:.3g} frames per second were taken instead of {sampling.wanted:g}"
    if take.has_more:
        yield f"{limit} was reached at {take.entries[-1][1]:.1f} s: what follows in the video was not used"


def _frame(path: Path, time_s: float, size: list[int]) -> Frame:
    plain = Frame(name=path.name, width=size[0], height=size[1], decode=lambda: load_rgb(path), path=path, is_upright_file=True)
    return replace(plain, timestamp_s=time_s)

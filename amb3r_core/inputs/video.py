"""Video in: the sharpest frame of each time window, kept as image files with their timestamps."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from amb3r_core.errors import InputError
from amb3r_core.inputs.images import Frame, FrameList
from amb3r_core.inputs.pixels import load_rgb
from amb3r_core.optional import require
from amb3r_core.progress import Monitor, Progress, silent
from amb3r_core.scene.arrays import UInt8
from amb3r_core.storage.atomic import write_text_whole

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".3gp", ".mts"})
DEFAULT_MAX_FRAMES = 100
DEFAULT_MAX_FPS = 4.0
"""Frames per second taken when none are asked for: enough overlap for a walking camera."""
FRAME_JPEG_QUALITY = 95
SHARPNESS_SIDE_PX = 320
"""Sharpness is judged on an image of this long side: fast, and blind to compression noise."""
INDEX_FILE = "frames.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """What a container says about a video's first picture stream."""

    frames_per_second: float
    """Native rate, in Hz."""
    duration_s: float
    start_s: float
    width: int
    """Of the coded pictures, in pixels."""
    height: int


def is_video(path: Path) -> bool:
    """Whether the file name says that this is a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def probe_video(path: Path) -> VideoFacts:
    """What the container says about the video; `InputError` when it holds no readable pictures."""
    with _open(path) as container:
        stream = _picture_stream(container, path)
        rate = float(stream.average_rate or stream.guessed_rate or 0) or 30.0
        start_s = float((stream.start_time or 0) * (stream.time_base or Fraction(0)))
        if stream.duration and stream.time_base:
            duration_s = float(stream.duration * stream.time_base)
        else:
            duration_s = (container.duration or 0) / 1e6
        size = stream.codec_context.width, stream.codec_context.height
    return VideoFacts(frames_per_second=rate, duration_s=duration_s, start_s=start_s, width=size[0], height=size[1])


def sampling_rate(facts: VideoFacts, fps: float | None, max_frames: int) -> float:
    """Windows per second: the asked rate, never above the video's own, lowered so that at most `max_frames` come out."""
    wanted = min(fps or DEFAULT_MAX_FPS, facts.frames_per_second)
    if facts.duration_s > 0:
        wanted = min(wanted, max_frames / facts.duration_s)
    return wanted


def extract_frames(
    path: Path,
    folder: Path,
    *,
    facts: VideoFacts | None = None,
    fps: float | None = None,
    max_frames: int = DEFAULT_MAX_FRAMES,
    monitor: Monitor = silent,
) -> FrameList:
    """Frames of a video as upright JPEG files in `folder`, one per time window, in order.

    facts: of the video, probed here when not given. fps: windows per second, None chooses. The sharpest frame of a window is
    taken. A folder that an earlier call finished is reused.
    """
    index = folder / INDEX_FILE
    if not index.is_file():
        facts = facts or probe_video(path)
        rate = sampling_rate(facts, fps, max_frames)
        folder.mkdir(parents=True, exist_ok=True)
        entries = _write_frames(path, folder, facts, rate, max_frames, monitor)
        write_text_whole(index, json.dumps(entries))
    return FrameList(tuple(_frame(folder / name, time_s, size) for name, time_s, *size in json.loads(index.read_text())), True)


def _write_frames(
    path: Path, folder: Path, facts: VideoFacts, rate: float, max_frames: int, monitor: Monitor
) -> list[tuple[str, float, int, int]]:
    total = max(min(round(facts.duration_s * rate), max_frames), 1)
    entries: list[tuple[str, float, int, int]] = []
    for time_s, rgb in sharpest_per_window(path, rate, facts.start_s):
        name = f"frame_{len(entries):05d}.jpg"
        Image.fromarray(rgb).save(folder / name, quality=FRAME_JPEG_QUALITY, subsampling=0)
        entries.append((name, time_s, rgb.shape[1], rgb.shape[0]))
        monitor(Progress(stage="read video", done=len(entries), total=max(total, len(entries))))
        if len(entries) == max_frames:
            break
    if not entries:
        raise InputError(f"{path}: not one picture could be decoded; the file is damaged or empty")
    return entries


def sharpest_per_window(path: Path, rate: float, start_s: float = 0.0) -> Iterator[tuple[float, UInt8]]:
    """(timestamp in seconds from the start, upright RGB) of the sharpest frame in each window of 1 / rate seconds.

    Decodes once, in order, and holds one picture at a time.
    """
    window, best_score, best = -1, -1.0, None
    for time_s, frame in _decode(path, start_s):
        this_window = int(time_s * rate + 1e-6)
        if this_window != window and best is not None:
            yield best[0], _rgb(best[1])
            best_score, best = -1.0, None
        window = this_window
        score = _sharpness(frame)
        if score > best_score:
            best_score, best = score, (time_s, frame)
    if best is not None:
        yield best[0], _rgb(best[1])


def _decode(path: Path, start_s: float) -> "Iterator[tuple[float, VideoFrame]]":
    errors = require("av", extra="").error
    with _open(path) as container:
        stream = _picture_stream(container, path)
        stream.thread_type = "AUTO"
        count = 0
        try:
            for frame in container.decode(stream):
                yield max(frame.time - start_s, 0.0), frame
                count += 1
        except errors.FFmpegError as error:
            if count == 0:
                raise InputError(f"{path}: the video cannot be decoded: {error}") from error
            # a truncated clip: the pictures before the damage are good


def _sharpness(frame: "VideoFrame") -> float:
    """Variance of the Laplacian of a small grey copy: higher is sharper."""
    scale = min(SHARPNESS_SIDE_PX / max(frame.width, frame.height), 1.0)
    width, height = max(int(frame.width * scale), 8), max(int(frame.height * scale), 8)
    grey = frame.reformat(width=width, height=height, format="gray").to_ndarray().astype(np.float32)
    laplacian = grey[1:-1, :-2] + grey[1:-1, 2:] + grey[:-2, 1:-1] + grey[2:, 1:-1] - 4.0 * grey[1:-1, 1:-1]
    return float(laplacian.var())


def _rgb(frame: "VideoFrame") -> UInt8:
    rgb = frame.to_ndarray(format="rgb24")
    quarter_turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns)).astype(np.uint8, copy=False)


def _open(path: Path) -> "InputContainer":
    av = require("av", extra="")
    try:
        return av.open(str(path))
    except av.error.FFmpegError as error:
        raise InputError(f"{path}: cannot be opened as a video: {error}") from error


def _picture_stream(container: "InputContainer", path: Path) -> "VideoStream":
    if not container.streams.video:
        raise InputError(f"{path}: no picture stream in this file")
    return container.streams.video[0]


def _frame(path: Path, time_s: float, size: list[int]) -> Frame:
    plain = Frame(name=path.name, width=size[0], height=size[1], decode=lambda: load_rgb(path), path=path, is_upright_file=True)
    return replace(plain, timestamp_s=time_s)

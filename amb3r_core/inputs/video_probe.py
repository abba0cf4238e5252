"""What a video file says about its film, checked against the first picture and, where it says nothing, measured."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from amb3r_core.errors import InputError
from amb3r_core.inputs.names import shown
from amb3r_core.inputs.video_decode import Tally, decoded, packets_of
from amb3r_core.inputs.video_file import film_stream, open_video, stated_duration_s, stream_of
from amb3r_core.inputs.video_pixels import pixel_aspect, upright_size
from amb3r_core.progress import Monitor, Progress, silent

if TYPE_CHECKING:
    from av.video.stream import VideoStream

FALLBACK_FPS = 30.0
"""Assumed of a video that tells no frame rate."""
MAX_PLAUSIBLE_FPS = 1000.0
"""A higher rate is the tick of the container's clock, not a frame rate."""
PACKETS_PER_BEAT = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """What is known of a video's film before its pictures are read."""

    frames_per_second: float
    """Mean rate in Hz."""
    duration_s: float
    start_s: float
    """Time stamp of the first picture."""
    width: int
    """Of the upright picture of square pixels."""
    height: int
    """Of the upright picture of square pixels."""
    stream_index: int = 0
    """Which of the container's streams the film is."""
    has_times: bool = True
    """False for a bare stream without time stamps: its frames are timed by the frame rate."""
    pixel_aspect: float = 1.0
    """Width of a stored pixel over its height."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about what had to be chosen or assumed."""


def probe_video(path: Path, monitor: Monitor = silent) -> VideoFacts:
    """What the file and its first picture say about the film; `InputError` when it holds no readable pictures."""
    with open_video(path) as container:
        stream, notes = film_stream(container, path)
        index = stream.index
        start_s = float((stream.start_time or 0) * (stream.time_base or Fraction(0)))
        duration_s = stated_duration_s(container, stream)
        first = next((frame for frame, _, _ in decoded(container, stream, Tally())), None)
        if first is None:
            raise InputError(f"{shown(path)}: not one picture could be decoded; the file is damaged or empty")
        has_times = first.pts is not None
        fps = _frame_rate(stream, has_times)
        aspect = pixel_aspect(stream)
        width, height = upright_size(first, aspect)
    if not has_times:
        notes += (f"the video has no time stamps: its frames are timed by its rate of {fps:.4g} frames per second",)
    if duration_s <= 0:
        duration_s = measured_duration_s(path, index, fps, monitor)
    return VideoFacts(
        frames_per_second=fps,
        duration_s=duration_s,
        start_s=start_s,
        width=width,
        height=height,
        stream_index=index,
        has_times=has_times,
        pixel_aspect=aspect,
        notes=notes,
    )


def _frame_rate(stream: "VideoStream", has_times: bool) -> float:
    """The mean rate of the time stamps; where there are none the rate that the codec states."""
    stated = (stream.average_rate, stream.guessed_rate) if has_times else (stream.guessed_rate, stream.average_rate)
    plausible = [float(rate) for rate in stated if rate and 0 < rate <= MAX_PLAUSIBLE_FPS]
    return plausible[0] if plausible else FALLBACK_FPS


def measured_duration_s(path: Path, stream_index: int, fps: float, monitor: Monitor = silent) -> float:
    """The film's length in seconds by reading all of its packets, without decoding them."""
    n_packets, first_s, last_s = 0, float("inf"), float("-inf")
    with open_video(path) as container:
        stream = stream_of(container, stream_index)
        for packet in packets_of(container, stream):
            n_packets += 1
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None and packet.time_base:
                first_s = min(first_s, float(time * packet.time_base))
                last_s = max(last_s, float(time * packet.time_base))
            if n_packets % PACKETS_PER_BEAT == 0:
                monitor(Progress(stage="read video", message="the video does not tell its length: measuring it"))
    return last_s - first_s + 1.0 / fps if last_s > first_s else n_packets / fps

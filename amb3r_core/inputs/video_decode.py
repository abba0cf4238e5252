"""The pictures of a film in the order they are shown, with times that never go back, whatever is damaged on the way."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from amb3r_core.inputs.video_file import open_video, stream_of
from amb3r_core.optional import require

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.filter import Graph
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    FilmPacket = Packet[VideoStream]

MAX_READ_FAILURES = 100
"""After so many failures to read on, with nothing read between them, the rest of a file is given up."""
MAX_REORDERED = 8
"""A time stamp that goes back by more than so many frames begins another recording, put after the one before."""
SMALLEST_STEP_S = 1e-3
"""What stands between two pictures whose time stamps are equal or swapped."""
CODECS_WITH_HIDDEN_PICTURES = frozenset({"vp8", "libvpx"})
"""Some packets of theirs are never shown."""
CODECS_WITH_FILLERS = frozenset({"mpeg4", "mpeg1video", "mpeg2video", "vc1", "wmv3", "msmpeg4"})
"""Where pictures are stored out of order, packets of theirs may stand for no picture."""
CONSTANT_RATE = 0.9
"""A film is of constant rate when this share of its steps is regular: as long as the frame rate says ..."""
REGULAR_STEP = 0.25
"""... within this share of it."""
TICKS_PER_PICTURE = 1000


class Quality(IntEnum):
    """How far a decoded picture can be trusted."""

    DAMAGED = 0
    """The decoder says that parts of it are made up."""
    SMEARED = 1
    """It follows damage and the next key frame has not come yet: old errors may show in it."""
    CLEAN = 2


class Threads(Enum):
    """How many processors the decoder uses."""

    ALL = 0
    """Several pictures at once: fast, but what follows damage near the end of a file may be lost."""
    ONE = 1
    """Every damage is noticed, and the result never depends on the number of processors."""


@dataclass(slots=True)
class Tally:
    """What has been met while decoding."""

    n_packets: int = 0
    n_broken_packets: int = 0
    """Packets of which the container says that parts are missing in or before them."""
    n_refused: int = 0
    """Packets that the decoder refused."""
    n_pictures: int = 0
    n_damaged: int = 0
    """Pictures of which the decoder says that parts are made up."""
    n_joins: int = 0
    """Places where the time stamps start again."""
    n_steps: int = 0
    n_regular_steps: int = 0
    """Those of the steps from one picture to the next that are as long as the frame rate says."""
    n_skipped: int = 0
    """Pictures for which the longer steps have room."""
    n_interlaced: int = 0
    is_at_end: bool = False
    is_one_to_one: bool = False
    """Every packet of this codec is one picture."""

    @property
    def n_undecoded(self) -> int:
        """Packets that gave no picture, with or without an error of the decoder."""
        is_countable = self.is_at_end and self.is_one_to_one and not self.n_interlaced
        return max(self.n_refused, self.n_packets - self.n_pictures if is_countable else 0)

    @property
    def n_missing(self) -> int:
        """Pictures that could not be decoded, or not without damage."""
        return self.n_undecoded + max(self.n_broken_packets, self.n_damaged)

    @property
    def n_lacking(self) -> int:
        """Pictures that a film of constant rate lacks, though no packet of theirs was met; 0 where the rate varies."""
        is_constant = self.n_regular_steps >= CONSTANT_RATE * self.n_steps
        return max(self.n_skipped - self.n_undecoded, 0) if is_constant else 0

    @property
    def is_doubtful(self) -> bool:
        """Whether decoding with `Threads.ALL` may have lost pictures that can be had."""
        return self.n_missing > 0 or (self.is_at_end and self.n_pictures < self.n_packets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One decoded picture and its time in seconds from the film's start."""

    time_s: float
    frame: "VideoFrame"
    quality: Quality


class Film(Protocol):
    """Where and how the film lies in its file: `VideoFacts`."""

    @property
    def stream_index(self) -> int: ...

    @property
    def frames_per_second(self) -> float: ...

    @property
    def start_s(self) -> float: ...

    @property
    def has_times(self) -> bool: ...


def pictures(path: Path, film: Film, tally: Tally, threads: Threads = Threads.ONE) -> Iterator[Picture]:
    """The film's pictures in the order they are shown, deinterlaced; a few at a time are held in memory."""
    with open_video(path) as container:
        stream = stream_of(container, film.stream_index)
        step_s = 1.0 / film.frames_per_second
        clock = _Clock(film.start_s, step_s, tally)
        queue: _Times | None = None
        if not film.has_times:
            queue = _Times(Fraction(step_s), is_counting=True)
        elif container.format.name == "avi" and stream.codec_context.has_b_frames:
            queue = _Times(stream.time_base or Fraction(step_s), is_counting=False)
        shown = (
            Picture(time_s=clock.show(time_s), frame=frame, quality=quality)
            for frame, time_s, quality in decoded(container, stream, tally, queue, threads)
        )
        yield from _deinterlaced(shown, tally)


def packets_of(container: "InputContainer", stream: "VideoStream") -> "Iterator[FilmPacket]":
    """The stream's packets; a place that cannot be read is stepped over."""
    errors = require("av", extra="").error
    failures = 0
    while failures < MAX_READ_FAILURES:
        try:
            for packet in container.demux(stream):
                if packet.size:
                    failures = 0
                    yield packet
            return
        except errors.FFmpegError:
            failures += 1


def decoded(
    container: "InputContainer",
    stream: "VideoStream",
    tally: Tally,
    queue: "_Times | None" = None,
    threads: Threads = Threads.ONE,
) -> "Iterator[tuple[VideoFrame, float | None, Quality]]":
    """Frames in the order they are shown, each with its time stamp in seconds, None where it has none.

    A packet that cannot be decoded is counted and costs no other.
    """
    errors = require("av", extra="").error
    context = stream.codec_context
    context.thread_type, context.thread_count = "AUTO", threads.value
    has_fillers = context.name in CODECS_WITH_FILLERS and context.has_b_frames
    tally.is_one_to_one = not has_fillers and context.name not in CODECS_WITH_HIDDEN_PICTURES
    is_smeared = False
    for packet in _then_flush(packets_of(container, stream)):
        if packet is not None:
            tally.n_packets += not packet.is_discard
            tally.n_broken_packets += packet.is_corrupt
            is_smeared = is_smeared or packet.is_corrupt
            if queue is not None:
                queue.push(packet)
        try:
            frames = stream.decode(packet)  # pyright: ignore[reportUnknownMemberType] - PyAV's stub lets it out
        except errors.FFmpegError:
            frames, is_smeared = [], True
            tally.n_refused += 1
            if queue is not None:
                queue.drop_last()
        for frame in frames:
            tally.n_pictures += 1
            is_smeared = (is_smeared or frame.is_corrupt) and not (frame.key_frame and not frame.is_corrupt)
            tally.n_damaged += frame.is_corrupt
            quality = Quality.DAMAGED if frame.is_corrupt else Quality.SMEARED if is_smeared else Quality.CLEAN
            yield frame, queue.pop() if queue is not None else _stamp_s(frame, stream), quality
    tally.is_at_end = True


def _stamp_s(frame: "VideoFrame", stream: "VideoStream") -> float | None:
    """The frame's time stamp in seconds. `frame.time` is not a number for frames that the flush brings out."""
    return None if frame.pts is None or stream.time_base is None else float(frame.pts * stream.time_base)


def _then_flush(packets: "Iterator[FilmPacket]") -> "Iterator[FilmPacket | None]":
    yield from packets
    yield None


class _Times:
    """Times of frames from those of their packets, for files that tell only the order of decoding.

    Packets come in decoding order and frames in the order they are shown: the next frame has the earliest time left.
    """

    def __init__(self, tick_s: Fraction, *, is_counting: bool) -> None:
        self._tick_s = tick_s
        self._is_counting = is_counting
        self._n_packets = 0
        self._waiting: list[int] = []
        self._last = 0

    def push(self, packet: "FilmPacket") -> None:
        """Takes a packet's decoding time, or its number where the packets have none."""
        self._last = self._n_packets if self._is_counting or packet.dts is None else packet.dts
        self._n_packets += 1
        heapq.heappush(self._waiting, self._last)

    def drop_last(self) -> None:
        """Forgets the packet taken last: it gave no frame."""
        if self._last in self._waiting:
            self._waiting.remove(self._last)
            heapq.heapify(self._waiting)

    def pop(self) -> float | None:
        """The next frame's time in seconds."""
        return float(heapq.heappop(self._waiting) * self._tick_s) if self._waiting else None


class _Clock:
    """Turns time stamps into seconds from the film's start that always grow."""

    def __init__(self, start_s: float, step_s: float, tally: Tally) -> None:
        self._shift_s = -start_s
        self._step_s = step_s
        self._last_s: float | None = None
        self._tally = tally

    def show(self, stamp_s: float | None) -> float:
        """The time of the next picture in seconds."""
        last_s = self._last_s
        next_s = last_s + self._step_s if last_s is not None else 0.0
        time_s = next_s if stamp_s is None else max(stamp_s + self._shift_s, 0.0)
        if last_s is not None and time_s <= last_s:
            if last_s - time_s > MAX_REORDERED * self._step_s:
                self._tally.n_joins += 1
                self._shift_s += next_s - time_s
                time_s = next_s
            else:
                time_s = last_s + min(SMALLEST_STEP_S, self._step_s / 2)
        if last_s is not None:
            self._count((time_s - last_s) / self._step_s)
        self._last_s = time_s
        return time_s

    def _count(self, n_steps: float) -> None:
        self._tally.n_steps += 1
        self._tally.n_regular_steps += abs(n_steps - 1.0) <= REGULAR_STEP
        self._tally.n_skipped += max(round(n_steps) - 1, 0)


def _deinterlaced(shown: Iterator[Picture], tally: Tally) -> Iterator[Picture]:
    """The pictures with their two fields, taken at different times, made one; progressive films pass untouched."""
    comb: _Deinterlacer | None = None
    for picture in shown:
        if comb is not None and not comb.fits(picture.frame):
            yield from comb.push(None)
            comb = None
        if comb is None and picture.frame.interlaced_frame:
            comb = _Deinterlacer(picture.frame)
        tally.n_interlaced += bool(picture.frame.interlaced_frame)
        yield from comb.push(picture) if comb is not None else (picture,)
    if comb is not None:
        yield from comb.push(None)


class _Deinterlacer:
    """FFmpeg's bwdif, which looks at one picture before and one after. Frames that are not interlaced pass through it."""

    def __init__(self, like: "VideoFrame") -> None:
        filters = require("av.filter", extra="")
        graph: Graph = filters.Graph()
        self._kind = (like.width, like.height, like.format.name)
        self._tick = Fraction(1, TICKS_PER_PICTURE)
        source = graph.add_buffer(width=like.width, height=like.height, format=like.format, time_base=self._tick)
        graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")).configure()
        self._graph = graph
        self._waiting: dict[int, Picture] = {}
        self._n_pushed = 0

    def fits(self, frame: "VideoFrame") -> bool:
        """Whether the frame is of the size and format that this one was made for."""
        return self._kind == (frame.width, frame.height, frame.format.name)

    def push(self, picture: Picture | None) -> Iterator[Picture]:
        """The pictures that are done when this one comes in; None ends the film."""
        if picture is not None:
            self._waiting[self._n_pushed] = picture
            picture.frame.pts, picture.frame.time_base = self._n_pushed * TICKS_PER_PICTURE, self._tick
            self._n_pushed += 1
        self._graph.vpush(picture.frame if picture is not None else None)
        yield from self._done()

    def _done(self) -> Iterator[Picture]:
        errors = require("av", extra="").error
        while True:
            try:
                frame = self._graph.vpull()
            except (errors.BlockingIOError, errors.EOFError):
                return
            number = round((frame.pts or 0) * (frame.time_base or self._tick))
            picture = self._waiting.pop(number)
            yield Picture(time_s=picture.time_s, frame=frame, quality=picture.quality)

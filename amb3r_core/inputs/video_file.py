"""Video files: told from photos, opened safely, and the film found among their streams."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from amb3r_core.errors import InputError
from amb3r_core.inputs.image_files import IMAGE_SUFFIXES
from amb3r_core.inputs.names import shown
from amb3r_core.optional import require

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# fmt: off
VIDEO_SUFFIXES = frozenset(
    {
        ".mp4", ".mov", ".m4v", ".qt", ".avi", ".divx", ".mkv", ".webm", ".mpg", ".mpeg", ".m2v", ".vob", ".ts", ".m2ts",
        ".mts", ".m2t", ".3gp", ".3g2", ".flv", ".f4v", ".wmv", ".asf", ".mxf", ".ogv", ".insv", ".lrv", ".360", ".dv",
        ".h264", ".264", ".h265", ".265", ".hevc", ".mjpg", ".mjpeg", ".y4m",
    }
)
"""Names under which a video is expected; one that cannot be opened is an error of the video."""
NO_VIDEO_SUFFIXES = IMAGE_SUFFIXES | frozenset(
    {
        ".jpe", ".jfif", ".jp2", ".j2k", ".jxl", ".avif", ".hif", ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw",
        ".srf", ".sr2", ".raf", ".orf", ".rw2", ".pef", ".srw", ".x3f", ".raw", ".exr", ".hdr", ".tga", ".pgm", ".pbm",
        ".pnm", ".npy", ".npz", ".json", ".txt", ".csv", ".xml", ".zip", ".ply", ".obj", ".pdf",
    }
)
"""Names of photos and of data; such files are never opened to see whether a film is inside."""
# fmt: on
STILL_BRANDS = frozenset({"heic", "heix", "mif1", "avif", "crx"})
"""Photos that share the container of .mp4: HEIC, AVIF and Canon's raw files."""
TEXT_ART_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf"})
"""Formats under which FFmpeg draws text files."""
NO_OTHER_FILES = {"protocol_whitelist": "none"}
"""FFmpeg opens nothing by itself: a playlist or a script that is named like a video reaches no other file and no network."""
N_COUNTED_PACKETS = 2000
"""So many packets of a file with several picture streams are read to see which of them move."""


def is_video(path: Path) -> bool:
    """Whether this is a video: by its name where that says so, else by a look inside the file."""
    suffix = path.suffix.lower()
    if suffix in NO_VIDEO_SUFFIXES or path.is_dir():
        return False
    return suffix in VIDEO_SUFFIXES or (path.is_file() and _holds_a_film(path))


def _holds_a_film(path: Path) -> bool:
    try:
        with open_video(path) as container:
            formats = set(container.format.name.split(","))
            is_still = bool(formats & TEXT_ART_FORMATS) or container.format.name.endswith("_pipe") or "image2" in formats
            if is_still or container.metadata.get("major_brand", "").strip() in STILL_BRANDS:
                return False
            stream, _ = film_stream(container, path)
            packets = (packet for packet in container.demux(stream) if packet.size)
            return len(list(islice(packets, 2))) == 2
    except (InputError, require("av", extra="").error.FFmpegError):
        return False


@contextmanager
def open_video(path: Path) -> "Generator[InputContainer]":
    """The opened container; `InputError` when there is no video to open.

    Python opens the file, so that FFmpeg takes no part of its name for a protocol; and nothing but this file is read,
    whatever playlist it may be.
    """
    _check_file(path)
    av = require("av", extra="")
    try:
        with path.open("rb") as file:
            try:
                container = av.open(file, "r", container_options=NO_OTHER_FILES, **_lenient(av.__version__))
            except (av.error.FFmpegError, ValueError) as error:
                raise InputError(f"{shown(path)}: cannot be opened as a video: {_reason(path, error)}") from error
            with container:
                yield container
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read: {error.strerror or error}") from error


def _lenient(version: str) -> dict[str, str]:
    """What lets PyAV read titles that are no UTF-8; from version 19 on it does so by itself, and does not take the wish."""
    return {"metadata_errors": "replace"} if int(version.split(".", maxsplit=1)[0]) < 19 else {}


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{shown(path)}: a folder; a video file is wanted")
    if not path.exists():
        raise InputError(f"{shown(path)}: no such file")
    if not path.is_file():
        raise InputError(f"{shown(path)}: not a regular file; a video file is wanted")
    if path.stat().st_size == 0:
        raise InputError(f"{shown(path)}: the file is empty")


def _reason(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        is_mp4 = file.read(8)[4:] == b"ftyp"
    if is_mp4:
        return "its index is missing or damaged, as when a recording or a copy is cut off; a repair tool may rebuild it"
    return str(getattr(error, "strerror", None) or error)


def film_stream(container: "InputContainer", path: Path) -> "tuple[VideoStream, tuple[str, ...]]":
    """The film among a file's picture streams, and a note of those that were left out. Raises `InputError`.

    A cover picture or a single still is no film; of several films the one with most pixels times seconds is taken.
    """
    streams = list(container.streams.video)
    if not streams:
        raise InputError(f"{shown(path)}: no picture stream in this file{', only sound' if container.streams.audio else ''}")
    films = [stream for stream in streams if not _is_cover(stream)]
    if not films:
        raise InputError(f"{shown(path)}: no film in this file, only a cover picture")
    readable = [stream for stream in films if _has_decoder(stream)]
    if not readable:
        raise InputError(f"{shown(path)}: the installed PyAV has no decoder for this video; convert it to H.264 first")
    moving = _moving(readable, path) if len(readable) > 1 else readable
    film = max(moving, key=lambda stream: _pixel_seconds(container, stream))
    if len(streams) == 1:
        return film, ()
    others = ", ".join(_described(stream) for stream in streams if stream.index != film.index)
    return film, (f"of {len(streams)} picture streams the film of {film.width}x{film.height} was taken; left out: {others}",)


def stream_of(container: "InputContainer", index: int) -> "VideoStream":
    """The picture stream of that number in the container."""
    return next(stream for stream in container.streams.video if stream.index == index)


def _has_decoder(stream: "VideoStream") -> bool:
    return isinstance(stream.codec_context, require("av", extra="").VideoCodecContext)


def _is_cover(stream: "VideoStream") -> bool:
    disposition = require("av", extra="").stream.Disposition
    return bool(stream.disposition & (disposition.attached_pic | disposition.timed_thumbnails | disposition.still_image))


def _moving(streams: "list[VideoStream]", path: Path) -> "list[VideoStream]":
    """Those of the streams that hold more than one picture; all of them when none does."""
    with open_video(path) as again:
        packets = again.demux([again.streams[stream.index] for stream in streams])
        counts = Counter(packet.stream.index for packet in islice(packets, N_COUNTED_PACKETS) if packet.size)
    return [stream for stream in streams if counts[stream.index] > 1] or streams


def _pixel_seconds(container: "InputContainer", stream: "VideoStream") -> float:
    return stream.width * stream.height * (stated_duration_s(container, stream) or 1.0)


def stated_duration_s(container: "InputContainer", stream: "VideoStream") -> float:
    """What stream or container say of the film's length in seconds; 0 where they do not."""
    if stream.duration and stream.time_base:
        return max(float(stream.duration * stream.time_base), 0.0)
    return max((container.duration or 0) / 1e6, 0.0)


def _described(stream: "VideoStream") -> str:
    if not _has_decoder(stream):
        return "one without a decoder"
    return f"{'a cover picture' if _is_cover(stream) else 'one'} of {stream.width}x{stream.height}"

"""Small films for the tests, written with PyAV: every picture shows its number, and which corner is the top left one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

WIDTH, HEIGHT = 64, 48
N_BITS = 6
MARK_PX = 8


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """RGB (height, width, 3): grey texture, red in the top left corner, the number as black and white squares at the bottom."""
    rng = np.random.default_rng(number)
    image = rng.integers(90, 160, (height // 4, width // 4, 1)).repeat(4, axis=0).repeat(4, axis=1).repeat(3, axis=2)
    image = image.astype(np.uint8)
    image[: height // 3, : width // 3] = (230, 20, 20)
    for bit in range(N_BITS):
        image[-MARK_PX:, bit * MARK_PX : (bit + 1) * MARK_PX] = 250 if number >> bit & 1 else 5
    return image


def number_of(image: np.ndarray) -> int:
    """The number that a picture shows."""
    height = image.shape[0] - MARK_PX // 2
    return sum(1 << bit for bit in range(N_BITS) if image[height, bit * MARK_PX + MARK_PX // 2].mean() > 128)


def red_corner(image: np.ndarray) -> str:
    """Where the red corner of a picture is: "top left", ..."""
    redness = image[..., 0].astype(int) - image[..., 1]
    y, x = (np.mean(axis) for axis in np.nonzero(redness > 100))
    return f"{'top' if y < image.shape[0] / 2 else 'bottom'} {'left' if x < image.shape[1] / 2 else 'right'}"


@dataclass(kw_only=True)
class Film:
    """How a film is written. `numbers` are the pictures' numbers, one after the other."""

    numbers: Sequence[int] = field(default_factory=lambda: range(10))
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    rate: int = 10
    times_ms: Sequence[int] | None = None
    options: dict[str, str] = field(default_factory=dict)
    container: str | None = None
    size: tuple[int, int] = (WIDTH, HEIGHT)
    setup: Callable[[Any], None] = lambda stream: None
    made: Callable[[av.VideoFrame], av.VideoFrame] = lambda frame: frame
    cover: bool = False
    """Puts a cover picture before the film."""
    draw: Callable[[int], np.ndarray] | None = None

    def write(self, path: Path) -> Path:
        """The film at `path`."""
        draw = self.draw or (lambda number: picture(number, *self.size))
        with av.open(str(path.with_name("being_written")), "w", format=self.container or _format(path)) as out:
            cover = self._add_cover(out) if self.cover else None
            stream = out.add_stream(
                self.codec, rate=self.rate, options={"crf": "12", **self.options} if "264" in self.codec else self.options
            )
            stream.width, stream.height, stream.pix_fmt = *self.size, self.pix_fmt
            if self.times_ms is not None:
                stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            self.setup(stream)
            if cover is not None:
                out.mux(cover.encode(av.VideoFrame.from_ndarray(picture(63, 32, 24), format="rgb24").reformat(format="yuvj420p")))
                out.mux(cover.encode())
            for index, number in enumerate(self.numbers):
                frame = self.made(av.VideoFrame.from_ndarray(draw(number), format="rgb24"))
                if self.times_ms is not None:
                    frame.pts, frame.time_base = self.times_ms[index], Fraction(1, 1000)
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
        return path.with_name("being_written").rename(path)

    def _add_cover(self, out: Any) -> Any:
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 24, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        return cover


def _format(path: Path) -> str:
    by_suffix = {
        ".mkv": "matroska",
        ".ts": "mpegts",
        ".m2ts": "mpegts",
        ".mts": "mpegts",
        ".m4v": "mp4",
        ".insv": "mp4",
        ".lrv": "mp4",
    }
    suffix = path.suffix.lower()
    return by_suffix.get(suffix, suffix.removeprefix(".") or "mp4")


def damage(path: Path, packets: Sequence[int]) -> Path:
    """Overwrites the data of these packets of the film."""
    with av.open(str(path)) as film:
        places = [(packet.pos, packet.size) for packet in film.demux(film.streams.video[0]) if packet.size]
    data = bytearray(path.read_bytes())
    for packet in packets:
        start, size = places[packet]
        data[start + 4 : start + size] = b"\xff" * (size - 4)
    path.write_bytes(data)
    return path

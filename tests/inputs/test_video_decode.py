"""Decoding: the order and the times of pictures, and what damage costs."""

from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import InputError
from amb3r_core.inputs.images import FrameList
from amb3r_core.inputs.video import extract_frames, probe_video, sharpest_per_window
from amb3r_core.inputs.video_decode import Tally, Threads, pictures
from tests.inputs.films import Film, damage, number_of, picture

B_FRAMES = {"bf": "3", "b_strategy": "0", "g": "100"}


def numbers(frames: FrameList) -> list[int]:
    return [number_of(frame.decode()) for frame in frames]


@pytest.mark.parametrize("name", ["a.avi", "a.h264", "a.mp4"])
def test_frames_come_in_the_order_they_are_shown_with_regular_times(name: str, tmp_path: Path) -> None:
    film = Film(container=name[2:], options=B_FRAMES, numbers=range(12))
    frames = extract_frames(film.write(tmp_path / name), tmp_path / "frames", fps=10)
    assert numbers(frames) == list(range(12))
    assert [frame.timestamp_s for frame in frames] == pytest.approx([k / 10 for k in range(12)])


def test_a_stream_without_time_stamps_is_timed_by_its_rate_and_says_so(tmp_path: Path) -> None:
    path = Film(container="h264", rate=4).write(tmp_path / "raw.m4v")
    facts = probe_video(path)
    assert not facts.has_times
    assert (facts.frames_per_second, facts.duration_s) == pytest.approx((4.0, 2.5))
    assert facts.notes == ("the video has no time stamps: its frames are timed by its rate of 4 frames per second",)
    frames = extract_frames(path, tmp_path / "frames", fps=4)
    assert [frame.timestamp_s for frame in frames] == pytest.approx([k / 4 for k in range(10)])
    assert frames.notes == facts.notes


@pytest.mark.parametrize(
    ("name", "film"),
    [
        ("a.mp4", Film(options={"g": "2"})),
        ("a.avi", Film(codec="mpeg4", options={"g": "2"})),
        ("a.ts", Film(options={"g": "2"})),
        ("a.mkv", Film(codec="libx265", options={"x265-params": "log-level=none:keyint=2"})),
        ("b.avi", Film(codec="mjpeg", pix_fmt="yuvj420p")),
    ],
)
def test_a_damaged_packet_costs_its_frame_and_a_note(name: str, film: Film, tmp_path: Path) -> None:
    path = damage(film.write(tmp_path / name), [5])
    frames = extract_frames(path, tmp_path / "frames", fps=10)
    assert len(frames) == 9
    left = [number for number in numbers(frames) if number != 5]
    times = [frame.timestamp_s for frame in frames if number_of(frame.decode()) != 5]
    assert times == pytest.approx([number / 10 for number in left])
    assert left[-3:] == [7, 8, 9]
    assert any("could not be decoded" in note for note in frames.notes)


def test_how_many_processors_there_are_changes_nothing(tmp_path: Path) -> None:
    path = damage(Film(options={"g": "4"}, numbers=range(20)).write(tmp_path / "a.mp4"), [6, 13])
    first = extract_frames(path, tmp_path / "frames", fps=10)
    careful = sharpest_per_window(pictures(path, probe_video(path), Tally(), Threads.ONE), rate=10)
    assert [frame.timestamp_s for frame in first] == [shown.time_s for shown in careful]


def test_where_nothing_decodes_there_is_one_line(tmp_path: Path) -> None:
    path = damage(Film(codec="mjpeg", pix_fmt="yuvj420p").write(tmp_path / "a.avi"), range(10))
    with pytest.raises(InputError, match=r"a\.avi: not one picture could be decoded"):
        extract_frames(path, tmp_path / "frames")


def test_a_file_that_is_cut_off_is_sampled_by_what_is_there(tmp_path: Path) -> None:
    path = Film(codec="mjpeg", pix_fmt="yuvj420p", numbers=range(40)).write(tmp_path / "a.mkv")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = extract_frames(path, tmp_path / "frames", fps=10, max_frames=10)
    assert 9 <= len(frames) <= 10
    assert frames[-1].timestamp_s > 1.5
    assert any(note.endswith("though the file says 4.0 s") for note in frames.notes)


def test_a_recording_that_starts_again_is_put_after_the_first(tmp_path: Path) -> None:
    one = Film(codec="mpeg2video", rate=25, numbers=range(20)).write(tmp_path / "one.ts")
    other = Film(codec="mpeg2video", rate=25, numbers=range(20, 40)).write(tmp_path / "other.ts")
    (tmp_path / "a.ts").write_bytes(one.read_bytes() + other.read_bytes())
    frames = extract_frames(tmp_path / "a.ts", tmp_path / "frames", fps=25)
    times = [frame.timestamp_s for frame in frames]
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(39 / 25, abs=0.05)
    assert any("start again at 1 place(s)" in note for note in frames.notes)


def combed(number: int) -> np.ndarray:
    """A bar that moves by its width from one field to the next."""
    image = np.full((48, 64, 3), 60, np.uint8)
    image[:, :10] = 220
    image[0::2] = np.roll(image[0::2], 20 * number, axis=1)
    image[1::2] = np.roll(image[1::2], 20 * number + 10, axis=1)
    return image


def combing(image: np.ndarray) -> float:
    """How much a line differs from the two around it."""
    grey = image[..., 1].astype(float)
    return float(np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean())


def test_interlaced_film_is_deinterlaced_and_says_so(tmp_path: Path) -> None:
    film = Film(rate=25, draw=combed, options={"x264-params": "interlaced=1:tff=1"})
    frames = extract_frames(film.write(tmp_path / "a.mts"), tmp_path / "frames", fps=25)
    assert len(frames) == 10
    assert [frame.timestamp_s for frame in frames] == pytest.approx([k / 25 for k in range(10)], abs=1e-3)
    assert max(combing(frame.decode()) for frame in frames) < 0.25 * combing(combed(5))
    assert frames.notes == ("the video is interlaced: its frames were deinterlaced",)


def test_a_size_that_changes_within_the_film_is_told(tmp_path: Path) -> None:
    one = Film(codec="mpeg2video", rate=25).write(tmp_path / "one.ts")
    other = Film(codec="mpeg2video", rate=25, size=(96, 64)).write(tmp_path / "other.ts")
    (tmp_path / "a.ts").write_bytes(one.read_bytes() + other.read_bytes())
    frames = extract_frames(tmp_path / "a.ts", tmp_path / "frames", fps=25)
    assert {(frame.width, frame.height) for frame in frames} == {(64, 48), (96, 64)}
    assert "the picture size changes within the video: 64x48, 96x64" in frames.notes


def test_pictures_tell_their_numbers() -> None:
    assert [number_of(picture(k)) for k in range(64)] == list(range(64))

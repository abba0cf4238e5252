"""Video in: windows, sharpness, timestamps, rotation, and damaged files."""

from pathlib import Path

import av
import numpy as np
import pytest

from amb3r_core.errors import InputError
from amb3r_core.inputs.video import VideoFacts, extract_frames, is_video, probe_video, sampling_rate
from amb3r_core.progress import Cancelled, Progress
from tests.inputs.films import Film, number_of


def texture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (48, 64, 3)).repeat(2, axis=0).repeat(2, axis=1).astype(np.uint8)


def write_video(path: Path, n_frames: int = 30, fps: int = 10, blurred: frozenset[int] = frozenset()) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 128, 96, "yuv420p", 4_000_000
        for index in range(n_frames):
            image = np.full((96, 128, 3), 120, np.uint8) if index in blurred else texture(index)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_one_frame_per_window_with_its_timestamp(tmp_path: Path) -> None:
    frames = extract_frames(write_video(tmp_path / "a.mp4"), tmp_path / "frames", fps=2)
    assert len(frames) == 6
    assert frames.is_ordered
    times = [frame.timestamp_s for frame in frames]
    assert all(k * 0.5 <= time < (k + 1) * 0.5 for k, time in enumerate(times))
    assert frames[0].decode().shape == (96, 128, 3)


def test_the_sharpest_frame_of_a_window_is_taken(tmp_path: Path) -> None:
    blurred = frozenset(range(30)) - {3, 7, 14, 18, 21, 29}
    frames = extract_frames(write_video(tmp_path / "a.mp4", blurred=blurred), tmp_path / "frames", fps=2)
    assert [round(frame.timestamp_s * 10) for frame in frames] == [3, 7, 14, 18, 21, 29]


def test_no_more_frames_than_asked(tmp_path: Path) -> None:
    assert len(extract_frames(write_video(tmp_path / "a.mp4"), tmp_path / "frames", max_frames=4)) == 4


def test_finished_frames_are_reused(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    first = extract_frames(video, tmp_path / "frames", fps=2)
    video.unlink()
    again = extract_frames(video, tmp_path / "frames", fps=2)
    assert [frame.timestamp_s for frame in again] == [frame.timestamp_s for frame in first]


def test_rate_is_lowered_to_the_limit_and_never_above_the_video() -> None:
    facts = VideoFacts(frames_per_second=30, duration_s=100, start_s=0, width=64, height=48)
    assert sampling_rate(facts, None, 100) == pytest.approx(1.0)
    assert sampling_rate(facts, 60, 10_000) == pytest.approx(30)


def test_damaged_video_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"this is not a video at all")
    with pytest.raises(InputError, match=r"a.mp4: cannot be opened as a video"):
        extract_frames(tmp_path / "a.mp4", tmp_path / "frames")


def test_a_truncated_video_gives_the_frames_before_the_damage(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.avi").read_bytes()
    (tmp_path / "a.avi").write_bytes(whole[: len(whole) // 2])
    assert len(extract_frames(tmp_path / "a.avi", tmp_path / "frames", fps=10)) >= 5


def test_probe_reads_rate_and_length(tmp_path: Path) -> None:
    facts = probe_video(write_video(tmp_path / "a.mp4"))
    assert facts.frames_per_second == pytest.approx(10)
    assert facts.duration_s == pytest.approx(3.0, abs=0.11)


def test_video_is_told_by_suffix() -> None:
    assert is_video(Path("A.MP4"))
    assert not is_video(Path("a.jpg"))


def test_the_wish_for_fps_is_kept_in_time_where_the_rate_varies(tmp_path: Path) -> None:
    times_ms = [*range(0, 400, 20), *range(1000, 11000, 1000)]
    path = Film(numbers=range(30), times_ms=times_ms).write(tmp_path / "a.mkv")
    frames = extract_frames(path, tmp_path / "frames", fps=50)
    assert [frame.timestamp_s for frame in frames] == pytest.approx([time / 1000 for time in times_ms])
    frames = extract_frames(path, tmp_path / "fewer", fps=5)
    assert [int(frame.timestamp_s * 5) for frame in frames] == [0, 1, *range(5, 55, 5)]


def test_a_rate_that_max_frames_lowers_is_told(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    assert extract_frames(video, tmp_path / "a", fps=5).notes == ()
    told = "`max_frames=6`: 2 frames per second were taken instead of {}"
    assert extract_frames(video, tmp_path / "b", fps=5, max_frames=6).notes == (told.format(5),)
    assert extract_frames(video, tmp_path / "c", max_frames=6).notes == (told.format(4),)


def test_more_fps_than_the_video_has_is_told(tmp_path: Path) -> None:
    frames = extract_frames(write_video(tmp_path / "a.mp4"), tmp_path / "a", fps=60)
    assert len(frames) == 30
    assert frames.notes == ("`fps=60` is more than the video has: every one of its 30 frames was taken",)


def test_a_video_that_is_longer_than_it_says_is_used_to_its_end(tmp_path: Path) -> None:
    path = Film(numbers=range(40)).write(tmp_path / "a.mp4")
    short = VideoFacts(frames_per_second=10, duration_s=0.5, start_s=0, width=64, height=48)
    frames = extract_frames(path, tmp_path / "frames", max_frames=8, facts=short)
    assert len(frames) == 8
    assert frames[-1].timestamp_s > 3.4


def test_notes_are_kept_with_the_frames(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    first = extract_frames(video, tmp_path / "frames", max_frames=6)
    assert first.notes
    video.unlink()
    assert extract_frames(video, tmp_path / "frames", max_frames=6).notes == first.notes


def test_frames_whose_index_knows_no_notes_are_read_anew(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "frames.json").write_text('[["frame_00000.jpg", 0.0, 64, 48]]')
    assert len(extract_frames(write_video(tmp_path / "a.mp4"), tmp_path / "frames", fps=2)) == 6


def test_the_monitor_can_stop_at_every_window_and_the_frames_are_read_anew(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")

    def stop_at_two(progress: Progress, /) -> None:
        assert progress.done <= 2
        if progress.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        extract_frames(video, tmp_path / "frames", fps=2, monitor=stop_at_two)
    assert not (tmp_path / "frames" / "frames.json").exists()
    assert len(extract_frames(video, tmp_path / "frames", fps=2)) == 6


@pytest.mark.parametrize("film", [Film(numbers=[3]), Film(numbers=[3], container="h264"), Film(numbers=[3], codec="libvpx-vp9")])
def test_a_film_of_one_picture_is_one_frame(film: Film, tmp_path: Path) -> None:
    frames = extract_frames(film.write(tmp_path / "a.mkv"), tmp_path / "frames")
    assert [(number_of(frame.decode()), frame.timestamp_s) for frame in frames] == [(3, 0.0)]


@pytest.mark.parametrize("offset_ms", [-300, 0, 5000])
def test_time_counts_from_the_first_picture(offset_ms: int, tmp_path: Path) -> None:
    times_ms = [offset_ms + 100 * index for index in range(10)]
    frames = extract_frames(Film(times_ms=times_ms).write(tmp_path / "a.mkv"), tmp_path / "frames", fps=10)
    assert [frame.timestamp_s for frame in frames] == pytest.approx([index / 10 for index in range(10)])

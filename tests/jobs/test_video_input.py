"""A video as a job's input."""

from pathlib import Path

import pytest

from amb3r_core.errors import InputError
from amb3r_core.jobs.source import VideoFile, find_source
from amb3r_core.options import ReconstructOptions
from amb3r_core.progress import silent
from tests.inputs.films import Film


def test_the_frames_come_with_what_the_user_should_know_of_them(tmp_path: Path) -> None:
    options = ReconstructOptions(max_frames=3)
    source = find_source([Film(cover=True).write(tmp_path / "a.mp4")], options)
    frames = source.open(options, tmp_path / "frames", silent)
    assert len(frames) == 3
    assert [note.split(":")[0] for note in frames.notes] == [
        "of 2 picture streams the film of 64x48 was taken; left out",
        "`max_frames=3`",
    ]


def test_a_video_under_an_unusual_name_is_a_video(tmp_path: Path) -> None:
    source = find_source([Film(container="mp4").write(tmp_path / "DJI_0001")], ReconstructOptions())
    assert isinstance(source, VideoFile)
    assert source.video.frames_per_second == pytest.approx(10)


def test_a_damaged_video_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"words" * 99)
    with pytest.raises(InputError, match="cannot be opened as a video"):
        find_source([tmp_path / "a.mp4"], ReconstructOptions())

"""Views of a video on Blender's timeline."""

from pathlib import Path

import numpy as np
import pytest
from amb3r_blender.timeline import find_sequence, split_fps, timeline_of


def test_time_becomes_frames_counted_from_one() -> None:
    line = timeline_of([0.0, 0.5, 1.01], "TIME", 30.0)
    assert line.frames == pytest.approx([1, 16, 31.3])
    assert (line.first, line.last) == (1, 32)


def test_views_follow_each_other_without_times() -> None:
    assert timeline_of([None, None, None], "TIME", 24.0).frames.tolist() == [1, 2, 3]
    assert timeline_of([0.0, 9.0], "VIEWS", 24.0).frames.tolist() == [1, 2]


@pytest.mark.parametrize("fps", [24.0, 25.0, 23.976, 29.97, 59.94, 0.5])
def test_split_fps_gives_the_rate_back(fps: float) -> None:
    whole, base = split_fps(fps)
    assert whole / base == pytest.approx(fps)
    assert whole >= 1


def test_numbered_files_that_follow_the_frames_are_a_sequence() -> None:
    files = [Path(f"/f/shot_{number:04d}.jpg") for number in (101, 105, 112)]
    found = find_sequence(files, np.array([1.0, 5.0, 12.0]))
    assert found is not None
    assert (found.first, found.offset) == (files[0], 100)


def test_files_out_of_step_are_no_sequence() -> None:
    files = [Path(f"/f/shot_{number:04d}.jpg") for number in (0, 1, 2)]
    assert find_sequence(files, np.array([1.0, 16.0, 31.0])) is None
    assert find_sequence([files[0], Path("/f/other_0001.jpg")], np.array([1.0, 2.0])) is None
    assert find_sequence([files[0], None], np.array([1.0, 2.0])) is None
    assert find_sequence([Path("/f/portrait.jpg")], np.array([1.0])) is None
    assert find_sequence([], np.array([])) is None

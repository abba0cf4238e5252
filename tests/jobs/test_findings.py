"""What a run tells of its input before it begins."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amb3r_core.errors import InputError, OptionError
from amb3r_core.jobs.job import ReconstructionJob, check
from amb3r_core.options import ReconstructOptions
from amb3r_core.progress import NOTICE, Progress


def photos(folder: Path, n: int = 3) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(n):
        Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8)).save(folder / f"img{number}.png")
    return folder


def told(folder: Path, **options: Any) -> list[str]:
    lines: list[str] = []

    def listen(progress: Progress, /) -> None:
        if progress.stage == NOTICE:
            lines.append(progress.message)

    chosen = ReconstructOptions(model="colmap", **options).parsed()
    check(ReconstructionJob(groups=[[folder]], options=chosen), listen)
    return lines


def test_the_first_step_tells_what_was_found_joined_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "poses.txt").write_text("img0.png 0 2 3 0 0 0 1\nimg1.png 1 2 3 0 0 0 1\n")
    lines = told(photos(tmp_path / "photos"), intrinsics="40,40,19.5,14.5", poses=tmp_path / "poses.txt")
    assert lines[:3] == [
        "input: 3 pictures of 40x30, in no order",
        "poses of poses.txt: 2 of 3 photos matched by path; none for img2.png",
        "model: colmap, as asked",
    ]
    assert lines[3].startswith("estimate: about 10 seconds, ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "poses.txt"]


def test_pictures_of_several_sizes_are_counted(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    Image.new("RGB", (30, 40)).save(folder / "turned.png")
    assert told(folder)[0] == "input: 4 pictures of 40x30 (3), 30x40 (1), in no order"


def test_what_the_job_would_refuse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'img9\.png', which is not one of the images"):
        told(photos(tmp_path / "photos"), scale_from="img0.png,img9.png,1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"long_side": -5}, "`long_side=-5`: 16 or more is wanted"),
        ({"fps": -1.0}, "`fps=-1`: more than 0 is wanted"),
        ({"fps": float("nan")}, "`fps=nan`: more than 0 is wanted"),
        ({"max_frames": 0}, "`max_frames=0`: 1 or more is wanted"),
        ({"workers": 0}, "`workers=0`: 1 or more is wanted"),
        ({"poses_in_metres": True}, "speaks of known poses, but there are none"),
    ],
)
def test_numbers_out_of_range_are_refused_before_any_file_is_opened(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ReconstructOptions(**options).parsed()

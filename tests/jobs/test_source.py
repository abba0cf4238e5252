"""Inputs are found once: photos, one video, or frames at hand."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from amb3r_core.errors import InputError
from amb3r_core.inputs.images import frames_from_arrays
from amb3r_core.jobs.source import FramesAtHand, PhotoFiles, VideoFile, find_source
from amb3r_core.options import ReconstructOptions
from amb3r_core.progress import silent

OPTIONS = ReconstructOptions()
GREY = np.full((48, 64, 3), 128, np.uint8)


def photos(folder: Path, n: int = 3) -> Path:
    folder.mkdir()
    for k in range(n):
        Image.fromarray(GREY).save(folder / f"{k}.png")
    return folder


def clip(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(GREY // (k + 1), format="rgb24")))
        container.mux(stream.encode())
    return path


def test_photos_are_listed_once_and_opened_from_that_list(tmp_path: Path) -> None:
    source = find_source([photos(tmp_path / "photos")], OPTIONS)
    assert isinstance(source, PhotoFiles)
    Image.fromarray(GREY).save(tmp_path / "photos" / "late.png")
    assert list(source.names) == ["0.png", "1.png", "2.png"]
    assert [frame.name for frame in source.open(OPTIONS, tmp_path, silent)] == ["0.png", "1.png", "2.png"]


def test_a_video_is_probed_once(tmp_path: Path) -> None:
    source = find_source([clip(tmp_path / "clip.mp4")], OPTIONS)
    assert isinstance(source, VideoFile)
    frames = source.open(OPTIONS, tmp_path / "frames", silent)
    assert frames.is_ordered
    assert source.video.frames_per_second == 10
    (tmp_path / "clip.mp4").unlink()
    assert len(source.open(OPTIONS, tmp_path / "frames", silent)) == len(frames)


def test_frames_at_hand_stay_as_they_are(tmp_path: Path) -> None:
    frames = frames_from_arrays([GREY])
    source = find_source(frames, OPTIONS)
    assert isinstance(source, FramesAtHand)
    assert source.open(OPTIONS, tmp_path, silent) is frames


def test_what_cannot_be_one_input_is_refused(tmp_path: Path) -> None:
    video, folder = clip(tmp_path / "clip.mp4"), photos(tmp_path / "photos")
    for inputs, told in (
        ([], "no input was given"),
        ([tmp_path / "gone.mp4"], "no such file or folder"),
        ([tmp_path / "gone"], "no such file or folder"),
        ([video, folder], "one video alone"),
        ([video, video], "one video alone"),
    ):
        with pytest.raises(InputError, match=told):
            find_source(inputs, OPTIONS)
    with pytest.raises(InputError, match="`masks` works with photos"):
        find_source([video], ReconstructOptions(masks=folder))

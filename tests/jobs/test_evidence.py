"""What can be refused before any work is refused before it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amb3r_core import reconstruct
from amb3r_core.errors import AlignmentError, Amb3rError, InputError
from amb3r_core.inputs.exif import GpsFix, PhotoFacts
from amb3r_core.inputs.images import FrameList, frames_from_arrays
from amb3r_core.jobs.evidence import attach, check_frames, check_names, read_evidence
from amb3r_core.options import GpsScale, MeasuredDistance, ReconstructOptions
from amb3r_core.progress import Progress

LINE = "img{number}.jpg {number} 2 3 0 0 0 1\n"


def frames(n: int = 3) -> FrameList:
    return frames_from_arrays([np.zeros((60, 80, 3), np.uint8)] * n, [f"img{k}.jpg" for k in range(n)])


def pose_file(path: Path, n: int) -> Path:
    path.write_text("".join(LINE.format(number=k) for k in range(n)))
    return path


def wrong_options(folder: Path) -> dict[str, tuple[dict[str, Any], str]]:
    (folder / "noise.txt").write_bytes(b"\xff\x00\xfe")
    return {
        "no masks folder": ({"masks": folder / "gone"}, "the masks folder does not exist"),
        "no poses file": ({"poses": folder / "gone.txt"}, "the poses file does not exist"),
        "unreadable poses": ({"poses": folder / "noise.txt"}, "noise.txt"),
        "no cameras file": ({"intrinsics": folder / "gone.json"}, "neither a file nor four numbers"),
        "unreadable cameras": ({"intrinsics": folder / "noise.txt"}, "cameras are read from"),
        "no scale file": ({"scale_from": "gone.txt"}, "there is no such file; wanted PHOTO_A,PHOTO_B,METRES"),
        "unreadable scale file": ({"scale_from": str(folder / "noise.txt")}, "noise.txt"),
        "malformed distance": ({"scale_from": "a,b,c"}, "wanted PHOTO_A,PHOTO_B,METRES"),
        "not a distance": ({"scale_from": "img0,img1,nan"}, "nan m apart"),
        "unknown photo": ({"scale_from": "img0.jpg,img9.jpg,1"}, "'img9.jpg', which is not one of the images"),
        "too few poses in metres": ({"scale_from": str(pose_file(folder / "two.txt", 2))}, "2 photos have a pose in metres"),
        "no GPS": ({"scale_from": GpsScale()}, "GPS: 0 photos have a position"),
        "unknown model": ({"model": "magic"}, "no such model"),
        "unknown device": ({"device": "abacus"}, "no such device"),
    }


CASES = (
    "no masks folder",
    "no poses file",
    "unreadable poses",
    "no cameras file",
    "unreadable cameras",
    "no scale file",
    "unreadable scale file",
    "malformed distance",
    "not a distance",
    "unknown photo",
    "too few poses in metres",
    "no GPS",
    "unknown model",
    "unknown device",
)


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_option_is_an_error_before_the_model_is_loaded(case: str, tmp_path: Path) -> None:
    changes, told = wrong_options(tmp_path)[case]
    stages: set[str] = set()

    def watch(progress: Progress, /) -> None:
        stages.add(progress.stage)

    with pytest.raises(Amb3rError, match=told):
        reconstruct(frames(), options=ReconstructOptions(**changes), output=tmp_path / "scene", monitor=watch)
    assert stages == set()
    assert not (tmp_path / "scene").exists()


def test_photos_are_named_with_or_without_their_suffix() -> None:
    evidence = read_evidence(ReconstructOptions(scale_from=MeasuredDistance(view_a="img0", view_b="img1.jpg", metres=1.0)))
    check_frames(evidence, frames())
    with pytest.raises(InputError, match=r"'img1\.jpg'"):
        check_names(evidence, ["img0.jpg"])


def test_known_cameras_and_poses_are_attached_and_gaps_are_told(tmp_path: Path) -> None:
    evidence = read_evidence(ReconstructOptions(intrinsics="70,70,39.5,29.5", poses=pose_file(tmp_path / "poses.txt", 2)))
    attached, notes = attach(evidence, frames())
    assert [frame.cam_to_world is not None for frame in attached] == [True, True, False]
    assert all(frame.camera is not None and frame.camera.fx == 70 for frame in attached)
    assert notes == ("poses of poses.txt: 2 of 3 photos matched by path; none for img2.jpg",)


def test_enough_gps_positions_let_the_work_begin() -> None:
    fix = PhotoFacts(gps=GpsFix(latitude_deg=48.0, longitude_deg=11.0, altitude_m=0.0))
    placed = FrameList(tuple(replace(frame, facts=fix) for frame in frames(5)))
    evidence = read_evidence(ReconstructOptions(scale_from="gps"))
    check_frames(evidence, placed)
    with pytest.raises(AlignmentError, match="4 photos have a position"):
        check_frames(evidence, FrameList(placed.frames[:4]))

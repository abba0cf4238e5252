"""The main job tells its story once, and hosts may arrange the frames before it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import InputError
from amb3r_core.inputs.images import FrameList, frames_from_arrays
from amb3r_core.jobs.job import ReconstructionJob, reconstructed
from amb3r_core.options import ReconstructOptions
from amb3r_core.progress import Progress, silent

TUM = "0 1 2 3 0 0 0 1\n1 1 2 4 0 0 0 1\n2 1 2 5 0 0 0 1\n"


def frames(n: int) -> FrameList:
    return frames_from_arrays([np.zeros((60, 80, 3), np.uint8)] * n)


class Arranged(Exception):
    """Raised to look at the frames without computing anything."""


def seen_by_arrange(groups: Sequence[FrameList], **options: object) -> Sequence[FrameList]:
    seen: list[FrameList] = []

    def arrange(opened: Sequence[FrameList]) -> FrameList:
        seen.extend(opened)
        raise Arranged

    job = ReconstructionJob(groups=groups, options=ReconstructOptions(model="colmap", **options), arrange=arrange)  # pyright: ignore
    with pytest.raises(Arranged), reconstructed(job, silent):
        pass
    return seen


def test_a_host_arranges_every_group_with_what_is_known_of_it() -> None:
    train, held_out = seen_by_arrange([frames(3), frames(2)], intrinsics="70,70,39.5,29.5")
    assert (len(train), len(held_out)) == (3, 2)
    assert all(frame.camera is not None and frame.camera.fx == 70 for frame in (*train, *held_out))


def test_poses_without_names_serve_one_group_alone(tmp_path: Path) -> None:
    (tmp_path / "poses.txt").write_text(TUM)
    (one,) = seen_by_arrange([frames(3)], poses=tmp_path / "poses.txt", poses_by="order")
    assert all(frame.cam_to_world is not None for frame in one)
    options = ReconstructOptions(poses=tmp_path / "poses.txt", poses_by="order")
    job = ReconstructionJob(groups=[frames(3), frames(3)], options=options, arrange=lambda groups: groups[0])
    with pytest.raises(InputError, match="between 2 sets of photos") as caught, reconstructed(job, silent):
        pass
    assert caught.value.option == "poses"


def test_names_are_checked_after_a_host_has_changed_them() -> None:
    def renamed(groups: Sequence[FrameList]) -> FrameList:
        return FrameList(tuple(replace(frame, name=f"train/{frame.name}") for frame in groups[0]))

    options = ReconstructOptions(model="colmap", scale_from="image_00000,image_00001,1")
    job = ReconstructionJob(groups=[frames(3)], options=options, arrange=renamed)
    stages: list[str] = []

    def watch(progress: Progress, /) -> None:
        stages.append(progress.stage)

    with pytest.raises(InputError, match="'image_00000', which is not one of the images"), reconstructed(job, watch):
        pass
    assert "load model" not in stages

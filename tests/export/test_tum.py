"""Trajectories of ours, read by evo."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.export.tum import export_tum
from tests.fakes import fake_room, judged

file_interface = pytest.importorskip("evo.tools.file_interface")

SCENE = fake_room(5).reconstruction


def test_an_independent_reader_finds_every_pose_and_the_views_indices(tmp_path: Path):
    export_tum(SCENE, tmp_path / "a.txt")
    trajectory = file_interface.read_tum_trajectory_file(tmp_path / "a.txt")
    assert trajectory.timestamps.tolist() == [0, 1, 2, 3, 4]
    assert np.abs(np.array(trajectory.poses_se3) - SCENE.cam_to_world).max() < 1e-12


def test_the_header_says_how_far_the_poses_are_trusted(tmp_path: Path):
    export_tum(judged(SCENE, 0.7), tmp_path / "a.txt")
    assert "# poses: likely (70%)" in (tmp_path / "a.txt").read_text().splitlines()


def test_times_of_a_video_are_kept_unless_one_is_missing(tmp_path: Path):
    timed = tuple(replace(view, timestamp_s=0.1 * index) for index, view in enumerate(SCENE.views))
    export_tum(replace(SCENE, views=timed), tmp_path / "a.txt")
    assert np.allclose(file_interface.read_tum_trajectory_file(tmp_path / "a.txt").timestamps, [0, 0.1, 0.2, 0.3, 0.4])
    export_tum(replace(SCENE, views=(*timed[:4], SCENE.views[4])), tmp_path / "b.txt")
    assert file_interface.read_tum_trajectory_file(tmp_path / "b.txt").timestamps.tolist() == [0, 1, 2, 3, 4]


def test_the_header_tells_scale_licence_and_columns(tmp_path: Path):
    export_tum(SCENE, tmp_path / "a.txt")
    header = [line for line in (tmp_path / "a.txt").read_text().splitlines() if line.startswith("#")]
    assert "# scale metric, unit metre" in header
    assert "# scale source made to measure" in header
    assert "# weights licence CC-BY-4.0" in header
    assert header[-1].startswith("# timestamp tx ty tz qx qy qz qw")

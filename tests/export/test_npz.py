"""The NPZ holds the whole scene as plain arrays."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from amb3r_core.export.npz import export_npz
from tests.fakes import fake_room, judged

SCENE = fake_room(4, mixed=True).reconstruction


def test_numpy_reads_every_array_without_pickle(tmp_path: Path):
    export_npz(SCENE, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["depth"], SCENE.dense.depth)
        assert np.array_equal(arrays["confidence"], SCENE.dense.confidence)
        assert np.array_equal(arrays["rgb"], SCENE.dense.rgb)
        assert np.array_equal(arrays["cam_to_world"], SCENE.cam_to_world)
        assert arrays["names"].tolist() == [view.name for view in SCENE.views]
        assert arrays["letterbox"][1].tolist() == [14, 0, 36, 48]
        assert arrays["original_size"][0].tolist() == [128, 96]
        assert np.isnan(arrays["timestamps_s"]).all()
        assert (str(arrays["scale_kind"]), str(arrays["scale_source"])) == ("metric", "made to measure")
        assert str(arrays["weights_licence"]) == "CC-BY-4.0"
        assert json.loads(str(arrays["provenance"]))["model"] == "fake"


def test_trust_in_the_poses_is_an_array_that_is_nan_where_they_were_not_judged(tmp_path: Path):
    export_npz(judged(SCENE, 0.95, {1: 0.5, 2: None}), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["pose_trust"], [0.95, 0.5, np.nan, 0.95])
        assert float(arrays["scene_pose_trust"]) == 0.95
        assert json.loads(str(arrays["provenance"]))["poses"]["standing_out"] == ["photo_001.png"]
    export_npz(SCENE, tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz") as arrays:
        assert np.isnan([*arrays["pose_trust"], arrays["scene_pose_trust"]]).all()


def test_points_unprojected_from_its_arrays_are_the_scenes(tmp_path: Path):
    export_npz(SCENE, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as arrays:
        depth, K, pose = arrays["depth"][1], arrays["intrinsics"][1], arrays["cam_to_world"][1]
    v, u = np.nonzero(depth)
    rays = np.stack([u, v, np.ones(len(u))], axis=1) @ np.linalg.inv(K).T
    points = (rays * depth[v, u][:, None]) @ pose[:3, :3].T + pose[:3, 3]
    assert np.abs(points - SCENE.points_world(1)[v, u]).max() < 1e-5


def test_a_scene_of_cameras_has_no_maps_and_the_same_scene_the_same_bytes(tmp_path: Path):
    cameras = replace(SCENE, dense=None, up_world=None)
    for name in ("a.npz", "b.npz"):
        export_npz(cameras, tmp_path / name)
    with np.load(tmp_path / "a.npz") as arrays:
        assert "depth" not in arrays
        assert np.isnan(arrays["up_world"]).all()
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()

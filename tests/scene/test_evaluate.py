"""Scores: perfect, by hand, and with views missing."""

from pathlib import Path

import numpy as np
import pytest

from amb3r_core.scene.camera import Letterbox, PinholeCamera
from amb3r_core.scene.conventions import quaternion_from_rotation, rigid, rotation_from_quaternion
from amb3r_core.scene.evaluate import score_depth, score_poses
from amb3r_core.scene.geometry import Sim3
from amb3r_core.scene.reconstruction import Dense, Provenance, Reconstruction, Scale, UnregisteredView, View

RNG = np.random.default_rng(5)
TRUTH = [rigid(rotation_from_quaternion(RNG.normal(size=4)), RNG.normal(size=3)) for _ in range(12)]
CAMERA = PinholeCamera(width=30, height=20, fx=30, fy=30, cx=14.5, cy=9.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "gt").mkdir()
    rows = []
    for k, pose in enumerate(TRUTH):
        (tmp_path / "images" / f"{k:03d}.jpg").touch()
        w, x, y, z = quaternion_from_rotation(pose[:3, :3])
        rows.append(" ".join(repr(float(v)) for v in (k, *pose[:3, 3], x, y, z, w)))
    (tmp_path / "gt" / "poses.txt").write_text("\n".join(rows))
    return tmp_path


def scene(poses: list[np.ndarray], depth: np.ndarray | None = None, confidence: np.ndarray | None = None) -> Reconstruction:
    whole = Letterbox(x=0, y=0, width=30, height=20)
    views = tuple(View(name=f"{k:03d}.jpg", camera=CAMERA, cam_to_world=pose, letterbox=whole) for k, pose in enumerate(poses))
    dense = None
    if depth is not None:
        confidence = np.full_like(depth, 2.0) if confidence is None else confidence
        dense = Dense(depth=depth, confidence=confidence, rgb=np.zeros((*depth.shape, 3), np.uint8))
    lost = tuple(UnregisteredView(name=f"{k:03d}.jpg", reason="test") for k in range(len(poses), 12))
    scale = Scale(kind="relative", source="test")
    return Reconstruction(views=views, dense=dense, unregistered=lost, scale=scale, provenance=Provenance(model="m", version="0"))


def test_a_similar_trajectory_is_perfect(folder: Path) -> None:
    similarity = Sim3(0.4, rotation_from_quaternion(np.array([1.0, 2, 3, 4])), np.array([1.0, -2, 3]))
    score = score_poses(scene([similarity.apply_pose(pose) for pose in TRUTH]), folder)
    assert score.auc30 == pytest.approx(1.0)
    assert score.ate == pytest.approx(0.0, abs=1e-9)
    assert score.scale == pytest.approx(2.5)


def test_auc_of_one_turned_camera_is_the_hand_count(folder: Path) -> None:
    angle = np.radians(12.5)
    turn = rotation_from_quaternion(np.array([np.cos(angle / 2), 0, 0, np.sin(angle / 2)]))
    turned = rigid(TRUTH[0][:3, :3] @ turn, TRUTH[0][:3, 3])
    score = score_poses(scene([turned, *TRUTH[1:]]), folder)
    assert score.auc30 == pytest.approx(1 - 11 / 66 * 12 / 30)


def test_missing_views_count_as_failures(folder: Path) -> None:
    score = score_poses(scene(TRUTH[:6]), folder)
    assert (score.registered, score.n_images) == (6, 12)
    assert score.auc30 == pytest.approx(15 / 66)


def test_depth_is_scored_with_one_scale_and_by_confidence() -> None:
    depth = np.full((2, 20, 30), 2.0, np.float32)
    confidence = np.full((2, 20, 30), 5.0, np.float32)
    depth[:, :10], confidence[:, :10] = 2.2, 1.5
    depth[:, :4] = 0.0
    truth = {"000": np.full((20, 30), 4.0), "001": np.full((20, 30), 4.0)}
    score = score_depth(scene(TRUTH[:2], depth, confidence), truth, (1.0, 0.5))
    assert score.scale == pytest.approx(2.0)
    assert score.completeness == pytest.approx(0.8)
    assert score.abs_rel[0.5] == pytest.approx(0.0)
    assert score.abs_rel[1.0] == pytest.approx(0.1 * 6 / 16, rel=1e-5)
    assert score.delta_125[1.0] == pytest.approx(0.8)

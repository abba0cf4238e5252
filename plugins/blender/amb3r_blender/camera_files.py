# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes cameras for other programs: our own scene file, COLMAP text, Nerfstudio. Standard library and numpy only."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .camera_math import quaternions
from .core import CORNER_MINUS_CENTER, Reconstruction, View, opencv_to_opengl, scene_text, stored_path


def write_scene_cameras(path: Path, scene: Reconstruction) -> list[Path]:
    """A `scene.amb3r` with cameras only, which this extension and `amb3r` read."""
    return [_write(path, scene_text(scene, path.parent, None))]


def write_colmap_text(folder: Path, views: Sequence[View]) -> list[Path]:
    """COLMAP's cameras.txt, images.txt and an empty points3D.txt: pinhole, world-to-camera, corner pixel origin."""
    poses = np.array([view.world_to_cam for view in views]).reshape(-1, 4, 4)
    camera_lines, image_lines = ["# CAMERA_ID MODEL WIDTH HEIGHT fx fy cx cy"], ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"]
    wxyz = quaternions(poses[:, :3, :3])
    for number, (view, world_to_cam, quaternion) in enumerate(zip(views, poses, wxyz, strict=True), start=1):
        parameters = " ".join(map(repr, _corner_intrinsics(view)))
        camera_lines.append(f"{number} PINHOLE {view.camera.width} {view.camera.height} {parameters}")
        pose = [*quaternion.tolist(), *world_to_cam[:3, 3].tolist()]
        image_lines += [f"{number} {' '.join(map(repr, pose))} {number} {view.name}", ""]
    texts = {"cameras.txt": camera_lines, "images.txt": image_lines, "points3D.txt": ["# no points"]}
    return [_write(folder / name, "\n".join(lines) + "\n") for name, lines in texts.items()]


def write_nerfstudio(path: Path, views: Sequence[View]) -> list[Path]:
    """Nerfstudio's transforms.json: OpenGL camera axes, corner pixel origin, one camera per frame."""
    frames: list[dict[str, object]] = []
    for view in views:
        fl_x, fl_y, cx, cy = _corner_intrinsics(view)
        image = view.name if view.path is None else stored_path(view.path, path.parent)
        intrinsics = {"fl_x": fl_x, "fl_y": fl_y, "cx": cx, "cy": cy, "w": view.camera.width, "h": view.camera.height}
        pose = opencv_to_opengl(view.cam_to_world)
        frames.append({"file_path": image, **intrinsics, "transform_matrix": pose.tolist()})
    text = json.dumps({"camera_model": "PINHOLE", "frames": frames}, indent=1, ensure_ascii=False, allow_nan=False)
    return [_write(path, text + "\n")]


def _corner_intrinsics(view: View) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy in pixels counted from the corner of the top-left pixel."""
    camera = view.camera
    return float(camera.fx), float(camera.fy), float(camera.cx + CORNER_MINUS_CENTER), float(camera.cy + CORNER_MINUS_CENTER)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path

# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes cameras for other programs: our own scene file, COLMAP text, Nerfstudio. Standard library and numpy only."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .camera_math import Intrinsics, flip_camera_axes, quaternions


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedCamera:
    """A camera of the Blender scene in the scene file's terms. image: absolute path, or None."""

    name: str
    camera: Intrinsics
    cam_to_world: NDArray[np.float64]
    image: str | None = None
    time_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportNotes:
    """What is known about the cameras' scale and origin."""

    is_metric: bool = False
    scale_source: str = "unknown"
    weights_name: str | None = None
    weights_licence: str | None = None
    version: str = ""
    model: str = "unknown"
    up: tuple[float, float, float] | None = None


def write_scene_cameras(path: Path, cameras: Sequence[ExportedCamera], notes: ExportNotes) -> list[Path]:
    """A `scene.amb3r` with cameras only, which this extension and `amb3r` read."""
    licence = notes.weights_licence
    weights = None if licence is None else {"name": notes.weights_name, "sha256": "", "licence": licence, "source": "Blender"}
    document = {
        "format": "amb3r-scene",
        "format_version": 1,
        "unit": "metre" if notes.is_metric else "unit",
        "metric": notes.is_metric,
        "scale": {
            "kind": "metric" if notes.is_metric else "relative",
            "source": notes.scale_source,
            "relative_spread": None,
        },
        "frame": "opencv",
        "pixel_origin": "corner",
        "up": None if notes.up is None else list(notes.up),
        "views": [_view(camera, path.parent) for camera in cameras],
        "unregistered": [],
        "dense": None,
        "points": None,
        "video": None,
        "engine": {
            "name": "amb3r",
            "version": notes.version,
            "model": notes.model,
            "pipeline": "blender",
            "weights": weights,
            "weights_licence": licence,
            "config": {},
            "seconds": {},
            "notes": ["cameras exported from Blender"],
        },
    }
    return [_write(path, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")]


def write_colmap_text(folder: Path, cameras: Sequence[ExportedCamera]) -> list[Path]:
    """COLMAP's cameras.txt, images.txt and an empty points3D.txt: pinhole, world-to-camera, corner pixel origin."""
    wxyz = quaternions(np.array([_inverse(camera.cam_to_world)[:3, :3] for camera in cameras]).reshape(-1, 3, 3))
    camera_lines, image_lines = ["# CAMERA_ID MODEL WIDTH HEIGHT fx fy cx cy"], ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"]
    for number, (camera, quaternion) in enumerate(zip(cameras, wxyz, strict=True), start=1):
        k = camera.camera
        parameters = " ".join(repr(float(value)) for value in (k.fx, k.fy, k.cx, k.cy))
        camera_lines.append(f"{number} PINHOLE {k.width} {k.height} {parameters}")
        pose = [*quaternion.tolist(), *_inverse(camera.cam_to_world)[:3, 3].tolist()]
        image_lines += [f"{number} {' '.join(map(repr, pose))} {number} {camera.name}", ""]
    texts = {"cameras.txt": camera_lines, "images.txt": image_lines, "points3D.txt": ["# no points"]}
    return [_write(folder / name, "\n".join(lines) + "\n") for name, lines in texts.items()]


def write_nerfstudio(path: Path, cameras: Sequence[ExportedCamera]) -> list[Path]:
    """Nerfstudio's transforms.json: OpenGL camera axes, corner pixel origin, one camera per frame."""
    frames = [
        {
            "file_path": _file_name(camera.image, path.parent) or camera.name,
            "fl_x": float(camera.camera.fx),
            "fl_y": float(camera.camera.fy),
            "cx": float(camera.camera.cx),
            "cy": float(camera.camera.cy),
            "w": camera.camera.width,
            "h": camera.camera.height,
            "transform_matrix": flip_camera_axes(camera.cam_to_world).tolist(),
        }
        for camera in cameras
    ]
    text = json.dumps({"camera_model": "PINHOLE", "frames": frames}, indent=1, ensure_ascii=False, allow_nan=False)
    return [_write(path, text + "\n")]


def _view(camera: ExportedCamera, folder: Path) -> dict[str, object]:
    k = camera.camera
    return {
        "name": camera.name,
        "image": _file_name(camera.image, folder),
        "width": k.width,
        "height": k.height,
        "K": k.matrix.tolist(),
        "c2w": camera.cam_to_world.tolist(),
        "crop": [0, 0, k.width, k.height],
        "time": camera.time_s,
        "keyframe": True,
        "mask": None,
    }


def _file_name(image: str | None, folder: Path) -> str | None:
    """Relative to the folder when it lies inside, else absolute; forward slashes."""
    if image is None:
        return None
    path, inside = Path(os.path.abspath(image)), Path(os.path.abspath(folder))
    return (path.relative_to(inside) if path.is_relative_to(inside) else path).as_posix()


def _inverse(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse = np.eye(4)
    inverse[:3, :3] = pose[:3, :3].T
    inverse[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return inverse


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path

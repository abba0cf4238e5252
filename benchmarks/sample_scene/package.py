"""The sample as files: photos, poses, intrinsics and depth in the layout of `amb3r_core/sample`."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial.transform import Rotation

from sample_scene.camera_path import FOCAL_PX, HEIGHT, WIDTH
from sample_scene.surfaces import Array

JPEG_QUALITY = 88
SENSOR_NOISE = 0.006  # deviation in a mid-grey, as part of full scale
MM_PER_M = 1000.0
ABOUT = {
    "source": "rendered with Blender's Cycles by benchmarks/make_sample.py; all shapes and textures are our own",
    "licence": "CC0-1.0",
    "metric": True,
    "units": "metres",
    "world": "z up, floor at z = 0, origin in the room's near left corner; the room is 4.0 x 5.0 x 2.6",
    "poses": "TUM lines: index of the image in name order, tx ty tz qx qy qz qw; camera-to-world, OpenCV axes",
    "has_poses": True,
    "depth": "z-depth (not the ray's length) in millimetres, uint16, at each pixel's centre; 0 = none; relief is shading only",
}


def stem(index: int) -> str:
    return f"IMG_{index + 1:04d}"


def write_photo(folder: Path, index: int, picture: Array) -> None:
    """The JPEG of a rendered picture (H, W, 3) in [0, 1], with the faint grain of a good sensor and no metadata."""
    rng = np.random.default_rng(1000 + index)
    grain = rng.normal(0.0, SENSOR_NOISE, picture.shape) + rng.normal(0.0, 0.5 * SENSOR_NOISE, (*picture.shape[:2], 1))
    noisy = picture + ndimage.gaussian_filter(grain, (0.4, 0.4, 0.0)) * (0.6 + 0.8 * picture)
    pixels = np.clip(np.rint(noisy * 255.0), 0, 255).astype(np.uint8)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / "images" / f"{stem(index)}.jpg", quality=JPEG_QUALITY, optimize=True, progressive=True)


def write_depth(folder: Path, index: int, depth_m: Array) -> None:
    """A z-depth map (H, W) in metres as a 16-bit PNG of millimetres."""
    millimetres = np.rint(depth_m * MM_PER_M)
    if millimetres.max() > np.iinfo(np.uint16).max:
        raise ValueError(f"depth of {depth_m.max():.1f} m does not fit 16 bits of millimetres")
    (folder / "gt" / "depth").mkdir(parents=True, exist_ok=True)
    Image.fromarray(millimetres.astype(np.uint16)).save(folder / "gt" / "depth" / f"{stem(index)}.png", optimize=True)


def write_cameras(folder: Path, poses: list[Array]) -> None:
    """poses.txt, intrinsics.json and meta.json."""
    truth = folder / "gt"
    truth.mkdir(parents=True, exist_ok=True)
    lines = ["# index tx ty tz qx qy qz qw (camera-to-world, OpenCV axes, metres)"]
    for index, pose in enumerate(poses):
        numbers = np.concatenate([pose[:3, 3], Rotation.from_matrix(pose[:3, :3]).as_quat()])
        lines.append(f"{index} " + " ".join(f"{number:.9f}" for number in numbers))
    (truth / "poses.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    centre = {"cx": (WIDTH - 1) / 2, "cy": (HEIGHT - 1) / 2, "pixel_origin": "center"}
    intrinsics = {"fx": float(FOCAL_PX), "fy": float(FOCAL_PX), **centre, "width": WIDTH, "height": HEIGHT}
    write_json(truth / "intrinsics.json", intrinsics)
    write_json(truth / "meta.json", {**ABOUT, "images": len(poses), "depth_frames": len(poses)})


def write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

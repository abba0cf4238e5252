"""A set's folder: photos, poses, camera and what is known of them, as `amb3r_core/scene/evaluate.py` reads it."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from amb3r_core.scene.conventions import quaternion_from_rotation
from amb3r_core.scene.evaluate import true_poses
from benchmarks.rendered.camera import Lens, photograph
from benchmarks.rendered.kinds import Scene
from benchmarks.rendered.surfaces import Array
from benchmarks.rendered.textures import Rng

JPEG_QUALITY = 92


def write_rendered(folder: Path, scene: Scene, rng: Rng, meta: Mapping[str, object]) -> None:
    """Renders a scene into a set's folder."""
    traced = scene.world.traced()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number, pose in enumerate(scene.poses):
        pixels = photograph(traced, scene.lens, pose, scene.light, rng)
        Image.fromarray(pixels).save(folder / "images" / f"{number:03d}.jpg", quality=JPEG_QUALITY)
    write_truth(folder, scene.poses, {**meta, "images": len(scene.poses), "metric": True, "k1": scene.lens.k1})
    (folder / "gt" / "intrinsics.json").write_text(json.dumps(_intrinsics(scene.lens), indent=1) + "\n")


def _intrinsics(lens: Lens) -> dict[str, float]:
    """Pixel (0, 0) is the centre of the top-left pixel."""
    centre = {"cx": (lens.width - 1) / 2, "cy": (lens.height - 1) / 2}
    return {"fx": lens.focal_px, "fy": lens.focal_px, **centre, "width": lens.width, "height": lens.height}


def write_truth(folder: Path, poses: Sequence[Array], meta: Mapping[str, object]) -> None:
    """The poses of the images in sorted order, and the set's facts."""
    (folder / "gt").mkdir(parents=True, exist_ok=True)
    lines = ["# index tx ty tz qx qy qz qw  (camera-to-world, OpenCV axes; index = position of the image in sorted name order)"]
    for number, pose in enumerate(poses):
        w, x, y, z = quaternion_from_rotation(pose[:3, :3])
        lines.append(f"{number} " + " ".join(f"{value:.9f}" for value in (*pose[:3, 3], x, y, z, w)))
    (folder / "gt" / "poses.txt").write_text("\n".join(lines) + "\n")
    (folder / "gt" / "meta.json").write_text(json.dumps(dict(meta), indent=1) + "\n")


def write_subset(folder: Path, source: Path, chosen: Sequence[int], meta: Mapping[str, object]) -> None:
    """Some photos of a real set, by their position, with their poses and camera."""
    truth, names = true_poses(source), sorted(path.name for path in (source / "images").iterdir())
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number in chosen:
        shutil.copyfile(source / "images" / names[number], folder / "images" / names[number])
    poses = [truth[Path(names[number]).stem] for number in chosen]
    write_truth(folder, poses, {**meta, "images": len(chosen), "chosen": [int(number) for number in chosen]})
    if (source / "gt" / "intrinsics.json").is_file():
        shutil.copyfile(source / "gt" / "intrinsics.json", folder / "gt" / "intrinsics.json")


def spread(rng: Rng, n_all: int, n: int, stride: int) -> list[int]:
    """n positions about a stride apart, from a random start, the strides a little uneven."""
    steps = np.maximum(stride + rng.integers(-stride // 3, stride // 3 + 1, n - 1), 1)
    places = np.concatenate([[0], np.cumsum(steps)])
    return [int(place) for place in places * min(1.0, (n_all - 1) / places[-1]) + rng.integers(0, max(n_all - places[-1], 1))]

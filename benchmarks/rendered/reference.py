"""Poses for a real set that has none: those COLMAP's incremental mapper finds with all of its photos."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pycolmap

from amb3r_core.scene.conventions import invert
from benchmarks.rendered.files import write_truth


def reference_of(source: Path, folder: Path) -> Path:
    """A scene folder with the source's photos and those poses; made once."""
    if not (folder / "gt" / "poses.txt").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "images").exists():
            os.symlink((source / "images").resolve(), folder / "images")
        poses = _mapped(folder / "images")
        write_truth(folder, poses, {"source": f"COLMAP's incremental mapper with all photos of {source.name}", "metric": False})
    return folder


def _mapped(images: Path) -> list[np.ndarray]:
    names = sorted(path.name for path in images.iterdir())
    pycolmap.set_random_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        database = Path(scratch) / "database.db"
        pycolmap.extract_features(database, images, camera_mode=pycolmap.CameraMode.SINGLE)
        pycolmap.match_exhaustive(database)
        models = pycolmap.incremental_mapping(database, images, Path(scratch))
        best = max(models.values(), key=lambda model: model.num_reg_images(), default=pycolmap.Reconstruction())
    placed = {image.name: image for image in best.images.values() if image.has_pose}
    if len(placed) < len(names):
        raise SystemExit(f"{images}: COLMAP places {len(placed)} of {len(names)} photos, which is no reference")
    return [invert(np.vstack([placed[name].cam_from_world().matrix(), [0, 0, 0, 1]])) for name in names]

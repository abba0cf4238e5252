"""Finds the poses of one set's photos in one way and prints them with processor seconds and peak memory; `poses.py` starts it.

    python benchmarks/pose_worker.py IMAGES ours|rivals [FIELD=VALUE...]

A process of its own, so that seconds and memory are those of one set alone. FIELD=VALUE are fields of `SparseConfig`.
"""

import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from amb3r_core.compute.machine import peak_memory_mb
from amb3r_core.errors import Amb3rError
from amb3r_core.scene.conventions import invert

Answer = dict[str, object]
"""`cam_to_world` and `focal_px` by image stem, `trust`, `pose_trust` by stem, `chosen`, `problem`, `seconds` and `peak_mb`."""


def main() -> None:
    """Prints one JSON document: answers by the name of the way."""
    images, way = Path(sys.argv[1]), sys.argv[2]
    fields = dict(word.split("=", 1) for word in sys.argv[3:])
    with tempfile.TemporaryDirectory() as scratch:
        answers = {"ours": ours(images, Path(scratch), fields)} if way == "ours" else rivals(images, Path(scratch))
    print(json.dumps(answers))


def ours(images: Path, scratch: Path, fields: dict[str, str]) -> Answer:
    """The sparse part of the model `colmap`."""
    from amb3r_core.inputs.images import open_photos
    from amb3r_core.models.colmap.sfm.run import SparseConfig, reconstruct_sparse

    started = processor_s()
    try:
        sparse = reconstruct_sparse(list(open_photos([images])), config=SparseConfig(**fields), scratch=scratch)
    except Amb3rError as error:
        return answer({}, {}, started, problem=str(error))
    placed = [view for view in sparse.views if view.cam_to_world is not None]
    poses = {Path(view.name).stem: view.cam_to_world for view in placed if view.cam_to_world is not None}
    focals = {Path(view.name).stem: view.camera.pinhole.fx for view in placed}
    pose_trust = {Path(view.name).stem: getattr(view, "pose_trust", None) for view in placed}
    facts = {"trust": getattr(sparse, "scene_trust", None), "pose_trust": pose_trust, "notes": list(sparse.notes)}
    return answer(poses, focals, started, chosen=sparse.chosen, error_px=sparse.mean_error_px, **facts)


def rivals(images: Path, scratch: Path) -> dict[str, object]:
    """COLMAP's three mappers over the same features and exhaustive matches, all as they come."""
    import pycolmap

    pycolmap.logging.minloglevel = pycolmap.logging.Level.FATAL.value
    pycolmap.set_random_seed(0)
    database, started = scratch / "database.db", processor_s()
    pycolmap.extract_features(database, images)
    pycolmap.match_exhaustive(database)
    matched = processor_s() - started
    mappers: dict[str, Callable[..., dict[int, pycolmap.Reconstruction]]] = {
        "incremental": pycolmap.incremental_mapping,
        "global": pycolmap.global_mapping,
        "hierarchical": pycolmap.hierarchical_mapping,
    }
    answers: dict[str, object] = {}
    for name, mapper in mappers.items():
        (scratch / name).mkdir()
        started = processor_s() - matched
        try:
            models = mapper(database, images, scratch / name)
        except (RuntimeError, ValueError) as error:
            answers[name] = answer({}, {}, started, problem=str(error).splitlines()[0])
            continue
        best = max(models.values(), key=lambda model: (model.num_reg_images(), model.num_points3D()), default=None)
        placed = [image for image in best.images.values() if image.has_pose] if best is not None else []
        poses = {Path(image.name).stem: invert(np.vstack([image.cam_from_world().matrix(), [0, 0, 0, 1]])) for image in placed}
        focals = {Path(image.name).stem: float(image.camera.mean_focal_length()) for image in placed}
        answers[name] = answer(poses, focals, started)
    return answers


def answer(poses: dict[str, np.ndarray], focals: dict[str, float], started: float, **facts: object) -> Answer:
    """What is printed of one way; processor seconds count from `started`."""
    cameras = {"cam_to_world": {stem: pose.tolist() for stem, pose in poses.items()}, "focal_px": focals}
    children_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
    return {**cameras, "seconds": processor_s() - started, "peak_mb": max(peak_memory_mb(), children_mb), **facts}


def processor_s() -> float:
    """Processor seconds of this process and of those it started that have ended."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()

"""Finished predictions of one job, on disk: a killed run need not make them again, nor another call with the same views."""

import json
import shutil
from pathlib import Path

import numpy as np
import torch

from amb3r_core.compute.arrays import float32_array, float64_array, uint8_array
from amb3r_core.models.api import Prediction
from amb3r_core.scene.lens import Lens
from amb3r_core.storage.atomic import written_whole

FILE = "prediction.npz"
MAX_KEPT = 32
"""How many predictions stay: those that a pipeline may ask for again between two entries of its journal."""


def load_prediction(folder: Path) -> Prediction | None:
    """The prediction kept in this folder, or None."""
    path = folder / FILE
    if not path.is_file():
        return None
    path.touch()
    with np.load(path, allow_pickle=False) as kept:
        return Prediction(
            depth=torch.as_tensor(kept["depth"]),
            confidence=torch.as_tensor(kept["confidence"]),
            cam_to_world=torch.as_tensor(kept["cam_to_world"]),
            intrinsics=torch.as_tensor(kept["intrinsics"]),
            registered=torch.as_tensor(kept["registered"]).bool(),
            reasons=tuple(json.loads(str(kept["reasons"]))),
            lenses=tuple(Lens(model=model, coefficients=tuple(values)) for model, values in json.loads(str(kept["lenses"]))),
            notes=tuple(json.loads(str(kept["notes"]))),
            details=json.loads(str(kept["details"])),
            weight_is_probability="weight_is_probability" in kept and bool(kept["weight_is_probability"]),
            pose_trust=tuple(json.loads(str(kept["pose_trust"]))) if "pose_trust" in kept else (),
            scene_trust=json.loads(str(kept["scene_trust"])) if "scene_trust" in kept else None,
        )


def keep_prediction(folder: Path, prediction: Prediction) -> None:
    """Keeps the prediction in its folder, in place of the stages that led to it, and drops the oldest of its neighbours."""
    with written_whole(folder / FILE) as partial:
        np.savez(
            partial,
            depth=float32_array(prediction.depth),
            confidence=float32_array(prediction.confidence),
            cam_to_world=float64_array(prediction.cam_to_world),
            intrinsics=float64_array(prediction.intrinsics),
            registered=uint8_array(prediction.registered),
            reasons=np.array(json.dumps(prediction.reasons)),
            lenses=np.array(json.dumps([(lens.model, lens.coefficients) for lens in prediction.lenses])),
            notes=np.array(json.dumps(prediction.notes)),
            details=np.array(json.dumps(dict(prediction.details))),
            weight_is_probability=np.array(prediction.weight_is_probability),
            pose_trust=np.array(json.dumps(prediction.pose_trust)),
            scene_trust=np.array(json.dumps(prediction.scene_trust)),
        )
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != FILE:
            path.unlink()
    kept = sorted(folder.parent.glob(f"*/{FILE}"), key=lambda path: path.stat().st_mtime_ns)
    for path in kept[:-MAX_KEPT]:
        shutil.rmtree(path.parent, ignore_errors=True)

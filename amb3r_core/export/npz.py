"""Everything in one NPZ for scripts: maps, cameras, poses, names, scale. Conventions are those of the package.

Keys: depth, confidence (N, H, W) float32, rgb (N, H, W, 3) uint8 and weight_is_probability () bool, whether (c - 1) / c of a
confidence c is the probability that the depth is right, when the scene is dense; cam_to_world (N, 4, 4);
intrinsics (N, 3, 3) of the dense grid and intrinsics_original (N, 3, 3) of the original images, (0, 0) the centre of the
top-left pixel; original_size (N, 2) width, height; letterbox (N, 4) x, y, width, height; names (N,); timestamps_s (N,), NaN where
there is none; is_keyframe (N,); pose_trust (N,) and scene_pose_trust (), NaN where not judged; up_world (3,), NaN when unknown;
scale_kind, scale_source, weights_licence, provenance (JSON).
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amb3r_core.export.notes import provenance_record, weights_licence
from amb3r_core.export.points import ScenePoints
from amb3r_core.scene.reconstruction import Reconstruction


def export_npz(reconstruction: Reconstruction, path: Path, points: ScenePoints | None = None) -> list[Path]:
    """Writes the arrays; memory-mapped maps are copied piece by piece."""
    with path.open("wb") as file:
        np.savez(file, **scene_arrays(reconstruction))
    return [path]


def scene_arrays(reconstruction: Reconstruction) -> dict[str, NDArray[np.generic]]:
    """The arrays by key, as the module's docstring lists them."""
    views, dense, scale = reconstruction.views, reconstruction.dense, reconstruction.scale
    arrays: dict[str, NDArray[np.generic]] = {
        "cam_to_world": reconstruction.cam_to_world,
        "intrinsics_original": np.array([view.camera.K for view in views]).reshape(-1, 3, 3),
        "original_size": np.array([(view.camera.width, view.camera.height) for view in views]).reshape(-1, 2),
        "letterbox": np.array([(v.letterbox.x, v.letterbox.y, v.letterbox.width, v.letterbox.height) for v in views]).reshape(
            -1, 4
        ),
        "names": np.array([view.name for view in views], dtype=np.str_),
        "timestamps_s": np.array([np.nan if v.timestamp_s is None else v.timestamp_s for v in views], dtype=np.float64),
        "pose_trust": np.array([_trust(view.pose_trust) for view in views], dtype=np.float64),
        "scene_pose_trust": np.array(_trust(reconstruction.pose_trust)),
        "is_keyframe": np.array([view.is_keyframe for view in views], dtype=np.bool_),
        "up_world": np.array(reconstruction.up_world or (np.nan,) * 3),
        "scale_kind": np.array(scale.kind),
        "scale_source": np.array(scale.source),
        "weights_licence": np.array(weights_licence(reconstruction)),
        "provenance": np.array(json.dumps(provenance_record(reconstruction))),
    }
    if dense is not None:
        cameras = [reconstruction.dense_camera(index).K for index in range(len(views))]
        arrays |= {"depth": dense.depth, "confidence": dense.confidence, "rgb": dense.rgb}
        arrays["weight_is_probability"] = np.array(dense.weight_is_probability)
        arrays["intrinsics"] = np.array(cameras).reshape(-1, 3, 3)
    return arrays


def _trust(trust: float | None) -> float:
    return np.nan if trust is None else trust

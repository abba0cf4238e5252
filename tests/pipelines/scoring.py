"""How far a fake run's poses are from the truth."""

import numpy as np

from amb3r_core.scene.conventions import invert
from amb3r_core.scene.geometry import rotation_angle, umeyama
from amb3r_core.scene.reconstruction import Reconstruction
from tests.pipelines.fake_scenes import TrueScene


def truth_of(reconstruction: Reconstruction, scene: TrueScene) -> np.ndarray:
    return np.array([scene.pose(view.name) for view in reconstruction.views])


def aligned_poses(reconstruction: Reconstruction, scene: TrueScene) -> np.ndarray:
    """The run's poses (N, 4, 4) in the true frame and unit."""
    truth = truth_of(reconstruction, scene)
    similarity = umeyama(reconstruction.cam_to_world[:, :3, 3], truth[:, :3, 3])
    return similarity.apply_pose(reconstruction.cam_to_world)


def position_error(reconstruction: Reconstruction, scene: TrueScene) -> float:
    """Root mean square distance of camera centres in metres after a similarity."""
    apart = aligned_poses(reconstruction, scene)[:, :3, 3] - truth_of(reconstruction, scene)[:, :3, 3]
    return float(np.sqrt((apart**2).sum(axis=1).mean()))


def path_length(reconstruction: Reconstruction, scene: TrueScene) -> float:
    return float(np.linalg.norm(np.diff(truth_of(reconstruction, scene)[:, :3, 3], axis=0), axis=1).sum())


def auc30(reconstruction: Reconstruction, scene: TrueScene) -> float:
    """Area under the curve of pair errors up to 30 degrees, in percent; pairs with an unplaced view fail."""
    ours = {view.name: view.cam_to_world for view in reconstruction.views}
    errors = []
    for i, a in enumerate(scene.names):
        for b in scene.names[i + 1 :]:
            if a not in ours or b not in ours:
                errors.append(180.0)
                continue
            relative, true = invert(ours[a]) @ ours[b], invert(scene.pose(a)) @ scene.pose(b)
            turn = float(rotation_angle(relative[:3, :3].T @ true[:3, :3]))
            cosine = relative[:3, 3] @ true[:3, 3] / max(np.linalg.norm(relative[:3, 3]) * np.linalg.norm(true[:3, 3]), 1e-12)
            errors.append(np.degrees(max(turn, np.arccos(np.clip(cosine, -1, 1)))))
    histogram = np.histogram(errors, bins=np.arange(31))[0] / len(errors)
    return 100 * float(np.cumsum(histogram).mean())


def end_drift(reconstruction: Reconstruction, scene: TrueScene, lap: int) -> float:
    """Error in metres of the last camera as seen from the one a lap before, where the loop closes."""
    ours, true = aligned_poses(reconstruction, scene), truth_of(reconstruction, scene)
    moved = invert(ours[-1 - lap]) @ ours[-1]
    return float(np.linalg.norm(moved[:3, 3] - (invert(true[-1 - lap]) @ true[-1])[:3, 3]))

"""How far a reconstruction is from ground truth: poses and depth, as the field scores them. Numpy only.

A ground-truth folder holds `images/` and `gt/poses.txt` (TUM, camera to world, timestamp = index of the image in sorted name
order), and where known `gt/intrinsics.json` and `gt/depth/STEM.png` (16-bit millimetres, 0 = unknown).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import AlignmentError, InputError
from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.scene.conventions import invert, rigid, rotation_from_quaternion
from amb3r_core.scene.geometry import rotation_angle, umeyama
from amb3r_core.scene.reconstruction import Reconstruction

AUC_LIMIT_DEG = 30
MIN_DEPTH_M, MAX_DEPTH_M = 0.1, 65.0
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseScore:
    """How well the cameras stand."""

    n_images: int
    registered: int
    """How many of the images are placed."""
    auc30: float
    """Area under the curve of pair errors up to 30 degrees, unregistered views failing."""
    ate: float
    """Root mean square distance of camera centres after a similarity, in ground-truth units."""
    ate_relative: float
    """The same over the trajectory's extent."""
    scale: float
    """Ground truth over estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthScore:
    """How well the depth of pixels with ground truth fits, after one scale per scene."""

    scale: float
    """Ground truth over estimate."""
    completeness: float
    """Share of the pixels that have a depth."""
    abs_rel: Mapping[float, float]
    """Mean over images of the mean relative error, by the share of the most confident pixels kept; those without a depth are the
    least confident."""
    delta_125: Mapping[float, float]
    """Mean over images of the share of pixels within a factor 1.25, by the same shares."""


def image_names(scene: Path) -> list[str]:
    """The scene's image names in sorted order; ground-truth timestamps are indices into it."""
    return sorted(path.name for path in (scene / "images").iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def true_poses(scene: Path) -> dict[str, Float64]:
    """Camera-to-world poses (4, 4) by image stem; `InputError` when the scene has none."""
    path = scene / "gt" / "poses.txt"
    if not path.is_file():
        raise InputError(f"{scene}: no ground-truth poses in gt/poses.txt")
    names = image_names(scene)
    poses: dict[str, Float64] = {}
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            index, x, y, z, qx, qy, qz, qw = (float(word) for word in line.split())
            pose = rigid(rotation_from_quaternion(np.array([qw, qx, qy, qz])), np.array([x, y, z]))
            poses[PurePosixPath(names[round(index)]).stem] = pose
    return poses


def score_poses(reconstruction: Reconstruction, scene: Path) -> PoseScore:
    """The poses of a reconstruction against a ground-truth folder."""
    return score_cameras({PurePosixPath(view.name).stem: view.cam_to_world for view in reconstruction.views}, scene)


def score_cameras(estimate: Mapping[str, Float64], scene: Path) -> PoseScore:
    """Camera-to-world poses (4, 4) of the placed views, by image stem, against a ground-truth folder."""
    truth = true_poses(scene)
    common = [stem for stem in truth if stem in estimate]
    ate, relative, scale = _trajectory_error(np.array([estimate[s] for s in common]), np.array([truth[s] for s in common]))
    return PoseScore(
        n_images=len(image_names(scene)),
        registered=len(estimate),
        auc30=_auc(_pair_errors(estimate, truth)),
        ate=ate,
        ate_relative=relative,
        scale=scale,
    )


def _trajectory_error(estimate: Float64, truth: Float64) -> tuple[float, float, float]:
    if len(estimate) < 3:
        return float("nan"), float("nan"), float("nan")
    ours, true = estimate[:, :3, 3], truth[:, :3, 3]
    try:
        similarity = umeyama(ours, true)
    except AlignmentError:
        return float("nan"), float("nan"), float("nan")
    ate = float(np.sqrt(((similarity.apply(ours) - true) ** 2).sum(axis=1).mean()))
    extent = float(np.sqrt(((true - true.mean(axis=0)) ** 2).sum(axis=1).mean()))
    return ate, ate / max(extent, 1e-12), similarity.scale


def _pair_errors(estimate: Mapping[str, Float64], truth: Mapping[str, Float64]) -> Float64:
    """The larger of relative rotation and translation-direction error in degrees for each pair; 180 when a view is missing."""
    stems = list(truth)
    errors: list[float] = []
    for i, a in enumerate(stems):
        for b in stems[i + 1 :]:
            if a not in estimate or b not in estimate:
                errors.append(180.0)
                continue
            ours = invert(estimate[a]) @ estimate[b]
            true = invert(truth[a]) @ truth[b]
            rotation = float(np.degrees(rotation_angle(ours[:3, :3].T @ true[:3, :3])))
            errors.append(max(rotation, _direction_error(ours[:3, 3], true[:3, 3])))
    return np.array(errors)


def _direction_error(a: Float64, b: Float64) -> float:
    """Angle in degrees between two directions up to sign; 90 when the estimate does not move."""
    norm = float(np.linalg.norm(a))
    if norm < 1e-12:
        return 90.0
    cosine = min(abs(float(a @ b)) / (norm * max(float(np.linalg.norm(b)), 1e-12)), 1.0)
    return float(np.degrees(np.arccos(cosine)))


def _auc(errors_deg: Float64) -> float:
    histogram = np.histogram(errors_deg, bins=np.arange(AUC_LIMIT_DEG + 1))[0]
    return float(np.cumsum(histogram / max(len(errors_deg), 1)).mean())


def score_depth(
    reconstruction: Reconstruction, truth_m: Mapping[str, Float64], shares: tuple[float, ...] = (1.0, 0.7, 0.5)
) -> DepthScore:
    """The depth of a reconstruction against depth maps in metres by image stem (0 = unknown)."""
    dense = reconstruction.dense
    if dense is None:
        raise InputError("this reconstruction holds no depth")
    rows: list[tuple[Float64, Float64, Float64]] = []
    for index, view in enumerate(reconstruction.views):
        truth = truth_m.get(PurePosixPath(view.name).stem)
        if truth is not None:
            cut = view.letterbox.slices
            depth = resize_nearest(np.asarray(dense.depth[index])[cut], truth.shape)
            confidence = resize_nearest(np.asarray(dense.confidence[index])[cut], truth.shape)
            known = (truth > MIN_DEPTH_M) & (truth < MAX_DEPTH_M)
            rows.append((depth[known].astype(np.float64), confidence[known].astype(np.float64), truth[known]))
    if not rows:
        raise InputError("no view has ground-truth depth")
    ratios = np.concatenate([true[depth > 0] / depth[depth > 0] for depth, _, true in rows])
    scale = float(np.median(ratios))
    scores = {share: _errors_at(rows, scale, share) for share in shares}
    return DepthScore(
        scale=scale,
        completeness=float(np.mean([(depth > 0).mean() for depth, _, _ in rows])),
        abs_rel={share: score[0] for share, score in scores.items()},
        delta_125={share: score[1] for share, score in scores.items()},
    )


def _errors_at(rows: list[tuple[Float64, Float64, Float64]], scale: float, share: float) -> tuple[float, float]:
    """Mean AbsRel (of answers) and delta < 1.25 (missing answers fail) over images, on the `share` most confident pixels."""
    relative: list[float] = []
    within: list[float] = []
    for depth, confidence, true in rows:
        order = np.argsort(-np.where(depth > 0, confidence, 0.0), kind="stable")[: max(int(len(true) * share), 1)]
        chosen, target = depth[order] * scale, true[order]
        answered = chosen > 0
        if not answered.any():
            continue
        relative.append(float((np.abs(chosen - target) / target)[answered].mean()))
        factor = np.maximum(chosen[answered] / target[answered], target[answered] / chosen[answered])
        within.append(float((factor < 1.25).sum() / len(order)))
    return float(np.mean(relative)), float(np.mean(within))


def resize_nearest(values: Float32, shape: tuple[int, ...]) -> Float32:
    """The map (h, w) at another size, each pixel the nearest one by centres."""
    if values.shape == shape:
        return values
    rows = ((np.arange(shape[0]) + 0.5) * values.shape[0] / shape[0]).astype(np.intp)
    columns = ((np.arange(shape[1]) + 0.5) * values.shape[1] / shape[1]).astype(np.intp)
    return values[rows][:, columns]


def depth_m_from_mm(millimetres: NDArray[np.generic]) -> Float64:
    """Metres (H, W) of a 16-bit depth image."""
    return millimetres.astype(np.float64) / 1000.0

"""Measures ways to dense depth on scene folders with ground truth: what `amb3r_core/models/colmap/stereo/dense.py` was chosen by.

    python benchmarks/dense_methods.py SCENE... [--methods ours no-planes no-votes ...] [--threads N]

SCENE holds images/ and gt/ as described in amb3r_core/scene/evaluate.py; its true cameras are used, so that depth alone
is compared. One scale per scene; the shares are those of the most confident pixels of each image, unanswered ones last.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from amb3r_core.inputs.images import Frame
from amb3r_core.jobs.sample import true_depth
from amb3r_core.models.colmap.sfm.run import SparseConfig, reconstruct_sparse
from amb3r_core.models.colmap.stereo.dense import Stereo, StereoConfig, densify
from amb3r_core.models.colmap.stereo.neighbours import SparseScene
from amb3r_core.progress import silent
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.evaluate import image_names, true_poses
from benchmarks.dense_rivals import PatchMatch, sgbm_depth
from benchmarks.records import add_json_option, recorded

Answer = tuple[Tensor, Tensor]
SHARES = (0.5, 0.7, 1.0)
WINNER = replace(StereoConfig(), small_jump=0.0, large_jump=0.0, refine_steps=0)
ONE_WINDOW = replace(StereoConfig(), level_weights=(1.0,), refine_steps=0)


def main() -> None:
    """Prints one line per scene and method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path, nargs="+")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--threads", type=int)
    add_json_option(parser)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    columns = "".join(f" | {share:4.0%} AbsRel d<1.25 d<1.03" for share in SHARES)
    print(f"{'scene':14s} {'method':11s} s/view  answered{columns}")
    with recorded("dense_methods", arguments) as results:
        for folder in arguments.scenes:
            pixels, scene = _load(folder)
            for method in arguments.methods:
                row = _measure(folder, method, pixels, scene)
                results.append(row)
                print(_told(row), flush=True)


def _measure(folder: Path, method: str, pixels: Tensor, scene: SparseScene) -> dict[str, object]:
    """Seconds and errors of one method on one scene."""
    truths = true_depth(folder)
    started = time.perf_counter()
    with torch.inference_mode():
        depth, confidence = METHODS[method](pixels, scene)
    seconds = (time.perf_counter() - started) / len(pixels)
    rows = [(depth[k], confidence[k], truths[Path(name).stem]) for k, name in enumerate(image_names(folder))]
    return {"scene": folder.name, "method": method, "seconds_per_view": seconds, "load": os.getloadavg()[0], **_score(rows)}


def _told(row: dict[str, object]) -> str:
    text = f"{row['scene']:14s} {row['method']:11s} {row['seconds_per_view']:6.2f}  {row['answered']:7.1%}"
    for share in SHARES:
        relative, within, close = (row[f"{name}_{share:.0%}"] for name in ("abs_rel", "delta_125", "delta_103"))
        text += f" |      {relative:6.3f} {within:6.3f} {close:6.3f}"
    return f"{text}   load {row['load']:.1f}"


def _load(folder: Path) -> tuple[Tensor, SparseScene]:
    """The images, all of one size, and the scene's true cameras with the points triangulated by them."""
    names, poses = image_names(folder), true_poses(folder)
    arrays = [np.array(Image.open(folder / "images" / name).convert("RGB")) for name in names]
    height, width = arrays[0].shape[:2]
    given = json.loads((folder / "gt" / "intrinsics.json").read_text())
    # The file counts pixels from the corner of the first one; here its centre is the origin.
    camera = PinholeCamera(width=width, height=height, fx=given["fx"], fy=given["fy"], cx=given["cx"] - 0.5, cy=given["cy"] - 0.5)
    photos = [
        Frame(
            name=name,
            decode=array.copy,
            width=width,
            height=height,
            camera=camera,
            cam_to_world=poses[Path(name).stem],
        )
        for name, array in zip(names, arrays, strict=True)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        sparse = reconstruct_sparse(photos, config=SparseConfig(), scratch=Path(scratch), monitor=silent)
    scene = SparseScene(
        intrinsics=torch.from_numpy(np.tile(camera.K, (len(names), 1, 1))),
        cam_to_world=torch.from_numpy(np.stack([poses[Path(name).stem] for name in names])),
        size=(height, width),
        points=torch.from_numpy(sparse.points),
        observed=tuple(torch.from_numpy(view.observations.point_index) for view in sparse.views),
    )
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255, scene


def _ours(config: StereoConfig) -> Callable[[Tensor, SparseScene], Answer]:
    return lambda pixels, scene: densify(pixels, _everywhere(pixels), scene, config)


def _everywhere(pixels: Tensor) -> Tensor:
    return torch.ones_like(pixels[:, 0], dtype=torch.bool)


def _patchmatch(pixels: Tensor, scene: SparseScene) -> Answer:
    stereo = Stereo(pixels, _everywhere(pixels), scene, replace(StereoConfig(), refine_steps=0))
    sweeps = [PatchMatch(stereo, view).run() for view in range(len(pixels))]
    return _stack([stereo.depth_and_confidence(view, sweeps) for view in range(len(pixels))])


def _sgbm(pixels: Tensor, scene: SparseScene) -> Answer:
    stereo = Stereo(pixels, _everywhere(pixels), scene, StereoConfig())
    return _stack([sgbm_depth(stereo, view) for view in range(len(pixels))])


def _stack(answers: list[Answer]) -> Answer:
    return torch.stack([depth for depth, _ in answers]), torch.stack([confidence for _, confidence in answers])


METHODS: dict[str, Callable[[Tensor, SparseScene], Answer]] = {
    "ours": _ours(StereoConfig()),
    "no-planes": _ours(replace(StereoConfig(), planes=0.0)),
    "no-votes": _ours(replace(StereoConfig(), planes=0.0, evidence=0.0)),
    "half-size": _ours(replace(StereoConfig(), refine_steps=0)),
    "one-window": _ours(ONE_WINDOW),
    "winner": _ours(WINNER),
    "patchmatch": _patchmatch,
    "sgbm": _sgbm,
}


def _score(rows: list[tuple[Tensor, Tensor, np.ndarray]]) -> dict[str, float]:
    known = [(depth.numpy()[truth > 0], confidence.numpy()[truth > 0], truth[truth > 0]) for depth, confidence, truth in rows]
    ratios = np.concatenate([truth[depth > 0] / depth[depth > 0] for depth, _, truth in known])
    scale = float(np.median(ratios))
    scores = {"answered": float(np.mean([(depth > 0).mean() for depth, _, _ in known]))}
    for share in SHARES:
        parts = [_errors(depth * scale, confidence, truth, share) for depth, confidence, truth in known]
        names = (f"{name}_{share:.0%}" for name in ("abs_rel", "delta_125", "delta_103"))
        scores |= dict(zip(names, np.mean(parts, axis=0).tolist(), strict=True))
    return scores


def _errors(depth: np.ndarray, confidence: np.ndarray, truth: np.ndarray, share: float) -> tuple[float, float, float]:
    """AbsRel of the answers, and the shares within 1.25 and 1.03, where a missing answer is a miss."""
    kept = np.argsort(-np.where(depth > 0, confidence, 0), kind="stable")[: int(share * len(depth))]
    answered = kept[depth[kept] > 0]
    ratio = np.maximum(depth[answered] / truth[answered], truth[answered] / depth[answered])
    relative = np.abs(depth[answered] / truth[answered] - 1)
    return float(relative.mean()), float((ratio < 1.25).sum() / len(kept)), float((ratio < 1.03).sum() / len(kept))


if __name__ == "__main__":
    main()

"""Depth maps for training: thousandths of the unit in 16-bit PNG, 0 wherever the depth should teach nothing.

PNG and not floats in .npy, because Nerfstudio multiplies these by 0.001 just the same.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amb3r_core import FusionConfig, Reconstruction
from amb3r_core.export.nerfstudio import depth_steps
from amb3r_core.export.png import write_png
from amb3r_core.scene.confidence import confidence_of_weight
from amb3r_core.scene.depth_maps import depth_edges
from amb3r_nerfstudio.frame_files import FrameImage

PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class DepthReport:
    """The written files and, as shares of all pixels of the photos, what they do not tell and why.

    never_known: the model gave no depth. doubtful: confidence below the limit. edge: beside a jump in depth. too_far: beyond what
    16 bits hold. confidence_percentiles: of the raw confidence >= 1 at known pixels, for 5, 25, 50, 75 and 95 percent.
    """

    names: tuple[str, ...]
    never_known: float
    doubtful: float
    edge: float
    too_far: float
    confidence_percentiles: tuple[float, ...]

    def record(self) -> dict[str, object]:
        """As JSON values, without the names."""
        return {key: value for key, value in asdict(self).items() if key != "names"}


def write_depths(
    reconstruction: Reconstruction, folder: Path, frames: Sequence[FrameImage], min_weight: float, *, debug: bool = False
) -> DepthReport:
    """Writes `depth/FRAME.png` for every view at the dense map's resolution; debug: also `depth_debug/`, to look at.

    min_weight: least confidence weight (c - 1) / c.
    """
    (folder / "depth").mkdir()
    names = tuple(f"depth/{Path(frame.name).stem}.png" for frame in frames)
    counts = np.zeros(5, dtype=np.int64)
    confidence: list[NDArray[np.float32]] = []
    for index, name in enumerate(names):
        steps, reasons, known_here = _training_depth(reconstruction, index, min_weight)
        counts += [reasons.size, *((reasons == reason).sum() for reason in range(1, 5))]
        confidence.append(known_here)
        write_png(folder / name, steps)
        if debug:
            _write_debug(reconstruction, index, steps, folder / "depth_debug" / Path(name).name)
    never_known, doubtful, edge, too_far = (counts[1:] / max(int(counts[0]), 1)).tolist()
    known = np.concatenate(confidence) if any(map(len, confidence)) else np.ones(1, dtype=np.float32)
    percentiles = tuple(np.percentile(known, PERCENTILES).tolist())
    return DepthReport(names, never_known, doubtful, edge, too_far, percentiles)


def _training_depth(
    reconstruction: Reconstruction, index: int, min_weight: float
) -> tuple[NDArray[np.uint16], NDArray[np.uint8], NDArray[np.float32]]:
    """Depth steps (H, W) over the photo; why they are 0 (0 = they are not, else the report's order from 1); known confidences."""
    dense = reconstruction.dense
    if dense is None:
        raise ValueError("this reconstruction holds cameras only, no dense maps")
    part = reconstruction.views[index].letterbox.slices
    depth, confidence = np.asarray(dense.depth[index])[part], np.asarray(dense.confidence[index])[part]
    steps = depth_steps(depth)
    reasons = np.zeros(depth.shape, dtype=np.uint8)
    reasons[(depth > 0) & (steps == 0)] = 4
    reasons[depth_edges(depth, FusionConfig().max_depth_jump)] = 3
    reasons[confidence < confidence_of_weight(min_weight)] = 2
    reasons[depth <= 0] = 1
    return np.where(reasons == 0, steps, 0).astype(np.uint16), reasons, confidence[depth > 0]


def _write_debug(reconstruction: Reconstruction, index: int, steps: NDArray[np.uint16], path: Path) -> None:
    """The photo beside its depth: near bright, far dark, unknown red."""
    dense = reconstruction.dense
    if dense is None:
        return
    path.parent.mkdir(exist_ok=True)
    known = steps > 0
    near = np.where(known, steps[known].min() if known.any() else 1, 1) / np.maximum(steps, 1)
    picture = np.repeat((255 * near)[..., None], 3, axis=-1).astype(np.uint8)
    picture[~known] = (160, 0, 0)
    rgb = np.asarray(dense.rgb[index])[reconstruction.views[index].letterbox.slices]
    write_png(path, np.concatenate([rgb, picture], axis=1))

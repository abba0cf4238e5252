"""Depth maps for training: thousandths of the unit in 16-bit PNG, 0 wherever the depth should teach nothing, and its confidence.

PNG and not floats in .npy, because Nerfstudio multiplies these by 0.001 just the same.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amb3r_core import FusionConfig, Reconstruction
from amb3r_core.export.nerfstudio import confidence_steps, depth_steps
from amb3r_core.export.png import write_png
from amb3r_core.scene.confidence import confidence_of_weight, weight_of_confidence
from amb3r_core.scene.depth_maps import depth_edges
from amb3r_nerfstudio.frame_files import FrameImage

PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class DepthReport:
    """The written files and, as shares of all pixels of the photos, what they do not tell and why.

    never_known: the model gave no depth. untrusted: `keep` left it out. doubtful: confidence below `min_weight`. edge: beside a
    jump in depth. too_far: beyond what 16 bits hold. confidence_percentiles: of the raw confidence >= 1 at all pixels that the
    model gave depth, for 5, 25, 50, 75 and 95 percent. confidence_names: of the written confidence maps.
    """

    names: tuple[str, ...]
    confidence_names: tuple[str, ...]
    never_known: float
    untrusted: float
    doubtful: float
    edge: float
    too_far: float
    confidence_percentiles: tuple[float, ...]

    @property
    def unknown(self) -> float:
        """The share of the pixels without depth, for whatever reason."""
        return self.never_known + self.untrusted + self.doubtful + self.edge + self.too_far

    @property
    def sentence(self) -> str:
        """How much is unknown and why, for people."""
        parts = {"never known": self.never_known, "not trusted": self.untrusted, "below --min-weight": self.doubtful}
        parts |= {"edges": self.edge, "beyond 16 bits": self.too_far}
        told = ", ".join(f"{name} {share:.1%}" for name, share in parts.items() if share > 0)
        return f"{self.unknown:.1%} of the pixels" + (f" ({told})" if told else "")

    def record(self) -> dict[str, object]:
        """As JSON values, without the names."""
        return {key: value for key, value in asdict(self).items() if key not in ("names", "confidence_names")}


def write_depths(
    reconstruction: Reconstruction,
    cut: Reconstruction,
    folder: Path,
    frames: Sequence[FrameImage],
    min_weight: float,
    *,
    debug: bool = False,
) -> DepthReport:
    """Writes `depth/FRAME.png` and `confidence/FRAME.png` for every view at the dense map's resolution.

    cut: the same scene with the depth that may be written. min_weight: least confidence weight (c - 1) / c. debug: also
    `depth_debug/`, to look at.
    """
    stems = [Path(frame.name).stem for frame in frames]
    counts = np.zeros(6, dtype=np.int64)
    given: list[NDArray[np.float32]] = []
    for name in ("depth", "confidence"):
        (folder / name).mkdir()
    for index, stem in enumerate(stems):
        steps, reasons = _training_depth(reconstruction, cut, index, min_weight)
        counts += [reasons.size, *((reasons == reason).sum() for reason in range(1, 6))]
        depth, confidence = _maps(reconstruction, index)
        given.append(confidence[depth > 0])
        write_png(folder / "depth" / f"{stem}.png", steps)
        write_png(folder / "confidence" / f"{stem}.png", confidence_steps(weight_of_confidence(confidence), steps > 0))
        if debug:
            _write_debug(reconstruction, index, steps, folder / "depth_debug" / f"{stem}.png")
    shares: list[float] = (counts[1:] / max(int(counts[0]), 1)).tolist()
    known = np.concatenate(given) if any(map(len, given)) else np.ones(1, dtype=np.float32)
    never_known, untrusted, doubtful, edge, too_far = shares
    return DepthReport(
        names=tuple(f"depth/{stem}.png" for stem in stems),
        confidence_names=tuple(f"confidence/{stem}.png" for stem in stems),
        never_known=never_known,
        untrusted=untrusted,
        doubtful=doubtful,
        edge=edge,
        too_far=too_far,
        confidence_percentiles=tuple(np.percentile(known, PERCENTILES).tolist()),
    )


def _training_depth(
    reconstruction: Reconstruction, cut: Reconstruction, index: int, min_weight: float
) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Depth steps (H, W) over the photo; why they are 0 (0 = they are not, else the report's order from 1)."""
    depth, confidence = _maps(cut, index)
    steps = depth_steps(depth)
    reasons = np.zeros(depth.shape, dtype=np.uint8)
    reasons[(depth > 0) & (steps == 0)] = 5
    reasons[depth_edges(depth, FusionConfig().max_depth_jump)] = 4
    reasons[confidence < confidence_of_weight(min_weight)] = 3
    reasons[depth <= 0] = 2
    reasons[_maps(reconstruction, index)[0] <= 0] = 1
    return np.where(reasons == 0, steps, 0).astype(np.uint16), reasons


def _maps(reconstruction: Reconstruction, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Depth and confidence (H, W) of one view over the photo."""
    dense = reconstruction.dense
    if dense is None:
        raise ValueError("this reconstruction holds cameras only, no dense maps")
    part = reconstruction.views[index].letterbox.slices
    return np.asarray(dense.depth[index])[part], np.asarray(dense.confidence[index])[part]


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

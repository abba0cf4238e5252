"""One cut for everything that uses depth: what is trusted stays, what is not becomes unknown.

A depth's weight is the probability that it is within `CLOSE` of the truth, where the model that made it is calibrated
(`Dense.weight_is_probability`). Only then does a weight say how much depth to hand on; another model's confidence ranks its own
pixels, and nothing is cut by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np

from amb3r_core.scene.confidence import confidence_of_weight
from amb3r_core.scene.reconstruction import Dense, Reconstruction

Keep = Literal["trusted", "most", "all"]
"""How much depth to use: what is nearly surely right, what is rather right, or every answer."""
KEEPS: tuple[Keep, ...] = get_args(Keep)
DEFAULT_KEEP: Keep = "trusted"
CLOSE = 0.03
"""The relative error within which a depth counts as right."""
LEAST_WEIGHT: Mapping[Keep, float] = MappingProxyType({"trusted": 0.5, "most": 0.2, "all": 0.0})
"""The least weight that each choice keeps."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What a choice keeps, as shares of all pixels of the photos."""

    keep: Keep
    answered: float
    """Pixels with depth before the cut."""
    kept: float
    """Pixels with depth after it."""


def kept(reconstruction: Reconstruction, keep: Keep = DEFAULT_KEEP) -> Reconstruction:
    """The scene with depth only where `keep` trusts it: elsewhere depth is 0 and confidence 1.

    The same object where nothing is cut: for "all", for a scene without depth, and where weights are no probabilities.
    """
    dense = reconstruction.dense
    if dense is None or not cuts(dense, keep):
        return reconstruction
    depth, confidence = np.zeros(dense.depth.shape, np.float32), np.ones(dense.depth.shape, np.float32)
    least = confidence_of_weight(LEAST_WEIGHT[keep])
    for index in range(dense.n_views):
        given = np.asarray(dense.confidence[index])
        stays = (given >= least) & (dense.depth[index] > 0)
        depth[index][stays], confidence[index][stays] = dense.depth[index][stays], given[stays]
    return replace(reconstruction, dense=replace(dense, depth=depth, confidence=confidence))


def cuts(dense: Dense, keep: Keep) -> bool:
    """Whether the choice may leave depth out."""
    return dense.weight_is_probability and LEAST_WEIGHT[keep] > 0.0


def cut_of(reconstruction: Reconstruction, keep: Keep) -> Cut:
    """How much depth a choice keeps of a scene; zeros for a scene without depth."""
    dense = reconstruction.dense
    if dense is None:
        return Cut(keep, 0.0, 0.0)
    least = confidence_of_weight(LEAST_WEIGHT[keep]) if cuts(dense, keep) else 1.0
    n_pixels, n_answered, n_kept = 0, 0, 0
    for index, view in enumerate(reconstruction.views):
        answers = np.asarray(dense.depth[index])[view.letterbox.slices] > 0
        n_pixels += answers.size
        n_answered += int(answers.sum())
        n_kept += int((answers & (np.asarray(dense.confidence[index])[view.letterbox.slices] >= least)).sum())
    return Cut(keep, n_answered / max(n_pixels, 1), n_kept / max(n_pixels, 1))

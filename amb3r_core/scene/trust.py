"""One cut for everything that uses depth: what is trusted stays, what is not becomes unknown.

A depth's weight is the probability that it is within `CLOSE` of the truth, where the model that made it is calibrated
(`Dense.weight_is_probability`). Only then does a weight say how much depth to hand on; another model's confidence ranks its own
pixels, and nothing is cut by it.
"""

import mmap
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import InputError, ResourceError
from amb3r_core.options import DEFAULT_KEEP, Keep
from amb3r_core.scene.arrays import Float32
from amb3r_core.scene.confidence import confidence_of_weight
from amb3r_core.scene.reconstruction import Dense, Reconstruction

KEEPS: tuple[Keep, ...] = get_args(Keep)
CLOSE = 0.03
"""The relative error within which a depth counts as right."""
LEAST_WEIGHT: Mapping[Keep, float] = MappingProxyType({"trusted": 0.67, "most": 0.25, "all": 0.0})
"""The least weight that each choice keeps."""
CUT = "cut"
"""The key of the provenance's config under which a cut scene says what was left out."""
CLOUD = "cloud"
"""The key under which a scene that holds all depth says of how much of it its cloud is made."""
LARGEST_IN_MEMORY = 1 << 28
"""Bytes of a map's stack beyond which its cut lies in a temporary file instead."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What a choice keeps, as shares of all pixels of the photos."""

    keep: Keep
    answered: float
    """Pixels with depth before the cut."""
    kept: float
    """Pixels with depth after it."""

    def record(self) -> dict[str, object]:
        """As JSON values."""
        return {"keep": self.keep, "least_weight": LEAST_WEIGHT[self.keep], "answered": self.answered, "kept": self.kept}


def kept(reconstruction: Reconstruction, keep: Keep = DEFAULT_KEEP) -> Reconstruction:
    """The scene with depth only where `keep` trusts it: elsewhere depth is 0 and confidence 1. Its provenance tells the cut.

    The same object where nothing is cut: for "all", for a scene without depth, and where weights are no probabilities. Raises
    `InputError` when nothing would be left, `ResourceError` when the temporary file of large maps cannot be written.
    """
    dense = reconstruction.dense
    if dense is None or not cuts(dense, keep):
        return reconstruction
    cut = cut_of(reconstruction, keep)
    if cut.kept == 0.0 < cut.answered:
        raise InputError(_nothing_left(keep))
    views = range(dense.n_views)
    depth = _stacked((kept_depth(dense, index, keep) for index in views), dense.depth.shape)
    confidence = _stacked((_kept_confidence(dense, index, keep) for index in views), dense.depth.shape)
    return _told(replace(reconstruction, dense=replace(dense, depth=depth, confidence=confidence)), CUT, cut)


def with_cloud_of(reconstruction: Reconstruction, keep: Keep) -> Reconstruction:
    """The scene with all its depth, whose provenance tells that its cloud is made of what the choice keeps."""
    if reconstruction.dense is None or not reconstruction.dense.weight_is_probability:
        return reconstruction
    return _told(reconstruction, CLOUD, cut_of(reconstruction, keep))


def keep_of_cloud(reconstruction: Reconstruction) -> Keep | None:
    """Of how much depth the scene's cloud is made, None where its provenance does not tell."""
    told = reconstruction.provenance.config.get(CLOUD)
    choice = cast(Mapping[str, object], told).get("keep") if isinstance(told, Mapping) else None
    return next((keep for keep in KEEPS if keep == choice), None)


def _told(reconstruction: Reconstruction, key: str, cut: Cut) -> Reconstruction:
    provenance = reconstruction.provenance
    return replace(reconstruction, provenance=replace(provenance, config={**provenance.config, key: cut.record()}))


def cuts(dense: Dense, keep: Keep) -> bool:
    """Whether the choice may leave depth out."""
    return dense.weight_is_probability and LEAST_WEIGHT[keep] > 0.0


def kept_depth(dense: Dense, index: int, keep: Keep) -> Float32:
    """The depth (H, W) of one view that the choice keeps, 0 elsewhere."""
    return np.where(_stays(dense, index, keep), dense.depth[index], np.float32(0))


def cut_of(reconstruction: Reconstruction, keep: Keep) -> Cut:
    """How much depth a choice keeps of a scene; zeros for a scene without depth."""
    return cuts_of(reconstruction)[keep]


def cuts_of(reconstruction: Reconstruction) -> dict[Keep, Cut]:
    """How much depth each choice keeps of a scene, in one pass over its maps."""
    dense, n_pixels, n_answered, n_kept = reconstruction.dense, 0, 0, dict.fromkeys(KEEPS, 0)
    if dense is None:
        return {keep: Cut(keep, 0.0, 0.0) for keep in KEEPS}
    for index, view in enumerate(reconstruction.views):
        part = view.letterbox.slices
        answers = np.asarray(dense.depth[index])[part] > 0
        n_pixels += answers.size
        n_answered += int(answers.sum())
        for keep in KEEPS:
            n_kept[keep] += int(_stays(dense, index, keep)[part].sum())
    return {keep: Cut(keep, n_answered / max(n_pixels, 1), n_kept[keep] / max(n_pixels, 1)) for keep in KEEPS}


def _stays(dense: Dense, index: int, keep: Keep) -> NDArray[np.bool_]:
    """Which pixels (H, W) of a view have depth that the choice keeps."""
    answers = np.asarray(dense.depth[index]) > 0
    if not cuts(dense, keep):
        return answers
    return answers & (np.asarray(dense.confidence[index]) >= confidence_of_weight(LEAST_WEIGHT[keep]))


def _kept_confidence(dense: Dense, index: int, keep: Keep) -> Float32:
    return np.where(_stays(dense, index, keep), dense.confidence[index], np.float32(1))


def _nothing_left(keep: Keep) -> str:
    what = "is trusted" if keep == "trusted" else f"is kept by `keep={keep!r}`"
    looser = " or ".join(f"`keep={other!r}`" for other in KEEPS[KEEPS.index(keep) + 1 :])
    return f"no depth of this scene {what}, none has a weight of {LEAST_WEIGHT[keep]:g} or more: use {looser}"


def _stacked(maps: Iterable[Float32], shape: tuple[int, ...]) -> Float32:
    """Maps (H, W), one after another, as one array (N, H, W): small ones in memory, others in a file that goes with the array.

    The file is written and not mapped for writing: a full disk would then end the process instead of raising.
    """
    if 4 * int(np.prod(shape)) <= LARGEST_IN_MEMORY:
        stack = np.empty(shape, dtype=np.float32)
        for index, values in enumerate(maps):
            stack[index] = values
        return stack
    try:
        with tempfile.TemporaryFile(prefix="amb3r-") as file:
            for values in maps:
                file.write(np.ascontiguousarray(values, dtype=np.float32).tobytes())
            file.flush()
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        where = tempfile.gettempdir()
        raise ResourceError(f"{where}: no room for the depth that is kept ({error}); set TMPDIR to a larger disk") from error
    return np.frombuffer(mapping, dtype=np.float32).reshape(shape)

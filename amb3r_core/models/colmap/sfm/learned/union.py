"""SIFT and learned features of the same photos as one set: their keypoints side by side, their matches together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pycolmap
import torch

from amb3r_core.compute.arrays import uint32_array
from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.models.colmap.sfm.matching import MatchConfig, Matcher, Matches, Pair, verify_matches

SAME_PX = 1.0
"""A learned keypoint so near to one of SIFT's, at the working size, is the same."""


def combined(sift: Sequence[Features], learned: Sequence[Features]) -> list[Features]:
    """Each photo's keypoints of SIFT followed by the learned ones, without descriptors."""
    return [_combined(*both) for both in zip(sift, learned, strict=True)]


def _combined(sift: Features, learned: Features) -> Features:
    if (sift.width, sift.height) != (learned.width, learned.height):
        raise ValueError(f"features at {(sift.width, sift.height)} and {(learned.width, learned.height)} do not belong together")
    keypoints = np.concatenate([sift.keypoints, learned.keypoints])
    kind = f"{sift.kind}+{learned.kind}"
    return replace(sift, keypoints=keypoints, descriptors=np.zeros((len(keypoints), 0), np.uint8), kind=kind)


def combined_indices(sift: Features, learned: Features) -> Matches:
    """(K,): which keypoint each learned one is among the combined ones.

    It is SIFT's where the two are each other's nearest and at most `SAME_PX` apart, so that both kinds of matches of that
    place meet in one keypoint; else its own.
    """
    own = torch.arange(sift.count, sift.count + learned.count)
    if min(sift.count, learned.count) == 0:
        return uint32_array(own)
    first, second = (torch.as_tensor(found.keypoints[:, :2]) for found in (learned, sift))
    distance = torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")
    nearest, chosen = distance.min(dim=1)
    is_mutual = distance.argmin(dim=0)[chosen] == torch.arange(learned.count)
    return uint32_array(torch.where(is_mutual & (nearest <= SAME_PX), chosen, own))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionMatcher:
    """Matches of SIFT, with what the learned features add to them, between the combined keypoints.

    Learned matches are verified by themselves first, and what is wrong among them is left out where they pass.
    """

    sift: Matcher
    learned: Matcher
    features: Sequence[tuple[Features, Features]]
    """SIFT's and the learned ones of each photo."""
    cameras: Sequence[pycolmap.Camera]
    config: MatchConfig

    def match(self, pairs: Sequence[Pair], poll: Callable[[], None]) -> Iterator[Matches]:
        """The matches (K, 2) of each pair, in the order given."""
        indices = {photo: combined_indices(*self.features[photo]) for pair in pairs for photo in pair}
        learned_features = [learned for _, learned in self.features]
        for pair, matches, extra in zip(pairs, self.sift.match(pairs, poll), self.learned.match(pairs, poll), strict=True):
            verified = verify_matches(learned_features, self.cameras, pair, extra, self.config)
            added = extra if verified is None else verified.matches
            yield union(matches, np.column_stack([indices[photo][added[:, side]] for side, photo in enumerate(pair)]))


def union(matches: Matches, more: Matches) -> Matches:
    """All of the first (K, 2), and those of the second whose keypoints the first does not match otherwise."""
    taken = [set(matches[:, side].tolist()) for side in (0, 1)]
    is_new = [first not in taken[0] and second not in taken[1] for first, second in more.tolist()]
    return np.concatenate([matches, more[np.array(is_new, bool)]]).astype(np.uint32)

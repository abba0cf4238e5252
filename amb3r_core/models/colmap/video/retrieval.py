"""Which keyframes look like a frame, wherever in the video they are."""

from collections.abc import Sequence

import numpy as np

from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.models.colmap.sfm.pairing import Float32, VisualWords


class Looks:
    """One vector for each keyframe; the words are those of the first ones."""

    def __init__(self, first: Sequence[Features]) -> None:
        self._words = VisualWords(first)
        self._vectors: dict[int, Float32] = {}

    def add(self, keyframe: int, features: Features) -> None:
        self._vectors[keyframe] = self._words.describe(features)

    def like(self, features: Features, count: int, without: Sequence[int] = ()) -> list[int]:
        """The keyframes most alike, best first."""
        keyframes = [keyframe for keyframe in self._vectors if keyframe not in without]
        if not keyframes:
            return []
        similarity = np.stack([self._vectors[keyframe] for keyframe in keyframes]) @ self._words.describe(features)
        return [keyframes[place] for place in np.argsort(-similarity, kind="stable")[:count].tolist()]

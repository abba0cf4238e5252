"""The verified pairs of a video's frames, matched as they are asked for; those of an earlier run are read back."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amb3r_core.models.colmap.sfm.matching import MatchConfig, PairMemory, VerifiedPair, match_pairs
from amb3r_core.models.colmap.video.video_features import VideoFeatures
from amb3r_core.progress import Monitor

Matches = NDArray[np.uint32]


class VideoPairs:
    """Pairs by their frames, the earlier one first."""

    def __init__(self, features: VideoFeatures, config: MatchConfig, folder: Path, memory: PairMemory) -> None:
        self._features, self._config, self._folder, self._memory = features, config, folder, memory
        self._pairs: dict[tuple[int, int], VerifiedPair | None] = {}
        self._n_calls: dict[int, int] = {}

    def match(self, frame: int, others: Sequence[int], monitor: Monitor) -> None:
        """Matches a frame with others, where that was not done yet."""
        wanted = sorted({_key(frame, other) for other in others if other != frame} - self._pairs.keys())
        if not wanted:
            return
        frames = sorted({index for pair in wanted for index in pair})
        local = {index: place for place, index in enumerate(frames)}
        call = self._n_calls[frame] = self._n_calls.get(frame, -1) + 1
        found = match_pairs(
            [self._features[index] for index in frames],
            [self._features.cameras[index] for index in frames],
            [(local[first], local[second]) for first, second in wanted],
            self._config,
            self._folder / f"{frame:06d}-{call}",
            monitor,
            names=[self._features.name(index) for index in frames],
            memory=self._memory,
        )
        self._pairs.update(dict.fromkeys(wanted))
        for pair in found:
            key = frames[pair.first], frames[pair.second]
            self._pairs[key] = replace(pair, first=key[0], second=key[1])

    def between(self, frame: int, other: int) -> Matches:
        """The verified matches (K, 2) of two frames, features of `frame` first; none where they were not matched."""
        pair = self._pairs.get(_key(frame, other))
        if pair is None:
            return np.zeros((0, 2), np.uint32)
        return pair.matches if frame < other else pair.matches[:, ::-1]

    def among(self, frames: Sequence[int]) -> list[VerifiedPair]:
        """The pairs of these frames, each with its places in this list instead of the frames."""
        place = {frame: index for index, frame in enumerate(frames)}
        return [
            replace(pair, first=place[pair.first], second=place[pair.second])
            for pair in self._verified()
            if pair.first in place and pair.second in place
        ]

    def _verified(self) -> Iterable[VerifiedPair]:
        return (pair for _, pair in sorted(self._pairs.items()) if pair is not None)


def _key(frame: int, other: int) -> tuple[int, int]:
    return min(frame, other), max(frame, other)

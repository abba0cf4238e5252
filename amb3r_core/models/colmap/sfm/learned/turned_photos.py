"""Photos that lie on their side for the networks, which know no rotation: groups without a match are tried in quarter turns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.models.colmap.sfm.learned.extraction import LearnedFinder
from amb3r_core.models.colmap.sfm.matching import Pair, VerifiedPair
from amb3r_core.models.colmap.sfm.pairing import groups_of, similarity
from amb3r_core.models.colmap.sfm.requests import ExtractLearned

MAX_GROUPS = 6
"""So many groups beside the largest are tried, the largest of them first."""

TRIAL_PHOTOS = 3
"""A group's photo of most keypoints is tried in each turn with so many photos of the largest group, those most alike."""

FindTurned = Callable[[Sequence[int], int], dict[int, Path]]
"""Describes photos turned so often, and says where the features of each lie."""

MatchTurned = Callable[[Sequence[Pair], Mapping[int, Path], str], list[VerifiedPair]]
"""Verifies pairs with other files for some photos, and keeps its work under a name."""


@dataclass(frozen=True, slots=True)
class TurnedFinder:
    """Describes the keypoints of upright photos, whose features are given, on the turned ones."""

    finder: LearnedFinder
    upright: Sequence[Path]

    @property
    def photos_per_job(self) -> int:
        return self.finder.photos_per_job

    def working_size(self, frame: Frame) -> tuple[int, int]:
        return self.finder.working_size(frame)

    def write_pixels(self, frame: Frame, scratch: Path, name: str) -> None:
        self.finder.write_pixels(frame, scratch, name)

    def request(self, scratch: Path, targets: Mapping[str, Path]) -> ExtractLearned:
        upright = {name: self.upright[int(name)] for name in targets}
        return replace(self.finder.request(scratch, targets), upright=upright)


def with_turned(
    learned: Sequence[Features], pairs: Sequence[VerifiedPair], find: FindTurned, match: MatchTurned, chosen: Sequence[Pair]
) -> list[VerifiedPair]:
    """The pairs, and those that join further groups to the largest once their photos are turned."""
    groups = groups_of(len(learned), ((pair.first, pair.second) for pair in pairs))
    largest, others = groups[0], [group for group in groups[1 : 1 + MAX_GROUPS] if any(learned[photo].count for photo in group)]
    if not others:
        return list(pairs)
    alike = similarity(learned)
    found = list(pairs)
    for group in others:
        trial = max(group, key=lambda photo: learned[photo].count)
        nearest = [largest[int(row)] for row in np.argsort(-alike[trial, largest], kind="stable")[:TRIAL_PHOTOS]]
        trials = sorted((min(trial, other), max(trial, other)) for other in nearest)
        matches = {turns: match(trials, find([trial], turns), f"trial-{trial}-{turns}") for turns in (1, 2, 3)}
        n_matches = {turns: sum(len(pair.matches) for pair in verified) for turns, verified in matches.items()}
        turns = max(n_matches, key=lambda turns: n_matches[turns])
        if n_matches[turns]:
            between = [pair for pair in chosen if (pair[0] in group) != (pair[1] in group) and set(pair) & set(largest)]
            found += match(sorted({*between, *trials}), find(group, turns), f"turned-{trial}-{turns}")
    return sorted(found, key=lambda pair: (pair.first, pair.second))

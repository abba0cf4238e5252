"""From photos to verified pairs: with SIFT, with learned features, or with what these add to SIFT's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.cameras import colmap_cameras
from amb3r_core.models.colmap.sfm.features import FeatureConfig, FeatureFinder, Features, feature_path, find_features
from amb3r_core.models.colmap.sfm.learned.extraction import LearnedFinder
from amb3r_core.models.colmap.sfm.learned.matcher import LearnedMatcher
from amb3r_core.models.colmap.sfm.learned.turned_photos import MatchTurned, TurnedFinder, with_turned
from amb3r_core.models.colmap.sfm.learned.union import UnionMatcher, combined
from amb3r_core.models.colmap.sfm.learned.weights import LearnedKind, check_learned
from amb3r_core.models.colmap.sfm.matching import (
    MatchConfig,
    Matcher,
    Matches,
    NearestDescriptors,
    Pair,
    PairMemory,
    VerifiedPair,
    match_pairs,
    putative_matches,
)
from amb3r_core.models.colmap.sfm.pairing import ADDED_LIMITS, LEARNED_LIMITS, PairLimits, choose_pairs
from amb3r_core.models.colmap.sfm.trials import Matched
from amb3r_core.progress import Monitor

PIXELS = "pixels"
ENOUGH_MATCHES = 100
"""A pair with so many verified matches of SIFT has nothing to gain from learned ones."""

LEARNED_FEATURES = 1024
"""Learned keypoints of a photo where they stand alone."""

FEW_PHOTOS = 6
ADDED_FEATURES = 1024
ADDED_FEATURES_OF_MANY = 512
"""Of more than `FEW_PHOTOS`, where they are added: a third of the time, and hard pairs still verify."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchTask:
    """Photos to match, and where the work on them is kept."""

    frames: Sequence[Frame]
    is_ordered: bool
    config: MatchConfig
    sift: FeatureConfig
    n_processes: int
    device: str
    scratch: Path
    """Of these photos."""
    features: Path
    """Folder of the features of all sets of the job."""
    memory: PairMemory
    """Of all sets of the job."""
    monitor: Monitor
    name: str = ""
    """Of this reading of the photos' cameras."""

    def paths(self, finder: FeatureConfig | LearnedFinder) -> list[Path]:
        return [feature_path(self.features, frame, finder) for frame in self.frames]


def match_sift(task: MatchTask) -> Matched:
    """SIFT features and the pairs they verify."""
    paths = task.paths(task.sift)
    features = find_features(task.frames, paths, task.sift, task.scratch / PIXELS, task.n_processes, task.monitor)
    cameras = colmap_cameras(task.frames, features)
    pairs = match_pairs(
        features,
        cameras,
        choose_pairs(features, is_ordered=task.is_ordered),
        task.config,
        task.scratch / f"{task.name}matches",
        task.monitor,
        names=[path.stem for path in paths],
        memory=task.memory,
    )
    return Matched(features, cameras, pairs)


def match_learned_alone(task: MatchTask, kind: LearnedKind) -> Matched:
    """Learned features and the pairs they verify. Raises `DependencyError` or `WeightsError`."""
    found = _Learned.of(task, kind, LEARNED_FEATURES)
    cameras = colmap_cameras(task.frames, found.features)

    def match(pairs: Sequence[Pair], turned: Mapping[int, Path], name: str) -> list[VerifiedPair]:
        folder = task.scratch / f"{task.name}{kind}-{name}"
        return match_pairs(found.features, cameras, pairs, task.config, folder, task.monitor, matcher=found.matcher(turned))

    return Matched(found.features, cameras, found.verified(match, found.chosen(LEARNED_LIMITS)))


def add_learned(task: MatchTask, matched: Matched, kind: LearnedKind) -> Matched:
    """What SIFT found, with learned keypoints after SIFT's in each photo, and pairs that both kinds verify together.

    Pairs that SIFT alone verified well, and those of photos that are not alike, stay as they are; no photo is turned, as turned
    ones match by SIFT. Raises `DependencyError` or `WeightsError`.
    """
    found = _Learned.of(task, kind, ADDED_FEATURES if len(task.frames) <= FEW_PHOTOS else ADDED_FEATURES_OF_MANY)
    features = combined(matched.features, found.features)
    names = [path.stem for path in task.paths(task.sift)]
    sift = _Remembering(NearestDescriptors(matched.features, task.config), names, task.memory)

    def match(pairs: Sequence[Pair], turned: Mapping[int, Path], name: str) -> list[VerifiedPair]:
        matcher = UnionMatcher(
            sift=sift,
            learned=found.matcher(turned),
            features=list(zip(matched.features, found.features, strict=True)),
            cameras=matched.cameras,
            config=task.config,
        )
        folder = task.scratch / f"{task.name}sift-{kind}-{name}"
        return match_pairs(features, matched.cameras, pairs, task.config, folder, task.monitor, matcher=matcher)

    alike = set(found.chosen(ADDED_LIMITS))
    kept = [pair for pair in matched.pairs if len(pair.matches) >= ENOUGH_MATCHES or (pair.first, pair.second) not in alike]
    chosen = sorted(alike - {(pair.first, pair.second) for pair in kept})
    pairs = sorted([*kept, *match(chosen, {}, "matches")], key=lambda pair: (pair.first, pair.second))
    return Matched(features, matched.cameras, pairs)


@dataclass(frozen=True, slots=True)
class _Remembering:
    """A matcher that looks into the job's memory first."""

    matcher: Matcher
    names: Sequence[str]
    memory: PairMemory

    def match(self, pairs: Sequence[Pair], poll: Callable[[], None]) -> Iterator[Matches]:
        return putative_matches(self.matcher, pairs, self.names, self.memory, poll)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learned:
    """Learned features of a task's photos."""

    task: MatchTask
    finder: LearnedFinder
    paths: Sequence[Path]
    features: list[Features]

    @classmethod
    def of(cls, task: MatchTask, kind: LearnedKind, max_features: int) -> Self:
        """Finds them. Raises `DependencyError` or `WeightsError`."""
        check_learned(kind)
        finder = LearnedFinder(kind, max_features, max_side_px=task.sift.max_side_px, device=task.device)
        paths = task.paths(finder)
        return cls(task=task, finder=finder, paths=paths, features=_find(task, task.frames, paths, finder))

    def chosen(self, limits: PairLimits) -> list[Pair]:
        return choose_pairs(self.features, is_ordered=self.task.is_ordered, limits=limits)

    def matcher(self, turned: Mapping[int, Path]) -> Matcher:
        """Of all photos, some of them turned."""
        paths = [turned.get(photo, path) for photo, path in enumerate(self.paths)]
        folder = self.task.scratch / f"{self.finder.kind}-work"
        matcher = LearnedMatcher(self.finder.kind, paths, folder, self.finder.device, self.task.n_processes)
        return _Remembering(matcher, [path.stem for path in paths], self.task.memory)

    def verified(self, match: MatchTurned, chosen: Sequence[Pair]) -> list[VerifiedPair]:
        """The chosen pairs that pass, and those that pass once photos are turned."""
        upright = sorted(match(chosen, {}, "matches"), key=lambda pair: (pair.first, pair.second))
        return with_turned(self.features, upright, self._turned, match, chosen)

    def _turned(self, photos: Sequence[int], quarter_turns: int) -> dict[int, Path]:
        """Where the features of these photos lie, described on the turned ones."""
        finder = replace(self.finder, quarter_turns=quarter_turns)
        paths, frames = self.task.paths(finder), [self.task.frames[photo] for photo in photos]
        turned = [paths[photo] for photo in photos]
        _find(self.task, frames, turned, TurnedFinder(finder, [self.paths[photo] for photo in photos]))
        return dict(zip(photos, turned, strict=True))


def _find(task: MatchTask, frames: Sequence[Frame], paths: Sequence[Path], finder: FeatureFinder) -> list[Features]:
    # An accelerator is for one process at a time.
    n_processes = task.n_processes if task.device == "cpu" else 1
    return find_features(frames, paths, finder, task.scratch / PIXELS, n_processes, task.monitor)

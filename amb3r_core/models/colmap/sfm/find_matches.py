"""From photos to verified pairs: with SIFT, with learned features, or with what these add to SIFT's."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.cameras import colmap_cameras
from amb3r_core.models.colmap.sfm.features import FeatureConfig, feature_path, find_features
from amb3r_core.models.colmap.sfm.learned.extraction import LearnedFinder
from amb3r_core.models.colmap.sfm.learned.matcher import LearnedMatcher
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
from amb3r_core.models.colmap.sfm.pairing import choose_pairs
from amb3r_core.models.colmap.sfm.trials import Matched
from amb3r_core.progress import Monitor

PIXELS = "pixels"
ENOUGH_MATCHES = 100
"""A pair with so many verified matches of SIFT has nothing to gain from learned ones."""


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
    check_learned(kind)
    finder = _finder(task, kind)
    paths = task.paths(finder)
    features = find_features(task.frames, paths, finder, task.scratch / PIXELS, _processes(task), task.monitor)
    cameras = colmap_cameras(task.frames, features)
    pairs = match_pairs(
        features,
        cameras,
        choose_pairs(features, is_ordered=task.is_ordered),
        task.config,
        task.scratch / f"{task.name}{kind}-matches",
        task.monitor,
        matcher=_matcher(task, kind, paths),
        names=[path.stem for path in paths],
        memory=task.memory,
    )
    return Matched(features, cameras, pairs)


def add_learned(task: MatchTask, matched: Matched, kind: LearnedKind) -> Matched:
    """What SIFT found, with learned keypoints after SIFT's in each photo, and pairs that both kinds verify together.

    Pairs that SIFT alone verified well stay as they are. Raises `DependencyError` or `WeightsError`.
    """
    check_learned(kind)
    finder = _finder(task, kind)
    paths = task.paths(finder)
    learned = find_features(task.frames, paths, finder, task.scratch / PIXELS, _processes(task), task.monitor)
    features = combined(matched.features, learned)
    well_known = {(pair.first, pair.second): pair for pair in matched.pairs if len(pair.matches) >= ENOUGH_MATCHES}
    chosen = {*choose_pairs(learned, is_ordered=task.is_ordered), *((pair.first, pair.second) for pair in matched.pairs)}
    matcher = UnionMatcher(
        sift=_Remembering(NearestDescriptors(matched.features, task.config), task.paths(task.sift), task.memory),
        learned=_Remembering(_matcher(task, kind, paths), paths, task.memory),
        features=list(zip(matched.features, learned, strict=True)),
        cameras=matched.cameras,
        config=task.config,
    )
    folder = task.scratch / f"{task.name}sift-{kind}-matches"
    weak = sorted(chosen - set(well_known))
    pairs = match_pairs(features, matched.cameras, weak, task.config, folder, task.monitor, matcher=matcher)
    return Matched(features, matched.cameras, sorted([*well_known.values(), *pairs], key=_order))


def _order(pair: VerifiedPair) -> Pair:
    return pair.first, pair.second


@dataclass(frozen=True, slots=True)
class _Remembering:
    """A matcher that looks into the job's memory first."""

    matcher: Matcher
    paths: Sequence[Path]
    memory: PairMemory

    def match(self, pairs: Sequence[Pair], poll: Callable[[], None]) -> Iterator[Matches]:
        return putative_matches(self.matcher, pairs, [path.stem for path in self.paths], self.memory, poll)


def _finder(task: MatchTask, kind: LearnedKind) -> LearnedFinder:
    return LearnedFinder(kind=kind, max_side_px=task.sift.max_side_px, device=task.device)


def _matcher(task: MatchTask, kind: LearnedKind, paths: Sequence[Path]) -> LearnedMatcher:
    folder = task.scratch / f"{task.name}{kind}-work"
    return LearnedMatcher(kind=kind, paths=paths, scratch=folder, device=task.device, n_processes=task.n_processes)


def _processes(task: MatchTask) -> int:
    """One at a time shares an accelerator with nobody."""
    return task.n_processes if task.device == "cpu" else 1

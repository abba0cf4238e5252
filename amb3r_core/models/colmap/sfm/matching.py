"""Which features of two photos are the same: mutual nearest neighbours that share one geometry chance does not explain."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import lgamma, log
from pathlib import Path
from typing import Protocol

import numpy as np
import pycolmap
import torch
from numpy.typing import NDArray
from torch import Tensor

from amb3r_core.models.colmap.sfm.features import Descriptors, Features
from amb3r_core.progress import Monitor, Progress
from amb3r_core.storage.atomic import written_whole

STAGE = "matching"
PAIRS_PER_FILE = 64
ROWS_PER_BLOCK = 1024
MIN_INLIER_RATIO = 0.25
"""What RANSAC's number of draws allows for at least, as in COLMAP."""

DESCRIPTOR_NORM = 512.0
"""COLMAP stores unit descriptors as bytes times 512: their products are whole numbers below 2^24, which float32 sums exactly."""

HOMOGRAPHY_KINDS = (
    pycolmap.TwoViewGeometryConfiguration.PLANAR,
    pycolmap.TwoViewGeometryConfiguration.PANORAMIC,
    pycolmap.TwoViewGeometryConfiguration.PLANAR_OR_PANORAMIC,
)
EPIPOLAR_KINDS = (pycolmap.TwoViewGeometryConfiguration.CALIBRATED, pycolmap.TwoViewGeometryConfiguration.UNCALIBRATED)

Matches = NDArray[np.uint32]
Pair = tuple[int, int]
Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchConfig:
    """How descriptors are matched and pairs verified."""

    max_ratio: float = 0.8
    """Best over second best distance (Lowe 2004), both ways."""
    max_distance: float = 0.7
    """Angle of unit descriptors, radians."""
    max_error_px: float = 4.0
    """To the epipolar line in either photo (or to the homography's point), at the working size."""
    min_inliers: int = 15
    """With fewer a pair stays unverified."""
    max_log10_false_alarms: float = -3.0
    """How often, at most, chance may give as many inliers, as a power of ten (a contrario test, Moisan and Stival 2004)."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPair:
    """Two photos, first < second, that see the same thing."""

    first: int
    second: int
    matches: Matches
    """(K, 2): feature indices in both that agree on one geometry."""
    kind: int
    """Which geometry it is: a value of `pycolmap.TwoViewGeometryConfiguration`."""
    matrices: Mapping[str, Float64]
    """`F` or `E` or `H`, whichever `kind` tells."""
    n_putative: int
    """Matches by descriptor alone."""

    def to_colmap(self) -> pycolmap.TwoViewGeometry:
        geometry = pycolmap.TwoViewGeometry()
        geometry.config = self.kind
        geometry.inlier_matches = self.matches
        for name, matrix in self.matrices.items():
            setattr(geometry, name, matrix)
        return geometry


class PairMemory:
    """Matches by descriptor of the pairs that were matched last, for photos that come again in other sets.

    A photo goes by a name that stands for its features.
    """

    def __init__(self, max_pairs: int = 4096) -> None:
        self._matches: dict[tuple[str, str], Matches] = {}
        self._max_pairs = max_pairs

    def find(self, first: str, second: str) -> Matches | None:
        """The matches (K, 2) of these photos, first against second, or None."""
        return self._matches.get((first, second))

    def keep(self, first: str, second: str, matches: Matches) -> None:
        """Remembers the matches, and forgets the oldest where they become too many."""
        self._matches[first, second] = matches
        if len(self._matches) > self._max_pairs:
            self._matches.pop(next(iter(self._matches)))


class Matcher(Protocol):
    """Says which features of two photos look the same. It knows the photos' features."""

    def match(self, pairs: Sequence[Pair], poll: Callable[[], None]) -> Iterator[Matches]:
        """The matches (K, 2) of each pair, in the order given. `poll` is called while it works, and may raise."""
        ...


@dataclass(frozen=True, slots=True)
class NearestDescriptors:
    """SIFT's matcher: mutual nearest neighbours. The number of threads does not change the result: products are exact."""

    features: Sequence[Features]
    config: MatchConfig

    def match(self, pairs: Sequence[Pair], poll: Callable[[], None]) -> Iterator[Matches]:
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            tasks = [pool.submit(self._match, pair) for pair in pairs]
            for task in tasks:
                poll()
                yield task.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _match(self, pair: Pair) -> Matches:
        first, second = (self.features[index].descriptors for index in pair)
        return match_descriptors(first, second, self.config)


def match_pairs(
    features: Sequence[Features],
    cameras: Sequence[pycolmap.Camera],
    pairs: Sequence[Pair],
    config: MatchConfig,
    folder: Path,
    monitor: Monitor,
    *,
    matcher: Matcher | None = None,
    names: Sequence[str] = (),
    memory: PairMemory | None = None,
) -> list[VerifiedPair]:
    """The pairs that pass verification, in the order given. Finished blocks are kept in `folder` and read back.

    matcher: of these features; None: that of SIFT. names: of the photos in `memory`, which spares the search for matches of
    pairs it knows. The order of work and the number of threads do not change the result: each pair draws from a random state
    of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    matcher = matcher or NearestDescriptors(features, config)
    verified: list[VerifiedPair] = []
    done = 0

    def poll() -> None:
        monitor(Progress(stage=STAGE, done=done, total=len(pairs)))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(pairs), PAIRS_PER_FILE):
            block = pairs[start : start + PAIRS_PER_FILE]
            path = folder / f"{start:07d}.npz"
            done = start
            poll()
            if not path.exists():
                tasks: list[Future[VerifiedPair | None]] = []
                for pair, matches in zip(block, putative_matches(matcher, block, names, memory, poll), strict=True):
                    tasks.append(pool.submit(verify_matches, features, cameras, pair, matches, config))
                    done += 1
                found = [pair for task in tasks if (pair := task.result()) is not None]
                _write(path, block, found)
            verified += _read(path, block)
    monitor(Progress(stage=STAGE, done=len(pairs), total=len(pairs), message=f"{len(verified)} pairs verified"))
    return verified


def putative_matches(
    matcher: Matcher, pairs: Sequence[Pair], names: Sequence[str], memory: PairMemory | None, poll: Callable[[], None]
) -> Iterator[Matches]:
    """The matches of each pair before verification, in the order given: from memory where they are known."""
    known = {pair: memory.find(names[pair[0]], names[pair[1]]) if memory else None for pair in pairs}
    found = matcher.match([pair for pair in pairs if known[pair] is None], poll)
    for pair in pairs:
        matches = known[pair]
        if matches is None:
            matches = next(found)
            if memory:
                memory.keep(names[pair[0]], names[pair[1]], matches)
        yield matches


def verify_matches(
    features: Sequence[Features],
    cameras: Sequence[pycolmap.Camera],
    pair: Pair,
    matches: Matches,
    config: MatchConfig,
) -> VerifiedPair | None:
    """The pair with those matches (K, 2) that share one geometry, or None where chance would give as many."""
    first, second = pair
    if len(matches) < config.min_inliers:
        return None
    pixels = [features[i].keypoints[matches[:, k], :2].astype(np.float64) for k, i in enumerate(pair)]
    options = pycolmap.TwoViewGeometryOptions()
    options.ransac.max_error = config.max_error_px
    options.ransac.random_seed = config.seed
    options.min_num_inliers = config.min_inliers
    options.ransac.min_inlier_ratio = max(
        MIN_INLIER_RATIO, _least_significant(len(matches), cameras, pair, config) / len(matches)
    )
    rows = np.repeat(np.arange(len(matches), dtype=np.uint32)[:, None], 2, axis=1)
    geometry = pycolmap.estimate_two_view_geometry(cameras[first], pixels[0], cameras[second], pixels[1], rows, options)
    return _verify(pair, matches, pixels, cameras, geometry, config)


def match_descriptors(first: Descriptors, second: Descriptors, config: MatchConfig) -> Matches:
    """Mutual nearest neighbours (K, 2) among descriptors (K1, 128) and (K2, 128) that pass the ratio test both ways."""
    if min(len(first), len(second)) < 2:
        return np.zeros((0, 2), np.uint32)
    a, b = (torch.from_numpy(x).to(torch.float32) for x in (first, second))
    forward_products, forward = _two_nearest(a, b)
    rows = torch.nonzero(_passes_ratio(forward_products, config))[:, 0]
    if len(rows) == 0:
        return np.zeros((0, 2), np.uint32)
    # Only what passed one way is looked up the other way, which saves half the work.
    backward_products, backward = _two_nearest(b[forward[rows]], a)
    mutual = _passes_ratio(backward_products, config) & (backward == rows)
    return torch.stack([rows[mutual], forward[rows[mutual]]], dim=1).numpy().astype(np.uint32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """How wrong matches behave."""

    probability: float
    """That one fits a model."""
    n_sample: int
    """So few matches define a model."""
    n_models: int
    """So many models are defined by them."""


def log10_false_alarms(n_inliers: int, n_matches: int, chance: Chance) -> float:
    """log10 of how many models with this many inliers wrong matches are expected to give (Moisan and Stival 2004, eq. 9)."""
    if n_inliers <= chance.n_sample:
        return 0.0
    log_false_alarms = (
        log(chance.n_models * (n_matches - chance.n_sample))
        + _log_choose(n_matches, n_inliers)
        + _log_choose(n_inliers, chance.n_sample)
        + (n_inliers - chance.n_sample) * log(chance.probability)
    )
    return log_false_alarms / log(10.0)


def _least_significant(n_matches: int, cameras: Sequence[pycolmap.Camera], pair: Pair, config: MatchConfig) -> int:
    """The fewest inliers of an epipolar geometry that chance does not explain; RANSAC need not look for fewer."""
    chance = _epipolar_chance(cameras[pair[0]], cameras[pair[1]], config)
    counts = range(min(config.min_inliers, n_matches), n_matches)
    return next((n for n in counts if log10_false_alarms(n, n_matches, chance) <= config.max_log10_false_alarms), n_matches)


def _epipolar_chance(first: pycolmap.Camera, second: pycolmap.Camera, config: MatchConfig) -> Chance:
    """A wrong match fits when it falls into the band along a line of at most the image's diagonal."""
    area = float(min(first.width * first.height, second.width * second.height))
    diagonal = float(max(np.hypot(first.width, first.height), np.hypot(second.width, second.height)))
    return Chance(probability=min(0.5, 2.0 * config.max_error_px * diagonal / area), n_sample=7, n_models=3)


def _homography_chance(first: pycolmap.Camera, second: pycolmap.Camera, config: MatchConfig) -> Chance:
    """A wrong match fits when it falls into a disc."""
    area = float(min(first.width * first.height, second.width * second.height))
    return Chance(probability=min(0.5, np.pi * config.max_error_px**2 / area), n_sample=4, n_models=1)


def _two_nearest(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """For each row of a, the products (K, 2) with its two nearest rows of b, and the nearest one's index (K,)."""
    blocks = [(a[start : start + ROWS_PER_BLOCK] @ b.T).topk(2, dim=1) for start in range(0, len(a), ROWS_PER_BLOCK)]
    return torch.cat([top.values for top in blocks]), torch.cat([top.indices[:, 0] for top in blocks])


def _passes_ratio(top_products: Tensor, config: MatchConfig) -> Tensor:
    distance = torch.arccos((top_products / DESCRIPTOR_NORM**2).clamp(max=1.0))
    return (distance[:, 0] < config.max_ratio * distance[:, 1]) & (distance[:, 0] < config.max_distance)


def _verify(
    pair: Pair,
    matches: Matches,
    pixels: list[Float64],
    cameras: Sequence[pycolmap.Camera],
    geometry: pycolmap.TwoViewGeometry,
    config: MatchConfig,
) -> VerifiedPair | None:
    first, second = (cameras[index] for index in pair)
    kind = pycolmap.TwoViewGeometryConfiguration(geometry.config)
    if kind in HOMOGRAPHY_KINDS and geometry.H is not None:
        error, chance = _homography_error(geometry.H, *pixels), _homography_chance(first, second, config)
    elif kind in EPIPOLAR_KINDS:
        error, chance = _epipolar_error(_fundamental(geometry, first, second), *pixels), _epipolar_chance(first, second, config)
    else:
        return None
    inliers = error < config.max_error_px
    n_inliers = int(inliers.sum())
    alarms = log10_false_alarms(n_inliers, len(matches), chance)
    if n_inliers < config.min_inliers or alarms > config.max_log10_false_alarms:
        return None
    matrices = {name: getattr(geometry, name) for name in ("F", "E", "H") if getattr(geometry, name) is not None}
    return VerifiedPair(
        first=pair[0],
        second=pair[1],
        matches=matches[inliers],
        kind=int(geometry.config),
        matrices=matrices,
        n_putative=len(matches),
    )


def _fundamental(geometry: pycolmap.TwoViewGeometry, first: pycolmap.Camera, second: pycolmap.Camera) -> Float64:
    if geometry.config == pycolmap.TwoViewGeometryConfiguration.UNCALIBRATED and geometry.F is not None:
        return geometry.F
    inverse_first, inverse_second = (np.linalg.inv(camera.calibration_matrix()) for camera in (first, second))
    assert geometry.E is not None, "a calibrated pair carries its essential matrix"
    return inverse_second.T @ geometry.E @ inverse_first


def _epipolar_error(fundamental: Float64, first: Float64, second: Float64) -> Float64:
    """Distance (K,) in pixels to the epipolar line, the larger of both photos."""
    first, second = _homogeneous(first), _homogeneous(second)
    in_second, in_first = first @ fundamental.T, second @ fundamental
    residual = np.abs((in_second * second).sum(axis=1))
    narrowest = np.minimum(np.linalg.norm(in_second[:, :2], axis=1), np.linalg.norm(in_first[:, :2], axis=1))
    return residual / np.maximum(narrowest, 1e-12)


def _homography_error(homography: Float64, first: Float64, second: Float64) -> Float64:
    """Transfer error (K,) in pixels, the larger of both directions."""
    errors: list[Float64] = []
    for matrix, source, target in ((homography, first, second), (np.linalg.inv(homography), second, first)):
        moved = _homogeneous(source) @ matrix.T
        errors.append(np.linalg.norm(moved[:, :2] / moved[:, 2:] - target, axis=1))
    return np.maximum(*errors)


def _homogeneous(pixels: Float64) -> Float64:
    return np.column_stack([pixels, np.ones(len(pixels))])


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _write(path: Path, block: Sequence[Pair], found: list[VerifiedPair]) -> None:
    arrays: dict[str, NDArray[np.generic]] = {"pairs": np.array(block, np.int64)}
    for pair in found:
        key = f"{pair.first}-{pair.second}"
        arrays[f"{key}-matches"] = pair.matches
        arrays[f"{key}-counts"] = np.array([pair.kind, pair.n_putative])
        arrays |= {f"{key}-{name}": matrix for name, matrix in pair.matrices.items()}
    with written_whole(path) as partial:
        np.savez(partial, allow_pickle=False, **arrays)


def _read(path: Path, block: Sequence[Pair]) -> list[VerifiedPair]:
    with np.load(path) as stored:
        if stored["pairs"].tolist() != [list(pair) for pair in block]:
            raise ValueError(f"{path} holds other pairs than asked for: the scratch folder belongs to another input")
        found: list[VerifiedPair] = []
        for first, second in block:
            key = f"{first}-{second}"
            if f"{key}-matches" not in stored:
                continue
            kind, n_putative = stored[f"{key}-counts"].tolist()
            matrices = {name: stored[f"{key}-{name}"] for name in "FEH" if f"{key}-{name}" in stored}
            matches = stored[f"{key}-matches"]
            found.append(
                VerifiedPair(first=first, second=second, matches=matches, kind=kind, matrices=matrices, n_putative=n_putative)
            )
        return found

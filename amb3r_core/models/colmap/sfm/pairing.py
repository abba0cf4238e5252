"""Which photos to match: all pairs of a small set, neighbours in time of a video, and the most alike of a large set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.models.colmap.sfm.matching import Pair

Float32 = NDArray[np.float32]

MAX_EXHAUSTIVE = 60
"""Up to here all pairs of unordered photos are matched: 1770 of them."""

MAX_EXHAUSTIVE_VIDEO = 20
"""Up to here all pairs of a video's frames are matched: 190 of them, no more than its order would choose."""

VIDEO_OVERLAP = 10
VIDEO_LOOPS = 3
SIMILAR_PHOTOS = 25
N_WORDS = 64
WORD_ITERATIONS = 8
SAMPLES_FOR_WORDS = 20000
MAX_DESCRIPTORS = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLimits:
    """How many pairs are worth their time."""

    exhaustive: int = MAX_EXHAUSTIVE
    """Up to so many unordered photos all pairs are matched."""
    similar: int = SIMILAR_PHOTOS
    """Beyond, so many of the photos most alike to each."""


LEARNED_LIMITS = PairLimits(exhaustive=MAX_EXHAUSTIVE_VIDEO, similar=12)
"""A learned pair takes ten times as long as one of SIFT."""

ADDED_LIMITS = PairLimits(exhaustive=6, similar=5)
"""Where learned pairs are added to those of SIFT, which has found the easy ones."""


def choose_pairs(features: Sequence[Features], *, is_ordered: bool, limits: PairLimits | None = None) -> list[Pair]:
    """Sorted pairs (first < second) worth matching.

    A video gets its `VIDEO_OVERLAP` next frames, those at distances of powers of two, and for each frame the few most alike
    elsewhere, which closes loops. A large unordered set gets the most alike of each photo. Of small sets all pairs are matched.

    limits: None: those of SIFT.
    """
    n_photos, limits = len(features), limits or PairLimits()
    if n_photos <= (MAX_EXHAUSTIVE_VIDEO if is_ordered else limits.exhaustive):
        return [(first, second) for first in range(n_photos) for second in range(first + 1, n_photos)]
    chosen = set(_in_time(n_photos) if is_ordered else [])
    alike = similarity(features)
    np.fill_diagonal(alike, -np.inf)
    for first, second in chosen:
        alike[first, second] = alike[second, first] = -np.inf
    count = VIDEO_LOOPS if is_ordered else limits.similar
    for photo, row in enumerate(alike):
        likely = np.argsort(-row, kind="stable")[:count]
        chosen |= {(min(photo, int(other)), max(photo, int(other))) for other in likely if np.isfinite(row[other])}
    return sorted(chosen)


def groups_of(n_photos: int, pairs: Iterable[Pair]) -> list[list[int]]:
    """The photos in groups that the pairs connect, the largest group first."""
    group = list(range(n_photos))
    for first, second in pairs:
        kept, joined = sorted((group[first], group[second]))
        group = [kept if number == joined else number for number in group]
    members = [[photo for photo in range(n_photos) if group[photo] == number] for number in sorted(set(group))]
    return sorted(members, key=len, reverse=True)


def _in_time(n_photos: int) -> list[Pair]:
    steps = {*range(1, VIDEO_OVERLAP + 1), *(2**power for power in range(VIDEO_OVERLAP))}
    return [(first, first + step) for first in range(n_photos) for step in sorted(steps) if first + step < n_photos]


class VisualWords:
    """What photos look like, each as one vector: VLAD, after Jegou et al. 2010, with their power normalisation."""

    def __init__(self, features: Sequence[Features]) -> None:
        """features: those that the words are taken from."""
        self._words = _words([_largest_features(found) for found in features])

    def describe(self, features: Features) -> Float32:
        """The photo's vector; products of vectors are cosines of likeness."""
        return _vlad(_largest_features(features), self._words)


def similarity(features: Sequence[Features]) -> Float32:
    """Cosine similarity (N, N) of the photos."""
    words = VisualWords(features)
    vectors = np.stack([words.describe(found) for found in features])
    return vectors @ vectors.T


def _largest_features(found: Features) -> Float32:
    largest = np.argsort(-found.keypoints[:, 2], kind="stable")[:MAX_DESCRIPTORS]
    return found.descriptors[largest].astype(np.float32)


def _words(described: Sequence[Float32]) -> Float32:
    """Centres (W, 128) of an even sample of all descriptors, by k-means from evenly spaced starts."""
    everything = np.concatenate(described)
    sample = everything[:: max(1, len(everything) // SAMPLES_FOR_WORDS)]
    if len(sample) == 0:
        return np.zeros((1, everything.shape[1]), np.float32)
    words = sample[:: max(1, len(sample) // N_WORDS)][:N_WORDS].copy()
    for _ in range(WORD_ITERATIONS):
        nearest = _nearest(sample, words)
        for word in np.unique(nearest):
            words[word] = sample[nearest == word].mean(axis=0)
    return words


def _nearest(descriptors: Float32, words: Float32) -> NDArray[np.int64]:
    return np.argmax(descriptors @ words.T - 0.5 * (words**2).sum(axis=1), axis=1)


def _vlad(descriptors: Float32, words: Float32) -> Float32:
    residuals = np.zeros_like(words)
    nearest = _nearest(descriptors, words)
    np.add.at(residuals, nearest, descriptors - words[nearest])
    vector = np.sign(residuals) * np.sqrt(np.abs(residuals))
    return (vector / max(float(np.linalg.norm(vector)), 1e-12)).reshape(-1)

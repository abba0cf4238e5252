"""Matches of learned features: as a worker process finds them, and what the parent asks of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from amb3r_core.compute.arrays import uint32_array
from amb3r_core.errors import ResourceError
from amb3r_core.models.colmap.sfm.features import Features, read_features
from amb3r_core.models.colmap.sfm.learned.networks import Described, LightGlue
from amb3r_core.models.colmap.sfm.learned.turns import turned, turned_size
from amb3r_core.models.colmap.sfm.learned.weights import LearnedKind
from amb3r_core.models.colmap.sfm.matching import Matches, Pair
from amb3r_core.models.colmap.sfm.requests import MatchLearned
from amb3r_core.models.colmap.sfm.workers import WorkerJob, run_jobs
from amb3r_core.storage.atomic import written_whole

ORIGIN_PX = 0.5
"""COLMAP's coordinates of the centre of the first pixel; the networks' are 0."""


@dataclass(frozen=True, slots=True)
class LearnedMatcher:
    """Matches with LightGlue in worker processes, each on one thread, so that the same pair gives the same bytes."""

    kind: LearnedKind
    paths: Sequence[Path]
    """The file of features of each photo, which may be of the turned photo."""
    scratch: Path
    """Nobody else may use it at the same time."""
    device: str = "cpu"
    n_processes: int = 1

    def match(self, pairs: Sequence[Pair], poll: Callable[[], None]) -> Iterator[Matches]:
        """The matches (K, 2) of each pair, in the order given."""
        n_jobs = min(len(pairs), self.n_processes if self.device == "cpu" else 1)
        jobs = [self._job(number, pairs[number::n_jobs]) for number in range(n_jobs)]
        for finished in run_jobs(jobs, n_jobs, poll):
            if finished.problem:
                raise ResourceError(f"matching learned features failed ({finished.problem}); see {finished.job.folder}")
        found: dict[str, Matches] = {}
        for job in jobs:
            with np.load(job.request.target) as stored:
                found |= {name: stored[name] for name in job.request.pairs}
            job.request.target.unlink()
        for first, second in pairs:
            yield found[f"{first}-{second}"]

    def _job(self, number: int, pairs: Sequence[Pair]) -> WorkerJob[MatchLearned]:
        request = MatchLearned(
            kind=self.kind,
            device=self.device,
            files={str(photo): self.paths[photo] for pair in pairs for photo in pair},
            pairs={f"{first}-{second}": f"{first} {second}" for first, second in pairs},
            target=self.scratch / f"matches-{number}.npz",
        )
        return WorkerJob(name=f"match-{number}", folder=self.scratch, request=request)


def match_learned(request: MatchLearned) -> None:
    """Does in a worker what the request asks for."""
    matcher = LightGlue(request.kind, torch.device(request.device))
    photos = {name: _described(read_features(path)) for name, path in request.files.items()}
    found: dict[str, NDArray[np.uint32]] = {}
    with torch.inference_mode():
        for name, pair in request.pairs.items():
            first, second = pair.split()
            found[name] = uint32_array(matcher.match(photos[first], photos[second]))
    with written_whole(request.target) as partial:
        np.savez(partial, allow_pickle=False, **found)


def _described(found: Features) -> Described:
    """Features as the network takes them: where they lie on the photo that was described."""
    size = (found.width, found.height)
    pixels = turned(found.keypoints[:, :2] - np.float32(ORIGIN_PX), size, found.quarter_turns)
    return Described(
        pixels=torch.as_tensor(np.ascontiguousarray(pixels, np.float32)),
        descriptors=torch.as_tensor(found.descriptors),
        size=turned_size(size, found.quarter_turns),
    )

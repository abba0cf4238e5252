"""Features of each photo, found in worker processes and kept in a folder that all sets of one job's photos share.

SIFT is the way that is always there; others meet the same seam, `FeatureFinder`.
"""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pycolmap
from numpy.typing import NDArray
from PIL import Image

from amb3r_core.errors import ResourceError
from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.requests import ExtractFeatures, ExtractLearned
from amb3r_core.models.colmap.sfm.workers import WorkerJob, run_jobs
from amb3r_core.progress import Monitor, Progress
from amb3r_core.storage.atomic import written_whole

STAGE = "features"
SIFT = "sift"
PHOTOS_PER_JOB = 6
"""Photos handed to one worker process at a time: enough to hide its start, few enough to report often."""

Descriptors = NDArray[np.uint8] | NDArray[np.float16]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureConfig:
    """How SIFT features (Lowe 2004) are found; it is their `FeatureFinder`."""

    max_side_px: int = 1600
    """Photos are shrunk to this longer side first, which bounds memory."""
    max_features: int = 8192
    """So many of the largest are kept."""

    def __post_init__(self) -> None:
        if self.max_side_px < 64 or self.max_features < 100:
            raise ValueError(f"max_side_px {self.max_side_px} must be >= 64 and max_features {self.max_features} >= 100")

    @property
    def photos_per_job(self) -> int:
        return PHOTOS_PER_JOB

    def working_size(self, frame: Frame) -> tuple[int, int]:
        """(width, height) at which the photo is worked on."""
        return shrunk_size(frame, self.max_side_px)

    def write_pixels(self, frame: Frame, scratch: Path, name: str) -> None:
        """The photo in grey at its working size, and its mask, as files for a worker."""
        size, (gray_path, mask_path) = self.working_size(frame), _pixel_paths(scratch, name)
        gray = Image.fromarray(frame.decode()).convert("L")
        np.save(gray_path, np.asarray(gray if gray.size == size else gray.resize(size, Image.Resampling.LANCZOS)))
        if frame.decode_mask is not None:
            np.save(mask_path, mask_at(frame.decode_mask(), size))

    def request(self, scratch: Path, targets: Mapping[str, Path]) -> ExtractFeatures:
        return ExtractFeatures(scratch=scratch, targets=targets, max_features=self.max_features)


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Features of one photo at its working size."""

    keypoints: NDArray[np.float32]
    """(K, 4): x, y, scale, orientation, with COLMAP's pixel origin (the centre of the first pixel is 0.5)."""
    descriptors: Descriptors
    """(K, D): SIFT's 128 bytes, or a network's numbers, of length 1."""
    width: int
    """Of the working size, in pixels."""
    height: int
    kind: str = SIFT
    """Who described them; only features of one kind can be matched."""
    quarter_turns: int = 0
    """The descriptors are of the photo turned so often, counter-clockwise."""

    @property
    def count(self) -> int:
        return len(self.keypoints)

    def resized(self, width: int, height: int) -> "Features":
        """The same features where the photo has another size."""
        if (width, height) == (self.width, self.height):
            return self
        ratio = np.array([width / self.width, height / self.height])
        scale = np.array([*ratio, ratio.mean(), 1.0])
        return replace(self, keypoints=(self.keypoints * scale).astype(np.float32), width=width, height=height)


class FeatureFinder(Protocol):
    """One way to find features. It names everything they depend on, but for the photo, by its `repr`."""

    @property
    def photos_per_job(self) -> int:
        """So many photos are handed to one worker process at a time."""
        ...

    def working_size(self, frame: Frame) -> tuple[int, int]:
        """(width, height) to which the features belong."""
        ...

    def write_pixels(self, frame: Frame, scratch: Path, name: str) -> None:
        """Writes the photo for a worker, in files that begin with the name."""
        ...

    def request(self, scratch: Path, targets: Mapping[str, Path]) -> ExtractFeatures | ExtractLearned:
        """What to ask of the worker for the photos of these names."""
        ...


def shrunk_size(frame: Frame, max_side_px: int) -> tuple[int, int]:
    """(width, height) of the photo, shrunk where its longer side is more than that."""
    ratio = min(1.0, max_side_px / max(frame.width, frame.height))
    return max(1, round(frame.width * ratio)), max(1, round(frame.height * ratio))


def feature_path(folder: Path, frame: Frame, finder: FeatureFinder) -> Path:
    """Where the features of a photo are kept; within one job its name stands for its pixels and its mask."""
    known = (frame.name, frame.width, frame.height, frame.decode_mask is not None, finder)
    return folder / f"{hashlib.sha256(repr(known).encode()).hexdigest()[:16]}.npz"


def find_features(
    frames: Sequence[Frame], paths: Sequence[Path], finder: FeatureFinder, scratch: Path, n_processes: int, monitor: Monitor
) -> list[Features]:
    """Features of every photo; where its file is there already it is read back. Masked pixels give none.

    scratch: for what the workers are given; nobody else may use it at the same time.
    """
    missing = [index for index, path in enumerate(paths) if not path.exists()]
    done = len(frames) - len(missing)

    def poll() -> None:
        monitor(Progress(stage=STAGE, done=done, total=len(frames)))

    for finished in run_jobs(_jobs(frames, paths, missing, finder, scratch, poll), n_processes, poll):
        if finished.problem:
            raise ResourceError(f"finding features failed ({finished.problem}); see {finished.job.folder}")
        done += len(finished.job.request.targets)
    poll()
    return [read_features(path).resized(*finder.working_size(frame)) for path, frame in zip(paths, frames, strict=True)]


def read_features(path: Path) -> Features:
    """The stored features of a photo."""
    with np.load(path) as stored:
        width, height, quarter_turns = stored["size"].tolist()
        return Features(
            keypoints=stored["keypoints"],
            descriptors=stored["descriptors"],
            width=width,
            height=height,
            kind=str(stored["kind"]),
            quarter_turns=quarter_turns,
        )


def write_features(path: Path, found: Features, scratch: Path) -> None:
    """Stores a photo's features, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = np.array([found.width, found.height, found.quarter_turns])
    with written_whole(path, scratch=scratch) as partial:
        np.savez(partial, keypoints=found.keypoints, descriptors=found.descriptors, size=size, kind=np.array(found.kind))


def usable(keypoints: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which keypoints lie on a pixel that the mask leaves in."""
    column = np.clip(keypoints[:, 0].astype(np.int64), 0, mask.shape[1] - 1)
    row = np.clip(keypoints[:, 1].astype(np.int64), 0, mask.shape[0] - 1)
    return mask[row, column]


def mask_at(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask at this (width, height)."""
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))


def extract_features(request: ExtractFeatures) -> None:
    """Does in a worker what the request asks for, and removes the pixels it has read."""
    pycolmap.logging.minloglevel = pycolmap.logging.Level.WARNING.value
    options = pycolmap.FeatureExtractionOptions()
    options.num_threads = 1
    options.use_gpu = False
    options.sift.max_num_features = request.max_features
    extractor = pycolmap.FeatureExtractor.create(options, pycolmap.Device.cpu)
    for name, target in request.targets.items():
        gray_path, mask_path = _pixel_paths(request.scratch, name)
        gray = np.load(gray_path)
        keypoints, descriptors = _extract(extractor, gray, request.max_features)
        if mask_path.exists():
            left_in = usable(keypoints, np.load(mask_path))
            keypoints, descriptors = keypoints[left_in], descriptors[left_in]
            mask_path.unlink()
        height, width = gray.shape
        found = Features(keypoints=keypoints, descriptors=descriptors, width=width, height=height)
        write_features(target, found, request.scratch)
        gray_path.unlink()


def _jobs(
    frames: Sequence[Frame],
    paths: Sequence[Path],
    missing: Sequence[int],
    finder: FeatureFinder,
    scratch: Path,
    poll: Callable[[], None],
) -> Iterator[WorkerJob[ExtractFeatures | ExtractLearned]]:
    scratch.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(missing), finder.photos_per_job):
        targets: dict[str, Path] = {}
        for index in missing[start : start + finder.photos_per_job]:
            name = f"{index:06d}"
            finder.write_pixels(frames[index], scratch, name)
            targets[name] = paths[index]
            poll()
        yield WorkerJob(name=f"features-{missing[start]}", folder=scratch, request=finder.request(scratch, targets))


def _extract(
    extractor: pycolmap.FeatureExtractor, gray: NDArray[np.uint8], max_features: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Keypoints (K, 4) and descriptors (K, 128) of the `max_features` features of largest scale."""
    found, described = extractor.extract_from_uint8_array(gray)
    if len(found) == 0:
        return np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8)
    keypoints = np.asarray(pycolmap.keypoints_to_matrix(found), np.float32)
    largest = np.sort(np.argsort(-keypoints[:, 2], kind="stable")[:max_features])
    return keypoints[largest], np.asarray(described.data, np.uint8)[largest]


def _pixel_paths(scratch: Path, name: str) -> tuple[Path, Path]:
    return scratch / f"{name}.gray.npy", scratch / f"{name}.mask.npy"

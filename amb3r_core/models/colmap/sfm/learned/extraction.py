"""Learned features of photos: as a worker process finds them, and what the parent asks of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from amb3r_core.compute.arrays import float32_array
from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.features import Features, mask_at, read_features, shrunk_size, usable, write_features
from amb3r_core.models.colmap.sfm.learned.networks import Found, LocalNetwork, load_finder
from amb3r_core.models.colmap.sfm.learned.tiles import Tile, padded, tiles_of
from amb3r_core.models.colmap.sfm.learned.turns import turned
from amb3r_core.models.colmap.sfm.learned.weights import LearnedKind
from amb3r_core.models.colmap.sfm.requests import ExtractLearned
from amb3r_core.scene.arrays import UInt8

ORIGIN_PX = 0.5
"""COLMAP's coordinates of the centre of the first pixel; the networks' are 0."""

SPARE = 4
"""So many times the wanted keypoints are looked for where some of them may be dropped."""

PICTURES_AT_A_TIME = 8
"""On an accelerator; on a processor one, which takes no more time there and the least memory."""


@dataclass(frozen=True, slots=True)
class LearnedFinder:
    """Finds keypoints with a network."""

    kind: LearnedKind
    max_features: int
    """So many of the best are kept; matching time grows with the square."""
    max_side_px: int = 1600
    """Longer side of the working size, to which the keypoints are scaled: that of the SIFT features beside them."""
    network_side_px: int = 1024
    """Photos are shrunk to this longer side for the network."""
    device: str = "cpu"
    quarter_turns: int = 0
    """Keypoints of the upright photo are described on the photo turned so often, counter-clockwise."""

    @property
    def photos_per_job(self) -> int:
        return 12 if self.device == "cpu" else 64

    def working_size(self, frame: Frame) -> tuple[int, int]:
        return shrunk_size(frame, self.max_side_px)

    def write_pixels(self, frame: Frame, scratch: Path, name: str) -> None:
        """The photo in colour at the network's size, and its mask."""
        size = shrunk_size(frame, self.network_side_px)
        photo = Image.fromarray(frame.decode())
        np.save(
            _path(scratch, name, "rgb"), np.asarray(photo if photo.size == size else photo.resize(size, Image.Resampling.LANCZOS))
        )
        if frame.decode_mask is not None:
            np.save(_path(scratch, name, "mask"), mask_at(frame.decode_mask(), size))

    def request(self, scratch: Path, targets: Mapping[str, Path]) -> ExtractLearned:
        return ExtractLearned(
            scratch=scratch,
            targets=targets,
            kind=self.kind,
            max_features=self.max_features,
            device=self.device,
            quarter_turns=self.quarter_turns,
        )


def extract_learned(request: ExtractLearned) -> None:
    """Does in a worker what the request asks for, and removes the pixels it has read."""
    network, device = load_finder(request.kind, torch.device(request.device)), torch.device(request.device)
    names = list(request.targets)
    at_a_time = 1 if device.type == "cpu" else PICTURES_AT_A_TIME
    with torch.inference_mode():
        for start in range(0, len(names), at_a_time):
            _extract(network, names[start : start + at_a_time], request, device)


def _extract(network: LocalNetwork, names: Sequence[str], request: ExtractLearned, device: torch.device) -> None:
    pictures = {name: np.load(_path(request.scratch, name, "rgb")) for name in names}
    find = _turned_features if request.quarter_turns else _upright_features
    found = find(network, pictures, request, device)
    for name, features in found.items():
        write_features(request.targets[name], features, request.scratch)
        _path(request.scratch, name, "rgb").unlink()
        _path(request.scratch, name, "mask").unlink(missing_ok=True)


def _upright_features(
    network: LocalNetwork, pictures: Mapping[str, UInt8], request: ExtractLearned, device: torch.device
) -> dict[str, Features]:
    """Features of each picture; those of one size go through the network together."""
    by_size: dict[tuple[int, ...], list[str]] = {}
    for name, picture in pictures.items():
        by_size.setdefault(picture.shape, []).append(name)
    features: dict[str, Features] = {}
    for (height, width, _), names in by_size.items():
        inputs = torch.cat([network.normalised(as_tensor(pictures[name], device)) for name in names])
        for name, found in zip(names, find_tiled(network, inputs, (width, height), request.max_features), strict=True):
            mask_path = _path(request.scratch, name, "mask")
            mask = np.load(mask_path) if mask_path.exists() else None
            features[name] = _features(found, (width, height), mask, request)
    return features


def _features(found: Found, size: tuple[int, int], mask: NDArray[np.bool_] | None, request: ExtractLearned) -> Features:
    """The best of what was found where the mask leaves pixels in."""
    pixels = float32_array(found.pixels) + np.float32(ORIGIN_PX)
    descriptors = float32_array(found.descriptors).astype(np.float16)
    keypoints = np.column_stack([pixels, np.ones(len(pixels)), np.zeros(len(pixels))]).astype(np.float32)
    if mask is not None:
        left_in = usable(keypoints, mask)
        keypoints, descriptors = keypoints[left_in], descriptors[left_in]
    best = slice(request.max_features)
    return Features(keypoints=keypoints[best], descriptors=descriptors[best], width=size[0], height=size[1], kind=request.kind)


def find_tiled(network: LocalNetwork, pictures: Tensor, size: tuple[int, int], max_keypoints: int) -> list[Found]:
    """Up to `SPARE * max_keypoints` keypoints of each picture (B, C, H, W), padded from this width and height; best first."""
    height, width = pictures.shape[2:]
    parts: list[list[Found]] = [[] for _ in pictures]
    for tile in tiles_of(width, height):
        cut = pictures[:, :, tile.y.start : tile.y.end, tile.x.start : tile.x.end]
        for row, found in enumerate(network.find(cut, SPARE * max_keypoints)):
            parts[row].append(_in_core(found, tile, size))
    return [_best_first(found) for found in parts]


def _in_core(found: Found, tile: Tile, size: tuple[int, int]) -> Found:
    """What a tile found in its own part of the picture, in the picture's pixels; nothing of the padding."""
    pixels = found.pixels + torch.tensor([tile.x.start, tile.y.start], device=found.pixels.device)
    own = _is_in_core(pixels, tile) & (pixels[:, 0] <= size[0] - 1) & (pixels[:, 1] <= size[1] - 1)
    return Found(pixels=pixels[own], scores=found.scores[own], descriptors=found.descriptors[own])


def _is_in_core(pixels: Tensor, tile: Tile) -> Tensor:
    x, y = pixels[:, 0], pixels[:, 1]
    return (x >= tile.x.core_start) & (x < tile.x.core_end) & (y >= tile.y.core_start) & (y < tile.y.core_end)


def _best_first(parts: Sequence[Found]) -> Found:
    scores = torch.cat([found.scores for found in parts])
    order = torch.argsort(scores, descending=True, stable=True)
    pixels = torch.cat([found.pixels for found in parts])[order]
    return Found(pixels=pixels, scores=scores[order], descriptors=torch.cat([found.descriptors for found in parts])[order])


def _turned_features(
    network: LocalNetwork, pictures: Mapping[str, UInt8], request: ExtractLearned, device: torch.device
) -> dict[str, Features]:
    """The upright photos' keypoints with descriptors of the turned pictures."""
    features: dict[str, Features] = {}
    for name, picture in pictures.items():
        upright = read_features(request.upright[name])
        pixels = turned(upright.keypoints[:, :2] - np.float32(ORIGIN_PX), (upright.width, upright.height), request.quarter_turns)
        whole = network.normalised(as_tensor(np.ascontiguousarray(np.rot90(picture, request.quarter_turns)), device))
        descriptors = float32_array(
            describe_tiled(network, whole, torch.as_tensor(pixels).to(device), upright.descriptors.shape[1])
        )
        features[name] = replace(upright, descriptors=descriptors.astype(np.float16), quarter_turns=request.quarter_turns)
    return features


def describe_tiled(network: LocalNetwork, picture: Tensor, pixels: Tensor, dimension: int) -> Tensor:
    """Descriptors (K, D) of places (K, 2) in a padded picture (1, C, H, W)."""
    descriptors = torch.zeros(len(pixels), dimension, device=pixels.device)
    for tile in tiles_of(picture.shape[3], picture.shape[2]):
        own = _is_in_core(pixels, tile)
        if bool(own.any()):
            cut = picture[:, :, tile.y.start : tile.y.end, tile.x.start : tile.x.end]
            corner = torch.tensor([tile.x.start, tile.y.start], device=pixels.device)
            descriptors[own] = network.describe(cut, pixels[own] - corner)
    return descriptors


def as_tensor(picture: UInt8, device: torch.device) -> Tensor:
    """(1, 3, H, W) in [0, 1], its last row and column repeated until the sides are multiples of `GRID_PX`."""
    height, width = picture.shape[:2]
    image = torch.as_tensor(picture).to(device).permute(2, 0, 1)[None].to(torch.float32) / 255.0
    return torch.nn.functional.pad(image, (0, padded(width) - width, 0, padded(height) - height), mode="replicate")


def _path(scratch: Path, name: str, what: str) -> Path:
    return scratch / f"{name}.{what}.npy"

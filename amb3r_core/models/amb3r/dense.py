"""The dense head: tapped decoder features to one value map per pixel, a DPT (arXiv 2103.13413)."""

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot

import torch
from torch import Tensor, nn
from torch.nn import functional

from amb3r_core.compute.linear import pointwise
from amb3r_core.models.amb3r.config import ModelConfig

UV_STRENGTH = 0.1
UV_BASE = 100.0


Summarize = Callable[[Tensor], Tensor]
"""What to keep (F, ...) of the fused features (F, D, 8h, 8w), too large to be kept of many views at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseHeadOutput:
    """values (F, H, W, C - 1); confidence (F, H, W) >= 1; summary (F, ...) of the features, or nothing when not asked for."""

    values: Tensor
    confidence: Tensor
    summary: Tensor | None


class DenseHead(nn.Module):
    """Everything under `depth_head.` or `point_head.`; `out_channels` includes the confidence."""

    def __init__(self, config: ModelConfig, out_channels: int, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        dense = config.dense
        self.patch_size = config.patch_size
        self.frames_per_chunk = dense.frames_per_chunk
        self.activation = activation
        self.norm = nn.LayerNorm(2 * config.width)
        self.projects = nn.ModuleList(nn.Conv2d(2 * config.width, c, kernel_size=1) for c in dense.out_channels)
        first, second, _, last = dense.out_channels
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(first, first, kernel_size=4, stride=4),
                nn.ConvTranspose2d(second, second, kernel_size=2, stride=2),
                nn.Identity(),
                nn.Conv2d(last, last, kernel_size=3, stride=2, padding=1),
            ]
        )
        self.scratch = Pyramid(config, out_channels)

    def forward(self, taps: list[Tensor], grid: tuple[int, int], *, summarize: Summarize | None = None) -> DenseHeadOutput:
        """Maps of F views from four features (F, P, 2C) of their patch tokens on a patch grid (rows, columns)."""
        chunk = taps[0].shape[0] if torch.is_grad_enabled() else self.frames_per_chunk
        parts = [
            self._frames([tap.float() for tap in chunked], grid, summarize)
            for chunked in zip(*(torch.split(tap, chunk) for tap in taps), strict=True)
        ]
        summaries = [part.summary for part in parts if part.summary is not None]
        return DenseHeadOutput(
            values=torch.cat([part.values for part in parts]),
            confidence=torch.cat([part.confidence for part in parts]),
            summary=torch.cat(summaries) if summaries else None,
        )

    def _frames(self, taps: list[Tensor], grid: tuple[int, int], summarize: Summarize | None) -> DenseHeadOutput:
        size = (grid[0] * self.patch_size, grid[1] * self.patch_size)
        levels = [self._level(index, tap, grid, size) for index, tap in enumerate(taps)]
        features = self.scratch.fuse(levels)
        out = self.scratch.full_resolution(features, size)
        return DenseHeadOutput(
            values=self.activation(out[:, :-1]).permute(0, 2, 3, 1),
            confidence=1 + out[:, -1].exp(),
            summary=None if summarize is None else summarize(features),
        )

    def _level(self, index: int, tap: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
        """One level of the pyramid (F, C, rows, columns), channels last in memory."""
        project = self.projects[index]
        assert isinstance(project, nn.Conv2d)
        tokens = pointwise(self.norm(tap), project)
        maps = add_uv(torch.unflatten(tokens, 1, grid).permute(0, 3, 1, 2), size)
        return self.resize_layers[index](maps)


class Pyramid(nn.Module):
    """Everything under `scratch.`: four levels to one, coarse to fine, then to full resolution."""

    def __init__(self, config: ModelConfig, out_channels: int) -> None:
        super().__init__()
        dense, features = config.dense, config.dense.features
        levels = [nn.Conv2d(c, features, kernel_size=3, padding=1, bias=False) for c in dense.out_channels]
        self.layer1_rn, self.layer2_rn, self.layer3_rn, self.layer4_rn = levels
        mended = not config.quirks.relu_overwrites_residual
        self.refinenet1 = Fusion(features, has_skip=True, mended=mended)
        self.refinenet2 = Fusion(features, has_skip=True, mended=mended)
        self.refinenet3 = Fusion(features, has_skip=True, mended=mended)
        self.refinenet4 = Fusion(features, has_skip=False, mended=mended)
        self.output_conv1 = nn.Conv2d(features, features // 2, kernel_size=3, padding=1)
        self.output_conv2 = nn.Sequential(
            nn.Conv2d(features // 2, dense.hidden, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(dense.hidden, out_channels, kernel_size=1),
        )

    def fuse(self, levels: list[Tensor]) -> Tensor:
        """Features (F, D, 8h, 8w) of four levels at 4, 2, 1 and 1/2 times the patch resolution."""
        one, two = self.layer1_rn(levels[0]), self.layer2_rn(levels[1])
        three, four = self.layer3_rn(levels[2]), self.layer4_rn(levels[3])
        x = self.refinenet4(four, None, _size(three))
        x = self.refinenet3(x, three, _size(two))
        x = self.refinenet2(x, two, _size(one))
        finest = (2 * one.shape[-2], 2 * one.shape[-1])
        return self.output_conv1(self.refinenet1(x, one, finest))

    def full_resolution(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        """Raw output (F, C, H, W) of the fused features."""
        return self.output_conv2(add_uv(resize(features, size), size))


class Fusion(nn.Module):
    """One `refinenet`: the coarser map plus the finer level, refined and enlarged."""

    def __init__(self, channels: int, *, has_skip: bool, mended: bool) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(channels, channels, kernel_size=1)
        self.resConfUnit1 = ResidualUnit(channels, mended=mended) if has_skip else None
        self.resConfUnit2 = ResidualUnit(channels, mended=mended)

    def forward(self, x: Tensor, skip: Tensor | None, size: tuple[int, int]) -> Tensor:
        """(F, C, h, w) to (F, C, *size).

        The published order is resize, then `out_conv`. Both are linear and the resize's weights sum to one, so the
        other order gives the same numbers for a quarter of the work.
        """
        if skip is not None and self.resConfUnit1 is not None:
            x = x + self.resConfUnit1(skip)
        return resize(self.out_conv(self.resConfUnit2(x)), size)


class ResidualUnit(nn.Module):
    """Two convolutions on a residual branch."""

    def __init__(self, channels: int, *, mended: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1)
        self.mended = mended

    def forward(self, x: Tensor) -> Tensor:
        """The map with the branch added: to relu(x) as published (`Quirks.relu_overwrites_residual`), or to x itself."""
        positive = functional.relu(x)
        branch = self.conv2(functional.relu(self.conv1(positive)))
        return branch + (x if self.mended else positive)


def resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (F, C, h, w) at another size, bilinear with corners on corners."""
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=True)


def add_uv(maps: Tensor, image_size: tuple[int, int]) -> Tensor:
    """Adds a fixed embedding of where a pixel lies in the image (H, W), in place, and returns the maps (F, C, h, w).

    The image plane has its centre at 0 and half its diagonal is 1. Channels: sin x, cos x, sin y, cos y, a quarter each.
    The caller's maps are fresh results that no gradient formula needs.
    """
    channels, height, width = maps.shape[1:]
    diagonal = hypot(*image_size)
    columns = _waves(width, image_size[1] / diagonal, channels // 4, maps)
    rows = _waves(height, image_size[0] / diagonal, channels // 4, maps)
    maps[:, : channels // 2] += columns[:, None, :]
    maps[:, channels // 2 :] += rows[:, :, None]
    return maps


def _waves(length: int, extent: float, n_frequencies: int, like: Tensor) -> Tensor:
    """(2 n_frequencies, length): sines, then cosines, of the positions of pixel centres between -extent and extent."""
    end = extent * (length - 1) / length
    positions = torch.linspace(-end, end, length, dtype=torch.float64)
    frequencies = UV_BASE ** -(torch.arange(n_frequencies, dtype=torch.float64) / n_frequencies)
    angles = frequencies[:, None] * positions
    return (UV_STRENGTH * torch.cat([angles.sin(), angles.cos()])).to(like)


def _size(maps: Tensor) -> tuple[int, int]:
    return maps.shape[-2], maps.shape[-1]


def depth_activation(raw: Tensor) -> Tensor:
    """Positive depth of raw values."""
    return raw.exp()


def point_activation(raw: Tensor) -> Tensor:
    """Coordinates of raw values: exponential away from zero on both sides."""
    return raw.sign() * raw.abs().expm1()

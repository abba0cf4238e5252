"""The dense head: tapped decoder features to one value map per pixel, a DPT (arXiv 2103.13413)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from amb3r_core.models.amb3r.config import ModelConfig
from amb3r_core.models.blocks.dpt import Pyramid, add_uv, projected, projections, resizers

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
        self.projects = projections(2 * config.width, dense)
        self.resize_layers = resizers(dense)
        self.scratch = Pyramid(dense, out_channels, mended=not config.quirks.relu_overwrites_residual)

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
        features = self.scratch(levels)
        out = self.scratch.full_resolution(features, size)
        return DenseHeadOutput(
            values=self.activation(out[:, :-1]).permute(0, 2, 3, 1),
            confidence=1 + out[:, -1].exp(),
            summary=None if summarize is None else summarize(features),
        )

    def _level(self, index: int, tap: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
        """One level of the pyramid (F, C, rows, columns), channels last in memory."""
        maps = projected(self.norm(tap), self.projects[index], grid)
        return self.resize_layers[index](add_uv(maps, size))


def depth_activation(raw: Tensor) -> Tensor:
    """Positive depth of raw values."""
    return raw.exp()


def point_activation(raw: Tensor) -> Tensor:
    """Coordinates of raw values: exponential away from zero on both sides."""
    return raw.sign() * raw.abs().expm1()

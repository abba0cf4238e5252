"""The dense heads: depth with its confidence and, where asked, the rays of the cameras; or depth with sky."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import torch
from torch import Tensor, nn

from amb3r_core.models.blocks.config import DenseHeadConfig
from amb3r_core.models.blocks.dpt import Fusion, Pyramid, add_uv, fuse, last_layers, projected, projections, resize, resizers
from amb3r_core.models.da3.config import AnyViewConfig, SingleViewConfig

RAY_CHANNELS = 7
"""Direction (3), centre (3) and confidence."""
N_LEVELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseMaps:
    """Maps of F views; what a head does not give or was not asked for is None."""

    depth: Tensor
    """(F, H, W) > 0."""
    confidence: Tensor | None = None
    """(F, H, W) >= 1."""
    rays: Tensor | None = None
    """(F, h, w, 6): the direction, of any length, and the centre of the camera, in the world's frame."""
    ray_confidence: Tensor | None = None
    """(F, h, w) >= 1."""
    sky: Tensor | None = None
    """(F, H, W) >= 0, near 1 on sky."""


class DualHead(nn.Module):
    """Everything under an any-view network's `head.`: one pyramid for depth, one for rays, on the same levels."""

    def __init__(self, config: AnyViewConfig) -> None:
        super().__init__()
        self.patch_size = config.backbone.patch_size
        self.views_per_chunk = config.dense.frames_per_chunk
        self.norm = nn.LayerNorm(config.backbone.tap_channels)
        self.projects = projections(config.backbone.tap_channels, config.dense)
        self.resize_layers = resizers(config.dense)
        self.scratch = DualPyramid(config.dense)

    def forward(self, taps: Sequence[Tensor], grid: tuple[int, int], *, with_rays: bool = False) -> DenseMaps:
        """Maps of F views from four features (F, P, C) of their patches on a patch grid (rows, columns)."""
        return joined([self._views(chunk, grid, with_rays) for chunk in chunked(taps, self.views_per_chunk)])

    def _views(self, taps: Sequence[Tensor], grid: tuple[int, int], with_rays: bool) -> DenseMaps:
        size = (grid[0] * self.patch_size, grid[1] * self.patch_size)
        levels = self.scratch.adapt([self._level(index, tap, grid, size) for index, tap in enumerate(taps)])
        raw = self.scratch.full_resolution(self.scratch.fused(levels), size)
        rays = self.scratch.rays(levels, size).permute(0, 2, 3, 1) if with_rays else None
        return DenseMaps(
            depth=raw[:, 0].exp(),
            confidence=1 + raw[:, 1].exp(),
            rays=None if rays is None else rays[..., :6],
            ray_confidence=None if rays is None else 1 + rays[..., 6].exp(),
        )

    def _level(self, index: int, tap: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
        maps = projected(self.norm(tap), self.projects[index], grid)
        return self.resize_layers[index](add_uv(maps, size))


class DualPyramid(Pyramid):
    """Everything under `head.scratch.` of an any-view network.

    The ray branch was trained with an output at each level; only the finest is ever read, the others are carried so that a
    checkpoint stays whole.
    """

    def __init__(self, dense: DenseHeadConfig) -> None:
        super().__init__(dense, 2, mended=True)
        features, half = dense.features, dense.features // 2
        self.refinenet1_aux = Fusion(features, has_skip=True, mended=True)
        self.refinenet2_aux = Fusion(features, has_skip=True, mended=True)
        self.refinenet3_aux = Fusion(features, has_skip=True, mended=True)
        self.refinenet4_aux = Fusion(features, has_skip=False, mended=True)
        self.output_conv1_aux = nn.ModuleList(_linear_convolutions(features, half) for _ in range(N_LEVELS))
        self.output_conv2_aux = nn.ModuleList(_ray_layers(half, dense.hidden) for _ in range(N_LEVELS))

    def rays(self, levels: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Raw rays (F, 7, 8h, 8w) of adapted levels, for an image of (H, W)."""
        refinenets = (self.refinenet1_aux, self.refinenet2_aux, self.refinenet3_aux, self.refinenet4_aux)
        features = self.output_conv1_aux[-1](fuse(levels, refinenets))
        return self.output_conv2_aux[-1](add_uv(features, size))


def _linear_convolutions(features: int, half: int) -> nn.Sequential:
    """Five convolutions with nothing between them, as published."""
    widths = (features, half, features, half, features, half)
    return nn.Sequential(*(nn.Conv2d(a, b, kernel_size=3, padding=1) for a, b in pairwise(widths)))


def _ray_layers(channels: int, hidden: int) -> nn.Sequential:
    """The last layers of the ray branch; the published ones number two permutations around the norm."""
    return nn.Sequential(
        nn.Conv2d(channels, hidden, kernel_size=3, padding=1),
        nn.Identity(),
        ChannelNorm(hidden),
        nn.Identity(),
        nn.ReLU(),
        nn.Conv2d(hidden, RAY_CHANNELS, kernel_size=1),
    )


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of each pixel of maps (F, C, h, w)."""

    def forward(self, input: Tensor) -> Tensor:
        """Maps of the same shape."""
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SkyHead(nn.Module):
    """Everything under a single-view network's `head.`; it embeds no pixel positions and norms no tokens."""

    def __init__(self, config: SingleViewConfig) -> None:
        super().__init__()
        self.patch_size = config.backbone.patch_size
        self.views_per_chunk = config.dense.frames_per_chunk
        self.projects = projections(config.backbone.tap_channels, config.dense)
        self.resize_layers = resizers(config.dense)
        self.scratch = SkyPyramid(config.dense)

    def forward(self, taps: Sequence[Tensor], grid: tuple[int, int]) -> DenseMaps:
        """Maps of F views from four features (F, P, C) of their patches on a patch grid (rows, columns)."""
        return joined([self._views(chunk, grid) for chunk in chunked(taps, self.views_per_chunk)])

    def _views(self, taps: Sequence[Tensor], grid: tuple[int, int]) -> DenseMaps:
        maps = [projected(tap, project, grid) for tap, project in zip(taps, self.projects, strict=True)]
        features = self.scratch([layer(level) for layer, level in zip(self.resize_layers, maps, strict=True)])
        features = resize(features, (grid[0] * self.patch_size, grid[1] * self.patch_size))
        depth = last_layers(self.scratch.output_conv2, features)
        sky = last_layers(self.scratch.sky_output_conv2, features)
        return DenseMaps(depth=depth[:, 0].exp(), sky=sky[:, 0].relu())


class SkyPyramid(Pyramid):
    """Everything under `head.scratch.` of a single-view network."""

    def __init__(self, dense: DenseHeadConfig) -> None:
        super().__init__(dense, 1, mended=True)
        self.sky_output_conv2 = nn.Sequential(
            nn.Conv2d(dense.features // 2, dense.hidden, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(dense.hidden, 1, kernel_size=1),
        )


class GaussianHead(nn.Module):
    """The published head for Gaussian splats: parameters of a checkpoint that nothing here calls."""

    def __init__(self, config: AnyViewConfig, out_channels: int) -> None:
        super().__init__()
        half = config.dense.features // 2
        self.projects = projections(config.backbone.tap_channels, config.dense)
        self.resize_layers = resizers(config.dense)
        self.scratch = Pyramid(config.dense, out_channels, mended=True)
        widths = (3, half // 4, half // 2, half)
        layers = [nn.Conv2d(a, b, kernel_size=3, padding=1) for a, b in pairwise(widths)]
        self.images_merger = nn.Sequential(layers[0], nn.Identity(), layers[1], nn.Identity(), layers[2])


def chunked(taps: Sequence[Tensor], n_views: int) -> list[tuple[Tensor, ...]]:
    """Features (F, P, C) in float32, so many views at a time; all at once when gradients are kept."""
    size = taps[0].shape[0] if torch.is_grad_enabled() else n_views
    return [tuple(part.float() for part in parts) for parts in zip(*(torch.split(tap, size) for tap in taps), strict=True)]


def joined(parts: Sequence[DenseMaps]) -> DenseMaps:
    """The maps of all chunks as one."""
    maps: dict[str, Tensor | None] = {}
    for field in fields(DenseMaps):
        values: list[Tensor | None] = [getattr(part, field.name) for part in parts]
        given = [value for value in values if value is not None]
        maps[field.name] = torch.cat(given) if given else None
    return DenseMaps(**maps)  # pyright: ignore[reportArgumentType] - every part has depth

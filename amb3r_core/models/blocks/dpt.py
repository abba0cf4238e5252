"""The dense prediction transformer's head (DPT, arXiv 2103.13413): four levels of patch features to one map per pixel."""

from math import hypot

import torch
from torch import Tensor, nn
from torch.nn import functional

from amb3r_core.compute.linear import pointwise
from amb3r_core.models.blocks.config import DenseHeadConfig

UV_STRENGTH = 0.1
UV_BASE = 100.0


def projections(in_channels: int, dense: DenseHeadConfig) -> nn.ModuleList:
    """One 1x1 convolution per level, from the tokens' channels to the level's."""
    return nn.ModuleList(nn.Conv2d(in_channels, c, kernel_size=1) for c in dense.out_channels)


def resizers(dense: DenseHeadConfig) -> nn.ModuleList:
    """What brings the levels to 4, 2, 1 and 1/2 times the patch resolution."""
    first, second, _, last = dense.out_channels
    return nn.ModuleList(
        [
            nn.ConvTranspose2d(first, first, kernel_size=4, stride=4),
            nn.ConvTranspose2d(second, second, kernel_size=2, stride=2),
            nn.Identity(),
            nn.Conv2d(last, last, kernel_size=3, stride=2, padding=1),
        ]
    )


def projected(tokens: Tensor, project: nn.Module, grid: tuple[int, int]) -> Tensor:
    """Patch tokens (F, P, C) through a level's 1x1 convolution: maps (F, C, rows, columns), channels last in memory."""
    assert isinstance(project, nn.Conv2d)
    return torch.unflatten(pointwise(tokens, project), 1, grid).permute(0, 3, 1, 2)


class Pyramid(nn.Module):
    """Everything under `scratch.`: four levels to one, coarse to fine, then to full resolution."""

    def __init__(self, dense: DenseHeadConfig, out_channels: int, *, mended: bool) -> None:
        super().__init__()
        features = dense.features
        levels = [nn.Conv2d(c, features, kernel_size=3, padding=1, bias=False) for c in dense.out_channels]
        self.layer1_rn, self.layer2_rn, self.layer3_rn, self.layer4_rn = levels
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

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Features (F, D / 2, 8h, 8w) of four levels at 4, 2, 1 and 1/2 times the patch resolution."""
        return self.fused(self.adapt(levels))

    def fused(self, adapted: list[Tensor]) -> Tensor:
        """Features (F, D / 2, 8h, 8w) of four levels that have D channels already."""
        return self.output_conv1(fuse(adapted, (self.refinenet1, self.refinenet2, self.refinenet3, self.refinenet4)))

    def adapt(self, levels: list[Tensor]) -> list[Tensor]:
        """The four levels, each with D channels."""
        layers = (self.layer1_rn, self.layer2_rn, self.layer3_rn, self.layer4_rn)
        return [layer(level) for layer, level in zip(layers, levels, strict=True)]

    def full_resolution(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        """Raw output (F, C, H, W) of the fused features."""
        return last_layers(self.output_conv2, add_uv(resize(features, size), size))


def last_layers(layers: nn.Sequential, maps: Tensor) -> Tensor:
    """A convolution, ReLU and a 1x1 convolution of maps (F, C, H, W), the last as the matrix product it is."""
    first, last = layers[0], layers[-1]
    assert isinstance(last, nn.Conv2d)
    hidden = functional.relu(first(maps), inplace=not torch.is_grad_enabled())
    return pointwise(hidden.permute(0, 2, 3, 1), last).permute(0, 3, 1, 2)


def fuse(levels: list[Tensor], refinenets: tuple["Fusion", "Fusion", "Fusion", "Fusion"]) -> Tensor:
    """Four levels of D channels, finest first, joined from coarse to fine: (F, D, ...) at twice the finest's resolution."""
    one, two, three, four = levels
    x = refinenets[3](four, None, _size(three))
    x = refinenets[2](x, three, _size(two))
    x = refinenets[1](x, two, _size(one))
    return refinenets[0](x, one, (2 * one.shape[-2], 2 * one.shape[-1]))


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
        """The map with the branch added: to x itself if mended, else to relu(x), which some weights are trained for."""
        positive = functional.relu(x)
        keeps_gradient = torch.is_grad_enabled()
        branch = self.conv2(functional.relu(self.conv1(positive), inplace=not keeps_gradient))
        added = x if self.mended else positive
        return branch + added if keeps_gradient else branch.add_(added)


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

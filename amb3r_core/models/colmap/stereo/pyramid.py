"""The views at half their size and below."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from amb3r_core.models.colmap.stereo.cost import grey, normalise


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """All views at one size."""

    images: list[Tensor]
    """N times normalised grey (h, w)."""
    intrinsics: Tensor
    """(N, 3, 3)."""

    @property
    def size(self) -> tuple[int, int]:
        return (self.images[0].shape[0], self.images[0].shape[1])


def pyramid(pixels: Tensor, valid: Tensor, intrinsics: Tensor, n_levels: int, window_radius: int, noise: float) -> list[Level]:
    """`n_levels` levels of views (N, 3, H, W), the first at half their size; `normalise` tells radius and noise."""
    levels: list[Level] = []
    greys, masks = [grey(image) for image in pixels], list(valid)
    for _ in range(n_levels):
        greys, masks = [halve(image) for image in greys], [halve(mask.float()) > 0.99 for mask in masks]
        intrinsics = halve_intrinsics(intrinsics)
        images = [normalise(image, mask, window_radius, noise) for image, mask in zip(greys, masks, strict=True)]
        levels.append(Level(images=images, intrinsics=intrinsics))
    return levels


def halve(image: Tensor) -> Tensor:
    """Means over 2 x 2 pixels of (..., H, W); an odd last row or column is dropped."""
    return F.avg_pool2d(image[None] if image.ndim == 3 else image[None, None], 2).reshape(
        *image.shape[:-2], image.shape[-2] // 2, image.shape[-1] // 2
    )


def halve_intrinsics(intrinsics: Tensor) -> Tensor:
    """Intrinsics (..., 3, 3) for the halved image, with pixel (0, 0) at the centre of the top-left pixel."""
    halved = intrinsics.clone()
    halved[..., :2, :] /= 2
    halved[..., :2, 2] -= 0.25
    return halved

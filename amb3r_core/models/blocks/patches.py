"""From images to patch tokens, as DINOv2 (arXiv 2304.07193) makes them."""

import torch
from torch import Tensor, nn
from torch.nn import functional

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


class PatchProjection(nn.Module):
    """One token per patch of pixels."""

    def __init__(self, channels: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, kernel_size=patch_size, stride=patch_size)

    def forward(self, images: Tensor) -> Tensor:
        """(F, 3, H, W) to (F, P, C), row by row."""
        return self.proj(images.to(self.proj.weight.dtype)).flatten(2).transpose(1, 2)


def normalize_colors(images: Tensor) -> Tensor:
    """Images (F, 3, H, W) in [0, 1] with ImageNet's mean taken off and divided by its deviation, per channel."""
    mean = images.new_tensor(IMAGE_MEAN)[:, None, None]
    std = images.new_tensor(IMAGE_STD)[:, None, None]
    return (images - mean) / std


def patch_grid(images: Tensor, patch_size: int) -> tuple[int, int]:
    """(rows, columns) of patches in images (..., H, W); `ValueError` unless both sides are multiples of the patch."""
    height, width = images.shape[-2:]
    if height % patch_size or width % patch_size or height == 0 or width == 0:
        raise ValueError(f"images are {height} x {width} pixels: multiples of {patch_size} are needed")
    return height // patch_size, width // patch_size


def mean_token(tokens: Tensor, valid: Tensor, patch_size: int) -> Tensor:
    """Unit vectors (N, C) float32: each view's mean patch token (N, P, C), by the share of valid pixels (N, H, W)."""
    share = functional.avg_pool2d(valid[:, None].float(), patch_size).flatten(1).to(tokens.device)
    # A view without a single valid pixel still gets a descriptor: of all its patches.
    weight = torch.where(share.sum(1, keepdim=True) > 0, share, torch.ones_like(share))
    return functional.normalize(torch.einsum("np,npc->nc", weight, tokens.float()), dim=-1)


def as_maps(square: Tensor, side: int) -> Tensor:
    """A position embedding (1, side * side, C) as float32 maps (1, C, side, side)."""
    return torch.unflatten(square.float(), 1, (side, side)).permute(0, 3, 1, 2)


def as_tokens(maps: Tensor, like: Tensor) -> Tensor:
    """Maps (1, C, h, w) as tokens (1, h * w, C) in the dtype of `like`."""
    return maps.flatten(2).transpose(1, 2).to(like.dtype)

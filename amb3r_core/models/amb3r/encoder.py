"""The image encoder: a vision transformer over patches of one view, DINOv2's ViT-L/14 with registers (arXiv 2304.07193)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from amb3r_core.models.amb3r.config import ModelConfig
from amb3r_core.models.blocks.attention import Block
from amb3r_core.models.blocks.patches import PatchProjection, as_maps, as_tokens, normalize_colors

FRAMES_PER_CHUNK = 8
"""Views encoded at a time when no gradient is kept: memory only, the same numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderTokens:
    """What the encoder saw of F views: patches (F, P, C), cls (F, C), registers (F, R, C), all float32."""

    patches: Tensor
    cls: Tensor
    registers: Tensor


class Encoder(nn.Module):
    """Patch tokens of each view by itself. `mask_token` is part of the checkpoint but masks nothing here."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.grid = config.encoder_grid
        self.n_registers = config.n_registers
        self.patch_size = config.patch_size
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.encoder_grid**2, width))
        self.register_tokens = nn.Parameter(torch.zeros(1, config.n_registers, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))
        self.patch_embed = PatchProjection(width, config.patch_size)
        self.blocks = nn.ModuleList(
            Block(width, config.n_heads, mlp_ratio=config.mlp_ratio, norm_eps=1e-6, qk_norm=False, layer_scale=1.0)
            for _ in range(config.encoder_depth)
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, images: Tensor) -> EncoderTokens:
        """Tokens of views (F, 3, H, W) in [0, 1], H and W multiples of the patch size."""
        chunk = images.shape[0] if torch.is_grad_enabled() else FRAMES_PER_CHUNK
        tokens = torch.cat([self._tokens(part) for part in torch.split(images, chunk)])
        special = 1 + self.n_registers
        return EncoderTokens(patches=tokens[:, special:], cls=tokens[:, 0], registers=tokens[:, 1:special])

    def _tokens(self, images: Tensor) -> Tensor:
        grid = (images.shape[-2] // self.patch_size, images.shape[-1] // self.patch_size)
        patches = self.patch_embed(normalize_colors(images))
        x = self._with_special_tokens(patches.to(self.pos_embed.dtype), grid)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def _with_special_tokens(self, patches: Tensor, grid: tuple[int, int]) -> Tensor:
        """[cls, registers, patches]: positions are added to cls and patches, the registers have none."""
        n_frames = patches.shape[0]
        cls = self.cls_token + self.pos_embed[:, :1]
        registers = self.register_tokens.expand(n_frames, -1, -1)
        return torch.cat([cls.expand(n_frames, -1, -1), registers, patches + self.positions(grid)], dim=1)

    def positions(self, grid: tuple[int, int]) -> Tensor:
        """Position embedding (1, P, C) of a patch grid (rows, columns), resized from the square it was made for."""
        square = self.pos_embed[:, 1:]
        if grid == (self.grid, self.grid):
            return square
        maps = as_maps(square, self.grid)
        return as_tokens(functional.interpolate(maps, size=grid, mode="bicubic", antialias=True), square)

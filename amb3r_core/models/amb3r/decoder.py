"""The multi-view decoder: blocks that see one view alternate with blocks that see all, and voxel features enter before each."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from amb3r_core.models.amb3r.config import ModelConfig
from amb3r_core.models.amb3r.encoder import Encoder
from amb3r_core.models.blocks.attention import Block, Rotation, grid_positions

Injection = Callable[[int], Tensor]
"""What to add to the patch tokens (B, T, P, C) before decoder block i: frame block n is 2n, global block n is 2n + 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderTaps:
    """Decoder features the heads read: four of (B, T, special + P, 2C), frame half first; the first token is the camera's."""

    features: tuple[Tensor, ...]
    n_special: int

    @property
    def camera(self) -> Tensor:
        """The camera tokens (B, T, 2C) of the last tap."""
        return self.features[-1][:, :, 0]

    @property
    def patches(self) -> Tensor:
        """The patch tokens (B, T, P, 2C) of the last tap."""
        return self.features[-1][:, :, self.n_special :]


class Aggregator(nn.Module):
    """Everything under `aggregator.` in a checkpoint: the encoder, as `patch_embed`, and the decoder on top of it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.taps = config.taps
        self.n_special = config.n_special_tokens
        self.head_channels = config.width // config.n_heads
        self.aliased_taps = config.quirks.frame_taps_see_global_injection
        self.camera_token = nn.Parameter(torch.zeros(1, 2, 1, config.width))
        self.register_token = nn.Parameter(torch.zeros(1, 2, config.n_registers, config.width))
        self.patch_embed = Encoder(config)
        self.frame_blocks = nn.ModuleList(_block(config) for _ in range(config.decoder_depth))
        self.global_blocks = nn.ModuleList(_block(config) for _ in range(config.decoder_depth))

    def forward(self, patches: Tensor, grid: tuple[int, int], injection: Injection | None = None) -> DecoderTaps:
        """Features of patch tokens (B, T, P, C) on a patch grid (rows, columns), P = rows * columns.

        The order of the views does not matter but for the first, which is the world frame.
        """
        x = self._with_special_tokens(patches)
        rotation = Rotation(grid_positions(grid, self.n_special, patches.device), self.head_channels)
        tapped: list[Tensor] = []
        for pair in range(len(self.frame_blocks)):
            x = self._inject(x, injection, 2 * pair)
            x = self._frame_block(pair, x, rotation)
            frame_half = x.clone() if pair in self.taps and not self.aliased_taps else None
            x = self._inject(x, injection, 2 * pair + 1)
            if pair in self.taps:
                # The published code returns a view of the tensor that the injection before the global block then changes.
                frame_half = x.clone() if frame_half is None else frame_half
            x = self._global_block(pair, x, rotation)
            if frame_half is not None:
                tapped.append(torch.cat([frame_half, x], dim=-1))
        return DecoderTaps(features=tuple(tapped), n_special=self.n_special)

    def _frame_block(self, pair: int, x: Tensor, rotation: Rotation) -> Tensor:
        n_scenes, n_views = x.shape[:2]
        return self.frame_blocks[pair](x.flatten(0, 1), rotation).unflatten(0, (n_scenes, n_views))

    def _global_block(self, pair: int, x: Tensor, rotation: Rotation) -> Tensor:
        n_views, n_tokens = x.shape[1:3]
        return self.global_blocks[pair](x.flatten(1, 2), rotation).unflatten(1, (n_views, n_tokens))

    def _inject(self, x: Tensor, injection: Injection | None, block_index: int) -> Tensor:
        """x with the injection added to its patch tokens, in place when no gradient is kept."""
        if injection is None:
            return x
        if torch.is_grad_enabled():
            special, patches = x[:, :, : self.n_special], x[:, :, self.n_special :]
            return torch.cat([special, patches + injection(block_index)], dim=2)
        x[:, :, self.n_special :] += injection(block_index)
        return x

    def _with_special_tokens(self, patches: Tensor) -> Tensor:
        """[camera, registers, patches] of every view; the first view has its own camera and register tokens."""
        n_scenes, n_views = patches.shape[:2]
        special = torch.cat([self.camera_token, self.register_token], dim=2)
        others = special[:, 1:].expand(-1, n_views - 1, -1, -1)
        per_view = torch.cat([special[:, :1], others], dim=1).expand(n_scenes, -1, -1, -1)
        return torch.cat([per_view.to(patches.dtype), patches], dim=2)


def _block(config: ModelConfig) -> Block:
    return Block(config.width, config.n_heads, mlp_ratio=config.mlp_ratio, norm_eps=1e-5, qk_norm=True, layer_scale=0.01)

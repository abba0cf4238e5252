"""The transformer over the patches of all views: first each view by itself, then such blocks and joint ones by turns."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from amb3r_core.models.blocks.attention import Block, Rotation, grid_positions
from amb3r_core.models.blocks.patches import PatchProjection, as_maps, as_tokens, normalize_colors, patch_grid
from amb3r_core.models.da3.config import BackboneConfig
from amb3r_core.models.da3.reference import ReferenceRule, choose_reference

VIEWS_PER_CHUNK = 8
"""Views that blocks of one view work on at a time when no gradient is kept: memory only, the same numbers."""
RESIZE_OFFSET = 0.1
"""DINOv2 resizes its position embedding by (new side + this) / old side, once a guard against rounding; kept for its weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneTaps:
    """What the heads read: four features (B, T, P, C) of the patches, and the camera tokens (B, T, C) of the last.

    With joint blocks the channels are twice the width: what the last block of one view gave stands before what the joint one did.
    reference (B,): the view in whose frame the network sees the world.
    """

    features: tuple[Tensor, ...]
    camera: Tensor
    reference: Tensor


class Backbone(nn.Module):
    """Everything under `backbone.`."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.pretrained = ViewTransformer(config)

    def forward(self, images: Tensor, cameras: Tensor | None = None, rule: ReferenceRule = "balanced") -> BackboneTaps:
        """See `ViewTransformer.forward`."""
        return self.pretrained(images, cameras, rule)


class ViewTransformer(nn.Module):
    """Everything under `backbone.pretrained.`."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.alone = config.depth if config.joint_from is None else config.joint_from
        """How many blocks come before any view knows of another."""
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        if config.joint_from is not None:
            self.camera_token = nn.Parameter(torch.zeros(1, 2, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.grid**2, width))
        self.patch_embed = PatchProjection(width, config.patch_size)
        self.blocks = nn.ModuleList(_block(config, index >= self.alone) for index in range(config.depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, images: Tensor, cameras: Tensor | None = None, rule: ReferenceRule = "balanced") -> BackboneTaps:
        """Features of images (B, T, 3, H, W) in [0, 1], H and W multiples of the patch size.

        cameras (B, T, C): tokens of known cameras, the first of them the world's. Without them the rule chooses the reference.
        """
        grid = patch_grid(images, self.config.patch_size)
        if self.config.joint_from is None:
            return self._single(images)
        # The choice reads the class tokens one block before the cameras take their place.
        x = self._alone(self._tokens(images), range(self.alone - 1))
        reference = choose_reference(x[:, :, 0], "first" if cameras is not None else rule)
        x = self._alone(x, range(self.alone - 1, self.alone))
        tokens = self._learned_cameras(reference, x.shape[1]) if cameras is None else cameras
        return self._joint(torch.cat([tokens[:, :, None].to(x.dtype), x[:, :, 1:]], dim=2), grid, reference)

    def describe(self, images: Tensor) -> Tensor:
        """Patch tokens (B, T, P, C) of each view by itself, as the last block before any view knows of another gives them."""
        x = self._alone(self._tokens(images), range(self.alone))
        return self.norm(x[:, :, 1:])

    def _single(self, images: Tensor) -> BackboneTaps:
        x, tapped = self._tokens(images), list[Tensor]()
        done = 0
        for tap in self.config.taps:
            x = self._alone(x, range(done, tap + 1))
            tapped.append(self.norm(x))
            done = tap + 1
        reference = torch.zeros(images.shape[0], dtype=torch.long, device=images.device)
        return BackboneTaps(features=tuple(tap[:, :, 1:] for tap in tapped), camera=x[:, :, 0], reference=reference)

    def _joint(self, x: Tensor, grid: tuple[int, int], reference: Tensor) -> BackboneTaps:
        views, rotation = x.shape[:2], Rotation(grid_positions(grid, 1, x.device), self._head_channels)
        apart = OnePlace(grid[0] * grid[1], self._head_channels, x.device)
        alone_half, tapped = x, list[Tensor]()
        for index in range(self.alone, self.config.depth):
            block = self.blocks[index]
            if not self.config.is_joint(index):
                x = block(x.flatten(0, 1), rotation).unflatten(0, views)
                continue
            if index in self.config.taps:
                alone_half = x.clone()  # the next block writes into x
            x = block(x.flatten(1, 2), apart).unflatten(1, (views[1], -1))
            if index in self.config.taps:
                tapped.append(torch.cat([alone_half[:, :, 1:], self.norm(x[:, :, 1:])], dim=-1))
        camera = torch.cat([alone_half[:, :, 0], x[:, :, 0]], dim=-1)
        return BackboneTaps(features=tuple(tapped), camera=camera, reference=reference)

    def _alone(self, x: Tensor, blocks: range) -> Tensor:
        """Tokens (B, T, 1 + P, C) after blocks that see one view and know no positions."""
        flat = x.flatten(0, 1)
        chunks = torch.split(flat, flat.shape[0] if torch.is_grad_enabled() else VIEWS_PER_CHUNK)
        done: list[Tensor] = []
        for chunk in chunks:
            for index in blocks:
                chunk = self.blocks[index](chunk)
            done.append(chunk)
        return torch.unflatten(torch.cat(done) if len(done) > 1 else done[0], 0, x.shape[:2])

    def _tokens(self, images: Tensor) -> Tensor:
        """(B, T, 1 + P, C): the class token, then the patches, each with its position."""
        grid, flat = patch_grid(images, self.config.patch_size), images.flatten(0, 1)
        patches = self.patch_embed(normalize_colors(flat)).to(self.pos_embed.dtype)
        first = (self.cls_token + self.pos_embed[:, :1]).expand(flat.shape[0], -1, -1)
        return torch.unflatten(torch.cat([first, patches + self._positions(grid)], dim=1), 0, images.shape[:2])

    def _positions(self, grid: tuple[int, int]) -> Tensor:
        """Position embedding (1, P, C) of a patch grid (rows, columns), resized from the square it was made for."""
        square, side = self.pos_embed[:, 1:], self.config.grid
        if grid == (side, side):
            return square
        factors = [(length + RESIZE_OFFSET) / side for length in grid]
        return as_tokens(functional.interpolate(as_maps(square, side), scale_factor=factors, mode="bicubic"), square)

    def _learned_cameras(self, reference: Tensor, n_views: int) -> Tensor:
        """(B, T, C): one token for the reference view, another for all others."""
        is_reference = torch.arange(n_views, device=reference.device) == reference[:, None]
        return torch.where(is_reference[..., None], self.camera_token[:, :1], self.camera_token[:, 1:])

    @property
    def _head_channels(self) -> int:
        return self.config.width // self.config.n_heads


class OnePlace:
    """The rotation of joint blocks: all patches stand at row and column 1, the camera tokens at 0.

    A product of turned vectors depends on the difference of their positions alone. So the patches may stay as they are and only
    the camera tokens turn, by -1.
    """

    def __init__(self, n_patches: int, head_channels: int, device: torch.device) -> None:
        self.n_tokens = 1 + n_patches
        self.turn = Rotation(torch.full((1, 2), -1.0, device=device), head_channels)

    def apply(self, x: Tensor, /) -> Tensor:
        """x (S, T * (1 + P), heads, channels) with the first token of each of the T views turned, in place without gradients."""
        views = torch.unflatten(x, 1, (-1, self.n_tokens))
        camera = self.turn.apply(views[:, :, 0]).to(x.dtype)
        if torch.is_grad_enabled():
            return torch.cat([camera[:, :, None], views[:, :, 1:]], dim=2).flatten(1, 2)
        views[:, :, 0] = camera
        return x


def _block(config: BackboneConfig, knows_positions: bool) -> Block:
    return Block(
        config.width,
        config.n_heads,
        mlp_ratio=config.mlp_ratio,
        norm_eps=1e-6,
        qk_norm=knows_positions,
        layer_scale=1.0,
        mlp=config.mlp,
    )

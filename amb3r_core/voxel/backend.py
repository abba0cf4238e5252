"""The voxel back end: tokens and points of all views in, features to inject into the decoder out."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from amb3r_core.compute.linear import pointwise
from amb3r_core.voxel.choose_ops import choose_ops
from amb3r_core.voxel.config import BackendConfig
from amb3r_core.voxel.grid import voxelize
from amb3r_core.voxel.interpolate import interpolate_voxels
from amb3r_core.voxel.layers import Chain
from amb3r_core.voxel.ops import SparseOps
from amb3r_core.voxel.transformer import PointTransformer

POINT_STRIDE = 7
"""Pixels between the points used; half a patch, so that every patch of 14 pixels has 2 x 2 points."""
VIEWS_PER_CHUNK = 1
"""Views whose feature maps shrink at a time when no gradient is kept: memory only, the same numbers."""
POINT_OFFSET = 3
"""First pixel used: a bilinear resize by 7 without antialiasing samples exactly pixels 3, 10, 17, ..."""


class VoxelBackend(nn.Module):
    """Everything under `backend.` in a checkpoint.

    Leading dimensions are scenes B and views T; a patch grid of (h, w) has P = h * w tokens in row-major
    order, and H = 14 h, W = 14 w pixels. `interp_v2` is a property of a checkpoint: False for the first
    published weights, which look up voxels at positions displaced by the scene's corner.
    """

    interp_v2: Tensor

    def __init__(self, config: BackendConfig, ops: SparseOps | None = None) -> None:
        super().__init__()
        self.config = config
        self.ops = ops
        channels = config.channels
        self.gate_scale = nn.Parameter(torch.ones(1))
        self.register_buffer("interp_v2", torch.tensor(False))
        self.aligner = Chain(
            nn.Linear(config.encoder_channels + config.decoder_channels, config.aligner_hidden),
            nn.GELU(),
            nn.Linear(config.aligner_hidden, channels),
            nn.GELU(),
        )
        self.point_transformer = PointTransformer(config.transformer)
        self.downsample = DownBlock(channels, config.norm_groups)
        self.zero_conv = ZeroConv(channels)
        self.zero_conv_layers = nn.ModuleList(ZeroConv(channels) for _ in range(config.n_injections))
        self.gate_scales = nn.ParameterList(nn.Parameter(torch.ones(1)) for _ in range(config.n_injections))

    def forward(
        self,
        encoder_tokens: Tensor,
        decoder_tokens: Tensor,
        points_world: Tensor,
        *,
        valid: Tensor | None = None,
        curve_seed: int | None = None,
    ) -> Tensor:
        """Aligned features (B, T, P, C), one per patch, that `injection` turns into additions.

        encoder_tokens (B, T, P, C_enc) and decoder_tokens (B, T, P, C_dec), patches only; points_world
        (B, T, H, W, 3) in the network's units, world frame. `valid` (B, T, H, W) bool leaves out pixels,
        such as letterbox padding; pixels with a non-finite point are left out anyway. `curve_seed` shuffles
        the space-filling curves as training did; None keeps them in order. All three inputs are detached:
        the back end was trained to read the first pass, not to change it.
        """
        grid = _patch_grid(encoder_tokens, points_world)
        points = _subsample(points_world.detach()).flatten(1, 3)
        kept = None if valid is None else _subsample(valid).flatten(1, 3)
        # Unnamed, so that it can be let go inside: nothing here is larger than features per point.
        scene = self.voxel_features(
            points,
            self.align(encoder_tokens.detach(), decoder_tokens.detach(), grid).flatten(1, 3),
            valid=kept,
            curve_seed=curve_seed,
        )
        return self._to_tokens(scene, grid, n_views=encoder_tokens.shape[1])

    def align(self, encoder_tokens: Tensor, decoder_tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Point features (B, T, 2h, 2w, C) from the tokens of a patch grid (h, w)."""
        tokens = self.aligner(torch.cat([encoder_tokens, decoder_tokens], dim=-1))
        n_scenes, n_views = tokens.shape[:2]
        maps = torch.unflatten(tokens.flatten(0, 1), 1, grid).permute(0, 3, 1, 2).float()
        finer = functional.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.unflatten(finer.permute(0, 2, 3, 1), 0, (n_scenes, n_views))

    def voxel_features(
        self, points: Tensor, features: Tensor, *, valid: Tensor | None = None, curve_seed: int | None = None
    ) -> Tensor:
        """Features (B, N, C) of points (B, N, 3) after reasoning over the voxels of each scene.

        features (B, N, C); valid (B, N) bool. A point that is not finite gets zeros; a finite point that was
        left out of the voxels still gets the features of the voxels nearest to it.
        """
        ops = self.ops if self.ops is not None else choose_ops(points.device)
        voxels = voxelize(points, features, self.config.voxel_size, ops=ops, valid=valid)
        del features
        reasoned = self.point_transformer(voxels.index, voxels.features, ops=ops, curve_seed=curve_seed)
        return interpolate_voxels(
            points,
            voxels.query_positions(absolute=bool(self.interp_v2)),
            reasoned,
            n_neighbours=self.config.n_neighbours,
            ops=ops,
        )

    def initial_injection(self, aligned: Tensor) -> Tensor:
        """What is added once to the encoder's patch tokens before the second pass; (..., P, C) to (..., P, C)."""
        return self.zero_conv(aligned) * self.gate_scale

    def injection(self, layer_index: int, aligned: Tensor) -> Tensor:
        """What is added to the patch tokens before decoder block `layer_index`; (..., P, C) to (..., P, C).

        Frame block n has index 2n, global block n has 2n + 1.
        """
        return self.zero_conv_layers[layer_index](aligned) * self.gate_scales[layer_index]

    def _to_tokens(self, scene: Tensor, grid: tuple[int, int], n_views: int) -> Tensor:
        rows, columns = grid
        maps = scene.reshape(-1, 2 * rows, 2 * columns, scene.shape[-1]).permute(0, 3, 1, 2)
        at_once = len(maps) if torch.is_grad_enabled() else VIEWS_PER_CHUNK
        coarse = torch.cat([self.downsample(part) for part in torch.split(maps, at_once)])
        return torch.unflatten(coarse.flatten(2).transpose(1, 2), 0, (-1, n_views))


class DownBlock(nn.Module):
    """Feature maps at half the size: (N, C, 2h, 2w) to (N, C, h, w)."""

    def __init__(self, channels: int, norm_groups: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for stride in (1, 1, 2, 1):
            layers += [
                nn.Conv2d(channels, channels, kernel_size=3, stride=stride, padding=1),
                nn.ReLU(),
                nn.GroupNorm(norm_groups, channels),
            ]
        self.net = Chain(*layers)

    def forward(self, maps: Tensor) -> Tensor:
        """The maps at half their height and width."""
        return self.net(maps)


class ZeroConv(nn.Module):
    """Two 1x1 convolutions over tokens, the second zero at the start so that training begins from no change."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=1)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=1)
        nn.init.zeros_(self.conv2.weight)
        if self.conv2.bias is not None:
            nn.init.zeros_(self.conv2.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., C) to (..., C)."""
        return pointwise(pointwise(tokens, self.conv1, "gelu"), self.conv2)


def _subsample(maps: Tensor) -> Tensor:
    return maps[:, :, POINT_OFFSET::POINT_STRIDE, POINT_OFFSET::POINT_STRIDE]


def _patch_grid(tokens: Tensor, points_world: Tensor) -> tuple[int, int]:
    height, width = points_world.shape[2:4]
    patch = 2 * POINT_STRIDE
    rows, columns = height // patch, width // patch
    if height % patch or width % patch or rows * columns != tokens.shape[2]:
        raise ValueError(
            f"points_world is {tuple(points_world.shape)} and tokens are {tuple(tokens.shape)}: "
            f"one token per {patch} x {patch} pixels is needed"
        )
    return rows, columns

"""Small clouds that the voxel tests share."""

import torch
from torch import Tensor

from amb3r_core.voxel.config import BackendConfig, PointTransformerConfig

TINY = PointTransformerConfig(
    in_channels=16,
    encoder_depths=(1, 3),
    encoder_channels=(8, 16),
    encoder_heads=(2, 2),
    decoder_depths=(2,),
    decoder_channels=(16,),
    decoder_heads=(2,),
    patch_size=8,
    norm_groups=4,
)
TINY_BACKEND = BackendConfig(
    encoder_channels=8, decoder_channels=16, aligner_hidden=16, channels=16, n_injections=4, norm_groups=4, transformer=TINY
)


def random_voxels(n_points: int = 60, n_scenes: int = 2, extent: int = 7, seed: int = 0) -> Tensor:
    """Distinct voxels (V, 4) int64 of all scenes, ordered."""
    generator = torch.Generator().manual_seed(seed)
    cells = torch.randint(0, extent, (n_points, 3), generator=generator)
    scene = torch.arange(n_points)[:, None] * n_scenes // n_points
    return torch.unique(torch.cat([scene, cells], dim=1), dim=0)


def wavy_surface(n_points: int, side: float = 1.0, seed: int = 0) -> Tensor:
    """Points (N, 3) float32 on a bent sheet, as depth maps give them."""
    u, v = (side * torch.rand(2, n_points, generator=torch.Generator().manual_seed(seed))).unbind(0)
    return torch.stack([u - side / 2, v, 1 + 0.2 * torch.sin(4 * u) * torch.cos(3 * v)], dim=1)

"""Known cameras to tokens, and tokens to cameras."""

import torch
from torch import Tensor, nn

from amb3r_core.models.blocks.attention import Block, Mlp
from amb3r_core.models.blocks.pose_encoding import POSE_SIZE
from amb3r_core.models.da3.config import AnyViewConfig


class CameraEncoder(nn.Module):
    """Everything under `cam_enc.`: pose encodings of all views, which see one another, to camera tokens."""

    def __init__(self, config: AnyViewConfig) -> None:
        super().__init__()
        width, camera = config.backbone.width, config.camera
        self.pose_branch = Mlp(POSE_SIZE, width // 2, width)
        self.token_norm = nn.LayerNorm(width)
        self.trunk = nn.Sequential(
            *(
                Block(width, camera.n_heads, mlp_ratio=4, norm_eps=1e-5, qk_norm=False, layer_scale=0.01)
                for _ in range(camera.depth)
            )
        )
        self.trunk_norm = nn.LayerNorm(width)

    def forward(self, poses: Tensor) -> Tensor:
        """Tokens (B, T, C) of pose encodings (B, T, 9), camera to world."""
        return self.trunk_norm(self.trunk(self.token_norm(self.pose_branch(poses))))


class CameraDecoder(nn.Module):
    """Everything under `cam_dec.`: each camera token to a pose encoding."""

    def __init__(self, config: AnyViewConfig) -> None:
        super().__init__()
        width = config.backbone.tap_channels
        self.backbone = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.fc_t = nn.Linear(width, 3)
        self.fc_qvec = nn.Linear(width, 4)
        self.fc_fov = nn.Sequential(nn.Linear(width, 2), nn.ReLU())

    def forward(self, tokens: Tensor) -> Tensor:
        """Pose encodings (B, T, 9), camera to world, of camera tokens (B, T, C)."""
        features = self.backbone(tokens.float())
        return torch.cat([self.fc_t(features), self.fc_qvec(features), self.fc_fov(features)], dim=-1)

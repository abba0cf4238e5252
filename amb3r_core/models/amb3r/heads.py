"""The camera head: pose and field of view of every view, refined over a few rounds across the views."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from amb3r_core.compute.linear import linear
from amb3r_core.models.amb3r.config import ModelConfig
from amb3r_core.models.blocks.attention import Block, Mlp
from amb3r_core.models.blocks.pose_encoding import POSE_SIZE


class CameraHead(nn.Module):
    """Camera tokens of all views to pose encodings, one estimate per round."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, camera = 2 * config.width, config.camera
        self.iterations = camera.iterations
        self.empty_pose_tokens = nn.Parameter(torch.zeros(1, 1, POSE_SIZE))
        self.trunk = nn.Sequential(
            *(
                Block(width, camera.n_heads, mlp_ratio=4, norm_eps=1e-5, qk_norm=False, layer_scale=0.01)
                for _ in range(camera.depth)
            )
        )
        self.token_norm = nn.LayerNorm(width)
        self.trunk_norm = nn.LayerNorm(width)
        self.embed_pose = nn.Linear(POSE_SIZE, width)
        self.poseLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 3 * width))
        self.pose_branch = Mlp(width, width // 2, POSE_SIZE)

    def forward(self, camera_tokens: Tensor) -> Tensor:
        """(B, T, 2C) to the estimates (rounds, B, T, 9) of all rounds, best last; see `pose_encoding` for the layout.

        Translation and rotation are world to camera; the world is the first view's frame, approximately.
        """
        tokens = self.token_norm(camera_tokens.float())
        raw = self.empty_pose_tokens.expand(*tokens.shape[:2], -1)
        total: Tensor | None = None
        estimates: list[Tensor] = []
        for _ in range(self.iterations):
            delta = self._delta(tokens, raw)
            total = delta if total is None else total + delta
            raw = total
            estimates.append(activate_pose(total))
        return torch.stack(estimates)

    def _delta(self, tokens: Tensor, raw: Tensor) -> Tensor:
        modulation = linear(functional.silu(linear(raw, self.embed_pose)), self._modulation)
        shift, scale, gate = modulation.chunk(3, dim=-1)
        plain = functional.layer_norm(tokens, tokens.shape[-1:], eps=1e-6)
        x = self.trunk(tokens + gate * (plain * (1 + scale) + shift))
        return self.pose_branch(self.trunk_norm(x))

    @property
    def _modulation(self) -> nn.Linear:
        layer = self.poseLN_modulation[1]
        assert isinstance(layer, nn.Linear)
        return layer


def activate_pose(raw: Tensor) -> Tensor:
    """Pose encodings (..., 9) of raw ones: a field of view can not be negative, the rest stays."""
    return torch.cat([raw[..., :7], functional.relu(raw[..., 7:])], dim=-1)

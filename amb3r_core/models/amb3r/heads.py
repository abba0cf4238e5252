"""The camera head: pose and field of view of every view, refined over a few rounds across the views."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from amb3r_core.compute.linear import linear
from amb3r_core.models.amb3r.attention import Block, Mlp
from amb3r_core.models.amb3r.config import ModelConfig

POSE_SIZE = 9
"""Translation (3), quaternion xyzw (4), vertical then horizontal field of view in radians (2)."""


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
        """(B, T, 2C) to the estimates (rounds, B, T, 9) of all rounds, best last; see `POSE_SIZE` for the layout.

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


def world_to_cam(pose: Tensor) -> Tensor:
    """[R | t] (..., 3, 4) of pose encodings (..., 9), OpenCV axes; the quaternion may have any length but zero."""
    x, y, z, w = pose[..., 3:7].unbind(-1)
    s = 2.0 / pose[..., 3:7].square().sum(-1)
    rotation = torch.stack(
        [
            1 - s * (y * y + z * z),
            s * (x * y - z * w),
            s * (x * z + y * w),
            s * (x * y + z * w),
            1 - s * (x * x + z * z),
            s * (y * z - x * w),
            s * (x * z - y * w),
            s * (y * z + x * w),
            1 - s * (x * x + y * y),
        ],
        dim=-1,
    ).view(*pose.shape[:-1], 3, 3)
    return torch.cat([rotation, pose[..., :3, None]], dim=-1)


def cam_to_world(pose: Tensor) -> Tensor:
    """Camera-to-world transforms (..., 4, 4) of pose encodings (..., 9)."""
    extrinsic = world_to_cam(pose)
    rotation = extrinsic[..., :3].transpose(-1, -2)
    center = -rotation @ extrinsic[..., 3:]
    last = pose.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*pose.shape[:-1], 1, 4)
    return torch.cat([torch.cat([rotation, center], dim=-1), last], dim=-2)


def intrinsics(pose: Tensor, height: int, width: int) -> Tensor:
    """Pinhole matrices (..., 3, 3) of pose encodings in the network's pixels, principal point (W/2, H/2).

    A field of view of zero gives an infinite focal length.
    """
    fy = (height / 2) / torch.tan(pose[..., 7] / 2)
    fx = (width / 2) / torch.tan(pose[..., 8] / 2)
    zero, one = torch.zeros_like(fx), torch.ones_like(fx)
    cx, cy = one * (width / 2), one * (height / 2)
    entries = [fx, zero, cx, zero, fy, cy, zero, zero, one]
    return torch.stack(entries, dim=-1).view(*pose.shape[:-1], 3, 3)

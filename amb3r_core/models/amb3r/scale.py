"""The metric-scale head: how many metres the network's unit is."""

import torch
from torch import Tensor, nn

from amb3r_core.models.amb3r.config import ScaleConfig

SMALLEST_DEPTH = 1e-8


class ScaleHead(nn.Module):
    """Everything under `metric_scale_projector.`: depth features and encoder tokens of a view to its log median depth."""

    def __init__(self, scale: ScaleConfig, depth_channels: int, token_channels: int) -> None:
        super().__init__()
        cnn_hidden, cnn_out = scale.cnn_channels
        token_hidden, token_out = scale.token_channels
        first, second = scale.joint_channels
        self.depth_cnn_downsampler = nn.Sequential(
            nn.Conv2d(depth_channels, cnn_hidden, kernel_size=3, stride=2, padding=1),
            nn.GroupNorm(scale.norm_groups, cnn_hidden),
            nn.ReLU(),
            nn.Conv2d(cnn_hidden, cnn_out, kernel_size=3, stride=2, padding=1),
            nn.GroupNorm(scale.norm_groups, cnn_out),
            nn.ReLU(),
        )
        self.token_aggregator = nn.Sequential(
            nn.Linear(token_channels, token_hidden), nn.LayerNorm(token_hidden), nn.ReLU(), nn.Linear(token_hidden, token_out)
        )
        self.combined_projector = nn.Sequential(
            nn.Linear(cnn_out + token_out, first),
            nn.LayerNorm(first),
            nn.ReLU(),
            nn.Linear(first, second),
            nn.LayerNorm(second),
            nn.ReLU(),
            nn.Linear(second, 1),
        )

    def depth_vectors(self, depth_features: Tensor) -> Tensor:
        """What the head reads (F, E) of the depth head's features (F, D, h, w)."""
        return self.depth_cnn_downsampler(depth_features).mean((-2, -1))

    def forward(self, depth_vector: Tensor, tokens: Tensor) -> Tensor:
        """Median depth in metres (F,) of views; depth_vector (F, E), tokens (F, L, C) of the encoder."""
        hidden, last = self.token_aggregator[:3], self.token_aggregator[3]
        # The mean over tokens and the last, linear layer commute: average first, then multiply once per view.
        token_vector = last(torch.cat([hidden(view.float()).mean(1) for view in torch.split(tokens, 1)]))
        return self.combined_projector(torch.cat([depth_vector, token_vector], dim=-1))[:, 0].exp()


def scene_scale(median_depth_m: Tensor, depth: Tensor, valid: Tensor | None = None) -> Tensor:
    """Metres per network unit (B,): the median over views of how far each view's depth is from its median in metres.

    median_depth_m (B, T); depth (B, T, H, W); valid (B, T, H, W) leaves pixels such as padding out of a view's median; a view
    without any has no vote. Medians of an even count are the LOWER middle value, as the published numbers are: of two
    views the smaller scale wins.
    """
    view_medians = _lower_median(depth.flatten(2), None if valid is None else valid.flatten(2))
    return _lower_median(median_depth_m / (view_medians + SMALLEST_DEPTH))


def _lower_median(values: Tensor, valid: Tensor | None = None) -> Tensor:
    """Lower median over the last dimension of the values that are valid and not NaN; NaN where there are none."""
    return (values if valid is None else values.masked_fill(~valid, torch.nan)).nanmedian(-1).values

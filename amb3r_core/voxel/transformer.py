"""A point transformer over sparse voxels: a U of stages that attend along space-filling curves.

After "Point Transformer V3: Simpler, Faster, Stronger", X. Wu et al., CVPR 2024.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from amb3r_core.compute.linear import linear
from amb3r_core.voxel.config import PointTransformerConfig
from amb3r_core.voxel.curves import CURVES
from amb3r_core.voxel.layers import Chain
from amb3r_core.voxel.ops import SparseOps
from amb3r_core.voxel.serialization import PatchPlan, Stage, finest_stage

GROUP_NORM_EPS = 1e-3
STEM_KERNEL = 5
BLOCK_KERNEL = 3
ROWS_AT_ONCE = 4096
"""Rows of a wide intermediate held at a time when no gradient is needed; memory only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every layer of one pass needs beside its features."""

    stage: Stage
    ops: SparseOps
    config: PointTransformerConfig


class PointTransformer(nn.Module):
    """Features of voxels that have seen the other voxels of their scene."""

    def __init__(self, config: PointTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = Embedding(config)
        self.enc = nn.ModuleDict()
        self.dec = nn.ModuleDict()
        drops = _linear(config.drop_path, sum(config.encoder_depths))
        for stage, depth in enumerate(config.encoder_depths):
            self.enc[f"enc{stage}"] = _encoder_stage(config, stage, drops[:depth])
            drops = drops[depth:]
        drops = _linear(config.drop_path, sum(config.decoder_depths))
        for stage, depth in enumerate(config.decoder_depths):
            # Blocks run from coarse to fine, and the chance falls along the way.
            self.dec[f"dec{stage}"] = _decoder_stage(config, stage, drops[:depth][::-1])
            drops = drops[depth:]

    def forward(self, index: Tensor, features: Tensor, *, ops: SparseOps, curve_seed: int | None = None) -> Tensor:
        """Features (V, C_out), rows as given, from voxels index (V, 4) = scene, x, y, z and features (V, C_in).

        The index has no row twice. With a curve_seed the curves are shuffled, anew at every stage.
        """
        if not len(index):
            return features.new_zeros(0, self.config.out_channels)
        shuffle = None if curve_seed is None else torch.Generator().manual_seed(curve_seed)
        stages = [finest_stage(index, shuffle)]
        parents: list[Tensor] = []
        skips: list[Tensor] = []
        features = self.embedding(features, self._context(stages[0], ops))
        for level, encoder in enumerate(self.enc.values()):
            if level:
                coarser, parent = stages[-1].pooled(shuffle)
                stages.append(coarser)
                parents.append(parent)
                features = encoder.get_submodule("down")(features, parent, len(coarser.index), ops)
            features = _run_blocks(encoder, features, features, self._context(stages[level], ops))
            skips.append(features)
        for level in reversed(range(len(self.dec))):
            decoder = self.dec[f"dec{level}"]
            features, conv_input = decoder.get_submodule("up")(features, skips[level], parents[level])
            features = _run_blocks(decoder, features, conv_input, self._context(stages[level], ops))
        return features

    def _context(self, stage: Stage, ops: SparseOps) -> Context:
        return Context(stage=stage, ops=ops, config=self.config)


class Embedding(nn.Module):
    """The stem: one wide sparse convolution, its norm and GELU."""

    def __init__(self, config: PointTransformerConfig) -> None:
        super().__init__()
        self.stem = Stem(config)

    def forward(self, features: Tensor, context: Context) -> Tensor:
        """(V, C_in) to (V, C)."""
        return functional.gelu(self.stem.norm(self.stem.conv(features, context)))


class Stem(nn.Module):
    """The stem's two layers, under their published names.

    The group norm sees (V, C): it acts within each voxel, never across them, so their number does not matter.
    """

    def __init__(self, config: PointTransformerConfig) -> None:
        super().__init__()
        channels = config.encoder_channels[0]
        self.conv = SubmanifoldConv(config.in_channels, channels, STEM_KERNEL, bias=False)
        self.norm = nn.GroupNorm(config.norm_groups, channels, eps=GROUP_NORM_EPS)


class SubmanifoldConv(nn.Module):
    """A convolution over occupied voxels; its weight has spconv's layout (C_out, k, k, k, C_in)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, bias: bool) -> None:
        super().__init__()
        shape = (out_channels, kernel_size, kernel_size, kernel_size, in_channels)
        bound = (in_channels * kernel_size**3) ** -0.5
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound)) if bias else None

    def forward(self, features: Tensor, context: Context) -> Tensor:
        """(V, C_in) to (V, C_out)."""
        return context.ops.submanifold_conv(features, self.weight, self.bias, context.stage.sites)


class Block(nn.Module):
    """Convolution, patch attention and MLP, each added to what came in."""

    def __init__(self, channels: int, n_heads: int, mlp_ratio: int, curve_slot: int, drop_path: float) -> None:
        super().__init__()
        self.curve_slot = curve_slot
        self.drop_path = drop_path
        self.cpe = Chain(
            SubmanifoldConv(channels, channels, BLOCK_KERNEL, bias=True),
            nn.Linear(channels, channels),
            nn.LayerNorm(channels),
        )
        self.norm1 = Chain(nn.LayerNorm(channels))
        self.attn = PatchAttention(channels, n_heads)
        self.norm2 = Chain(nn.LayerNorm(channels))
        self.mlp = Chain(Mlp(channels, channels * mlp_ratio))  # like the norms in a container of one, for the published names

    def forward(self, features: Tensor, conv_input: Tensor, context: Context) -> Tensor:
        """(V, C) to (V, C). The convolution reads conv_input, which is not `features` after unpooling."""
        convolved = self.cpe[0](conv_input, context)
        features = features + self.cpe[1:](convolved)
        plan = context.stage.patches(self.curve_slot, context.config.patch_size, context.config.patch_rule)
        features = features + self._dropped(self.attn(self.norm1(features), plan))
        return features + self._dropped(self.mlp(self.norm2(features)))

    def _dropped(self, branch: Tensor) -> Tensor:
        """In training the branch without some points' rows, the others scaled up to keep the mean."""
        if not self.training or not self.drop_path:
            return branch
        kept = torch.rand(len(branch), 1, device=branch.device) >= self.drop_path
        return branch * kept / (1 - self.drop_path)


class PatchAttention(nn.Module):
    """Self-attention among the voxels of a patch, a stretch of a space-filling curve."""

    def __init__(self, channels: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, features: Tensor, plan: PatchPlan) -> Tensor:
        """(V, C) to (V, C)."""
        attended = torch.cat([self._attend(features[patches]) for patches in plan.chunks(ROWS_AT_ONCE)])
        return attended[plan.place]

    def _attend(self, patches: Tensor) -> Tensor:
        qkv = torch.unflatten(linear(patches, self.qkv), -1, (3, self.n_heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return linear(mixed.transpose(1, 2).flatten(2), self.proj).flatten(0, 1)


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, features: Tensor) -> Tensor:
        """(V, C) to (V, C)."""
        parts = [linear(linear(part, self.fc1, "gelu"), self.fc2) for part in torch.split(features, ROWS_AT_ONCE)]
        return torch.cat(parts)


class Pooling(nn.Module):
    """Voxels of twice the size: a linear layer, then the maximum over the voxels that merge."""

    def __init__(self, in_channels: int, out_channels: int, norm_groups: int) -> None:
        super().__init__()
        self.proj = nn.Linear(in_channels, out_channels)
        self.norm = Chain(nn.GroupNorm(norm_groups, out_channels, eps=GROUP_NORM_EPS))

    def forward(self, features: Tensor, parent: Tensor, n_parents: int, ops: SparseOps) -> Tensor:
        """(V, C_in) to (V', C_out); parent (V,) is the row each voxel merges into."""
        return functional.gelu(self.norm(ops.reduce(linear(features, self.proj), parent, n_parents, "max")))


class Unpooling(nn.Module):
    """Features of a finer stage: those of the coarser voxel around it plus those that skipped the U."""

    def __init__(self, config: PointTransformerConfig, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first_conv_input = config.first_conv_input
        self.proj = _linear_norm_gelu(in_channels, out_channels, config.norm_groups)
        self.proj_skip = _linear_norm_gelu(skip_channels, out_channels, config.norm_groups)

    def forward(self, features: Tensor, skip: Tensor, parent: Tensor) -> tuple[Tensor, Tensor]:
        """(V', C_in) and (V, C_skip) to the features (V, C_out), and what the next convolution reads (V, C_out)."""
        skipped = self.proj_skip(skip)
        total = self.proj(features)[parent] + skipped
        return total, skipped if self.first_conv_input == "skip" else total


def _run_blocks(stage: nn.Module, features: Tensor, conv_input: Tensor, context: Context) -> Tensor:
    for name, block in stage.named_children():
        if name.startswith("block"):
            features = conv_input = block(features, conv_input, context)
    return features


def _encoder_stage(config: PointTransformerConfig, stage: int, drops: list[float]) -> nn.ModuleDict:
    channels = config.encoder_channels[stage]
    modules = nn.ModuleDict()
    if stage:
        modules["down"] = Pooling(config.encoder_channels[stage - 1], channels, config.norm_groups)
    return _with_blocks(modules, channels, config.encoder_heads[stage], config.mlp_ratio, drops)


def _decoder_stage(config: PointTransformerConfig, stage: int, drops: list[float]) -> nn.ModuleDict:
    channels = config.decoder_channels[stage]
    coarser = (*config.decoder_channels, config.encoder_channels[-1])[stage + 1]
    modules = nn.ModuleDict({"up": Unpooling(config, coarser, config.encoder_channels[stage], channels)})
    return _with_blocks(modules, channels, config.decoder_heads[stage], config.mlp_ratio, drops)


def _with_blocks(modules: nn.ModuleDict, channels: int, n_heads: int, mlp_ratio: int, drops: list[float]) -> nn.ModuleDict:
    for i, drop in enumerate(drops):
        modules[f"block{i}"] = Block(channels, n_heads, mlp_ratio, i % len(CURVES), drop)
    return modules


def _linear_norm_gelu(in_channels: int, out_channels: int, norm_groups: int) -> Chain:
    norm = nn.GroupNorm(norm_groups, out_channels, eps=GROUP_NORM_EPS)
    return Chain(nn.Linear(in_channels, out_channels), norm, nn.GELU())


def _linear(highest: float, n_steps: int) -> list[float]:
    return [highest * i / max(1, n_steps - 1) for i in range(n_steps)]

"""The transformer block that encoders, decoders and camera heads share, with rotary positions in two dimensions."""

from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from amb3r_core.compute.linear import linear

ROPE_BASE = 100.0
MLP_ROWS_PER_CHUNK = 8192
"""Tokens an MLP works on at a time when no gradient is kept: bounds the hidden layer's memory, the same numbers."""


class LayerScale(nn.Module):
    """A learned factor per channel on a residual branch."""

    def __init__(self, channels: int, initial: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), initial))

    def add(self, x: Tensor, branch: Tensor) -> Tensor:
        """x + gamma * branch, written into x when no gradient is kept."""
        if torch.is_grad_enabled():
            return torch.addcmul(x, branch.to(x.dtype), self.gamma)
        return x.addcmul_(branch.to(x.dtype), self.gamma)


class Mlp(nn.Module):
    """Linear, exact GELU, linear."""

    def __init__(self, channels: int, hidden: int, out_channels: int | None = None) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, out_channels or channels)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C_out)."""
        rows = x.flatten(0, -2)
        if torch.is_grad_enabled() or rows.shape[0] <= MLP_ROWS_PER_CHUNK:
            return self._rows(x)
        chunks = [self._rows(chunk) for chunk in torch.split(rows, MLP_ROWS_PER_CHUNK)]
        return torch.cat(chunks).view(*x.shape[:-1], -1)

    def _rows(self, x: Tensor) -> Tensor:
        return linear(linear(x, self.fc1, activation="gelu"), self.fc2)


class GatedMlp(nn.Module):
    """SwiGLU (arXiv 2002.05202, eq. 6): one linear layer for a gate and a value, their product, and a linear layer back."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.w12 = nn.Linear(channels, 2 * hidden)
        self.w3 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C)."""
        gate, value = linear(x, self.w12).chunk(2, dim=-1)
        return linear(functional.silu(gate) * value, self.w3)


FeedForward = Literal["gelu", "swiglu"]


def feed_forward(kind: FeedForward, channels: int, mlp_ratio: int) -> Mlp | GatedMlp:
    """A block's second half; the gated one's hidden layer is two thirds as wide, in steps of 8, as in DINOv2's largest."""
    hidden = mlp_ratio * channels
    return Mlp(channels, hidden) if kind == "gelu" else GatedMlp(channels, -(-(2 * hidden // 3) // 8) * 8)


class Turning(Protocol):
    """What gives queries and keys (S, L, heads, C) a position."""

    def apply(self, x: Tensor, /) -> Tensor: ...


class Attention(nn.Module):
    """Multi-head softmax attention over the tokens of one sequence, optionally with normalised queries and keys."""

    def __init__(self, channels: int, n_heads: int, *, qk_norm: bool) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        head_channels = channels // n_heads
        self.q_norm = nn.LayerNorm(head_channels) if qk_norm else None
        self.k_norm = nn.LayerNorm(head_channels) if qk_norm else None

    def forward(self, x: Tensor, rotation: Turning | None = None) -> Tensor:
        """(S, L, C) to (S, L, C), each of the S sequences by itself."""
        n_sequences, length, channels = x.shape
        qkv = linear(x, self.qkv).view(n_sequences, length, 3, self.n_heads, -1)
        query = self._prepared(qkv[:, :, 0], self.q_norm, rotation)
        key = self._prepared(qkv[:, :, 1], self.k_norm, rotation)
        dtype = attention_dtype(qkv)
        # The CPU's kernel is a fifth faster, copies included, where the tokens of a head lie together.
        query, key, value = (tensor.to(dtype).transpose(1, 2).contiguous() for tensor in (query, key, qkv[:, :, 2]))
        del qkv
        attended = functional.scaled_dot_product_attention(query, key, value)
        return linear(attended.transpose(1, 2).reshape(n_sequences, length, channels), self.proj)

    def _prepared(self, x: Tensor, norm: nn.LayerNorm | None, rotation: Turning | None) -> Tensor:
        if norm is not None:
            x = norm(x.to(norm.weight.dtype))
        return x if rotation is None else rotation.apply(x)


def attention_dtype(x: Tensor) -> torch.dtype:
    """The dtype to attend in: that of x, but at least float32 on a CPU without AMX tiles.

    The half-precision kernel there is the slower one: measured at less than half the speed on AVX512-bf16.
    """
    if x.device.type == "cpu" and not torch.cpu._is_amx_tile_supported():  # pyright: ignore[reportPrivateUsage] - has no public name
        return torch.promote_types(x.dtype, torch.float32)
    return x.dtype


class Block(nn.Module):
    """A pre-norm transformer block: attention, then MLP, each scaled per channel and added."""

    def __init__(
        self,
        channels: int,
        n_heads: int,
        *,
        mlp_ratio: int,
        norm_eps: float,
        qk_norm: bool,
        layer_scale: float,
        mlp: FeedForward = "gelu",
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=norm_eps)
        self.attn = Attention(channels, n_heads, qk_norm=qk_norm)
        self.ls1 = LayerScale(channels, layer_scale)
        self.norm2 = nn.LayerNorm(channels, eps=norm_eps)
        self.mlp = feed_forward(mlp, channels, mlp_ratio)
        self.ls2 = LayerScale(channels, layer_scale)

    def forward(self, x: Tensor, rotation: Turning | None = None) -> Tensor:
        """(S, L, C) to (S, L, C); when no gradient is kept, x itself is overwritten with the answer."""
        x = self.ls1.add(x, self.attn(self.norm1(x), rotation))
        return self.ls2.add(x, self.mlp(self.norm2(x)))


class Rotation:
    """Rotary positions of a view's tokens: positions (n, 2), a row and a column each.

    RoFormer (arXiv 2104.09864), eq. 34, once per axis: the first half of a head's channels turns with the row, the second
    with the column; inside a half, channel i is paired with channel i + quarter and turns by position * base^(-i / quarter).
    A position of 0 is no turn.
    """

    def __init__(self, positions: Tensor, head_channels: int) -> None:
        quarter = head_channels // 4
        exponents = torch.arange(quarter, device=positions.device, dtype=torch.float32) / quarter
        frequencies = ROPE_BASE**-exponents
        angles = positions[:, :, None] * frequencies
        self.cos, self.sin = angles.cos(), angles.sin()

    def apply(self, x: Tensor) -> Tensor:
        """x (S, L, heads, channels) turned; L may hold the tokens of several views, one after another."""
        n_sequences, length, n_heads, channels = x.shape
        n_tokens = self.cos.shape[0]
        exact = x.to(torch.promote_types(x.dtype, torch.float32))
        pairs = exact.reshape(n_sequences, length // n_tokens, n_tokens, n_heads, 2, 2, channels // 4)
        turned = pairs * self.cos[:, None, :, None]
        turned[..., 0, :].addcmul_(pairs[..., 1, :], self.sin[:, None], value=-1)
        turned[..., 1, :].addcmul_(pairs[..., 0, :], self.sin[:, None])
        return turned.view(n_sequences, length, n_heads, channels)


def grid_positions(grid: tuple[int, int], special: int, device: torch.device) -> Tensor:
    """(special + rows * columns, 2) float32: row and column of each token, counted from 1, and 0 for special tokens."""
    rows = torch.arange(1, grid[0] + 1, device=device, dtype=torch.float32)
    columns = torch.arange(1, grid[1] + 1, device=device, dtype=torch.float32)
    patches = torch.cartesian_prod(rows, columns)
    return torch.cat([patches.new_zeros(special, 2), patches])

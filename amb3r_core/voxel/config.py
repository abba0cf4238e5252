"""Sizes and faithful oddities of the voxel back end, as frozen values that check themselves."""

from dataclasses import dataclass, field
from typing import Literal

PatchRule = Literal["per_scene", "smallest_scene"]
"""How attention patches are sized when scenes of one batch differ in size.

"per_scene" gives every scene patches of the full size, as the kernels used to train the published
weights do. "smallest_scene" shrinks all patches to the smallest scene of the batch, as the published
fall-back without those kernels does: the answer for a scene then depends on its neighbours in the batch.
"""

FirstConvInput = Literal["skip", "sum"]
"""What the first convolution of a decoder stage reads after unpooling.

"skip": the skip branch alone, because the published code updates the features but not the sparse tensor
beside them, and the weights were trained that way. "sum": the features themselves, the mended behaviour.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointTransformerConfig:
    """A U-shaped point transformer over voxels; stage 0 is the finest. The defaults are the published sizes.

    `*_depths`, `*_channels` and `*_heads` have one entry per stage; the decoder has one stage less than
    the encoder, and its stage 0 gives the output.
    """

    in_channels: int = 1024
    encoder_depths: tuple[int, ...] = (2, 2, 2, 6, 2)
    encoder_channels: tuple[int, ...] = (128, 128, 128, 256, 512)
    encoder_heads: tuple[int, ...] = (2, 4, 8, 16, 32)
    decoder_depths: tuple[int, ...] = (2, 2, 2, 2)
    decoder_channels: tuple[int, ...] = (1024, 256, 128, 256)
    decoder_heads: tuple[int, ...] = (32, 8, 8, 16)
    patch_size: int = 64
    mlp_ratio: int = 4
    norm_groups: int = 32
    drop_path: float = 0.3
    """Largest chance, at the deepest block, that a point skips a residual branch; in training only."""
    patch_rule: PatchRule = "per_scene"
    first_conv_input: FirstConvInput = "skip"

    def __post_init__(self) -> None:
        _check_stages("encoder", self.encoder_depths, self.encoder_channels, self.encoder_heads, self.norm_groups)
        _check_stages("decoder", self.decoder_depths, self.decoder_channels, self.decoder_heads, self.norm_groups)
        if len(self.decoder_depths) != len(self.encoder_depths) - 1:
            raise ValueError(
                f"{len(self.encoder_depths)} encoder stages need {len(self.encoder_depths) - 1} decoder stages, "
                f"not {len(self.decoder_depths)}"
            )
        if not 0 <= self.drop_path < 1:
            raise ValueError(f"drop_path is a chance in [0, 1), not {self.drop_path}")

    @property
    def out_channels(self) -> int:
        """Channels of the features that come out, one row per voxel."""
        return self.decoder_channels[0] if self.decoder_channels else self.encoder_channels[0]


def _check_stages(name: str, depths: tuple[int, ...], channels: tuple[int, ...], heads: tuple[int, ...], groups: int) -> None:
    if not len(depths) == len(channels) == len(heads):
        raise ValueError(f"{name} depths, channels and heads differ in length: {depths}, {channels}, {heads}")
    for width, n_heads in zip(channels, heads, strict=True):
        if width % n_heads or width % groups:
            raise ValueError(f"{name} width {width} must divide by its {n_heads} heads and by {groups} norm groups")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendConfig:
    """The whole back end: aligner, voxels, point transformer, down-sampling and the injection layers."""

    encoder_channels: int = 1024
    decoder_channels: int = 2048
    aligner_hidden: int = 1536
    channels: int = 1024
    """Width of the decoder's tokens, and of everything injected into them."""
    n_injections: int = 48
    norm_groups: int = 32
    voxel_size: float = 0.01
    """Edge of a voxel in the network's own, non-metric units."""
    n_neighbours: int = 16
    transformer: PointTransformerConfig = field(default_factory=PointTransformerConfig)

    def __post_init__(self) -> None:
        if self.transformer.in_channels != self.channels or self.transformer.out_channels != self.channels:
            raise ValueError(
                f"the point transformer maps {self.transformer.in_channels} to {self.transformer.out_channels} "
                f"channels, but the back end is {self.channels} wide"
            )
        if self.channels % self.norm_groups:
            raise ValueError(f"channels {self.channels} must divide by norm_groups {self.norm_groups}")
        if not self.voxel_size > 0:
            raise ValueError(f"voxel_size must be positive, not {self.voxel_size}")

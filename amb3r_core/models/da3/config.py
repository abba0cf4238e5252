"""Sizes of the published networks, as frozen values that check themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from amb3r_core.models.blocks.attention import FeedForward
from amb3r_core.models.blocks.config import DenseHeadConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneConfig:
    """The vision transformer: a DINOv2 without registers, whose later blocks may see all views."""

    width: int
    n_heads: int
    depth: int
    taps: tuple[int, int, int, int]
    """Blocks whose output the dense head reads."""
    joint_from: int | None
    """From this block on every odd block sees all views, queries and keys are normalised and have positions; None: never."""
    mlp: FeedForward = "gelu"
    mlp_ratio: int = 4
    patch_size: int = 14
    grid: int = 37
    """Side, in patches, of the square grid that the position embedding was made for."""

    def __post_init__(self) -> None:
        if self.width % (4 * self.n_heads):
            raise ValueError(f"width {self.width} must divide by 4 * n_heads = {4 * self.n_heads} (rotary positions)")
        if list(self.taps) != sorted(set(self.taps)) or self.taps[-1] >= self.depth:
            raise ValueError(f"taps {self.taps} must ascend and stay below the depth {self.depth}")
        if self.joint_from is not None and not all(self.is_joint(tap) for tap in self.taps):
            raise ValueError(f"taps {self.taps} must be blocks that see all views: odd, from {self.joint_from} on")

    def is_joint(self, block: int) -> bool:
        """Whether a block sees all views at once."""
        return self.joint_from is not None and block >= self.joint_from and block % 2 == 1

    @property
    def tap_channels(self) -> int:
        """Channels of a tapped feature: with joint blocks the last per-view feature stands before the joint one."""
        return self.width if self.joint_from is None else 2 * self.width


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraConfig:
    """The transformer that turns known cameras into camera tokens."""

    depth: int = 4
    n_heads: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyViewConfig:
    """A network that places any number of views and gives their depth, in a unit of its own."""

    backbone: BackboneConfig
    dense: DenseHeadConfig
    camera: CameraConfig = field(default_factory=CameraConfig)
    gaussian_channels: int | None = None
    """Outputs of the published head for Gaussian splats, whose parameters are carried and never used; None: it has none."""

    def __post_init__(self) -> None:
        if self.backbone.joint_from is None:
            raise ValueError("a network of any views needs blocks that see all of them: `joint_from`")


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleViewConfig:
    """A network that gives the depth of one view, and where its sky is."""

    backbone: BackboneConfig
    dense: DenseHeadConfig

    def __post_init__(self) -> None:
        if self.backbone.joint_from is not None:
            raise ValueError("a network of single views has no blocks that see several: `joint_from` must be None")


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedConfig:
    """An any-view network with a single-view one beside it that tells metres and sky."""

    any_view: AnyViewConfig
    metric: SingleViewConfig


Da3Config = AnyViewConfig | SingleViewConfig | NestedConfig


def branches(config: Da3Config) -> list[AnyViewConfig | SingleViewConfig]:
    """The networks inside a network."""
    return [config.any_view, config.metric] if isinstance(config, NestedConfig) else [config]


Variant = Literal["da3-small", "da3-base", "da3-large", "da3-giant", "da3-metric", "da3-mono", "da3-nested"]

WIDE = DenseHeadConfig(features=256, out_channels=(256, 512, 1024, 1024))
SMALL = AnyViewConfig(
    backbone=BackboneConfig(width=384, n_heads=6, depth=12, taps=(5, 7, 9, 11), joint_from=4),
    dense=DenseHeadConfig(features=64, out_channels=(48, 96, 192, 384)),
)
BASE = AnyViewConfig(
    backbone=BackboneConfig(width=768, n_heads=12, depth=12, taps=(5, 7, 9, 11), joint_from=4),
    dense=DenseHeadConfig(features=128, out_channels=(96, 192, 384, 768)),
)
LARGE = AnyViewConfig(
    backbone=BackboneConfig(width=1024, n_heads=16, depth=24, taps=(11, 15, 19, 23), joint_from=8),
    dense=WIDE,
)
GIANT = AnyViewConfig(
    backbone=BackboneConfig(width=1536, n_heads=24, depth=40, taps=(19, 27, 33, 39), joint_from=13, mlp="swiglu"),
    dense=WIDE,
    gaussian_channels=38,
)
SINGLE = SingleViewConfig(
    backbone=BackboneConfig(width=1024, n_heads=16, depth=24, taps=(4, 11, 17, 23), joint_from=None),
    dense=WIDE,
)
"""The size of both METRIC-LARGE and MONO-LARGE, which differ in what they were trained for."""
NESTED = NestedConfig(any_view=GIANT, metric=SINGLE)

CONFIGS: Mapping[Variant, Da3Config] = {
    "da3-small": SMALL,
    "da3-base": BASE,
    "da3-large": LARGE,
    "da3-giant": GIANT,
    "da3-metric": SINGLE,
    "da3-mono": SINGLE,
    "da3-nested": NESTED,
}


def tiny_any_view(*, gaussian_channels: int | None = None, mlp: FeedForward = "gelu") -> AnyViewConfig:
    """The any-view network with a few thousand parameters, for tests."""
    return AnyViewConfig(
        backbone=BackboneConfig(width=32, n_heads=2, depth=10, taps=(3, 5, 7, 9), joint_from=2, mlp=mlp, mlp_ratio=2, grid=5),
        dense=DenseHeadConfig(features=16, out_channels=(8, 8, 16, 16), hidden=8),
        camera=CameraConfig(depth=1, n_heads=2),
        gaussian_channels=gaussian_channels,
    )


def tiny_single_view() -> SingleViewConfig:
    """The single-view network with a few thousand parameters, for tests."""
    return SingleViewConfig(
        backbone=BackboneConfig(width=32, n_heads=2, depth=4, taps=(0, 1, 2, 3), joint_from=None, mlp_ratio=2, grid=5),
        dense=DenseHeadConfig(features=16, out_channels=(8, 8, 16, 16), hidden=8),
    )

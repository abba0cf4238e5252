"""Sizes and faithful oddities of the AMB3R network, as frozen values that check themselves."""

from dataclasses import dataclass, field

from amb3r_core.models.blocks.config import DenseHeadConfig
from amb3r_core.voxel.config import BackendConfig, PointTransformerConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """Oddities of the published code that its weights were trained with. Each is True by default and mended by False.

    Those of the voxel back end are in `amb3r_core.voxel.config`. One has no flag because nobody reads it: the published
    code also overwrites the first pass's encoder tokens with those of the second pass.
    """

    relu_overwrites_residual: bool = True
    """The dense head's residual units add relu(x) instead of x, because their first ReLU works in place on x."""
    frame_taps_see_global_injection: bool = True
    """The frame half of a tapped feature includes what is injected before the next global block, as they share memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraConfig:
    """The camera head: a small transformer across the views, iterated."""

    depth: int = 4
    n_heads: int = 16
    iterations: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleConfig:
    """The metric-scale head: widths of its two branches and of the layers that join them."""

    cnn_channels: tuple[int, int] = (256, 512)
    token_channels: tuple[int, int] = (2048, 512)
    joint_channels: tuple[int, int] = (1024, 256)
    norm_groups: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The whole network; the defaults are the published size (`LARGE`)."""

    patch_size: int = 14
    width: int = 1024
    n_heads: int = 16
    mlp_ratio: int = 4
    encoder_depth: int = 24
    encoder_grid: int = 37
    """Side, in patches, of the square grid that the encoder's position embedding was made for."""
    n_registers: int = 4
    decoder_depth: int = 24
    """Pairs of one frame block and one global block."""
    taps: tuple[int, int, int, int] = (4, 11, 17, 23)
    """Decoder pairs whose output the dense heads read."""
    camera: CameraConfig = field(default_factory=CameraConfig)
    dense: DenseHeadConfig = field(default_factory=DenseHeadConfig)
    scale: ScaleConfig | None = field(default_factory=ScaleConfig)
    """None: no metric-scale head, as in a checkpoint of the front end alone."""
    backend: BackendConfig | None = field(default_factory=BackendConfig)
    """None: no back end, as in a checkpoint of the front end alone."""
    quirks: Quirks = field(default_factory=Quirks)
    has_track_head: bool = True
    """Carry the published point tracker's parameters, which nothing calls, so that a checkpoint stays whole."""

    def __post_init__(self) -> None:
        if self.width % (4 * self.n_heads):
            raise ValueError(f"width {self.width} must divide by 4 * n_heads = {4 * self.n_heads} (rotary positions)")
        if (2 * self.width) % self.camera.n_heads:
            raise ValueError(f"the camera head's width {2 * self.width} must divide by its {self.camera.n_heads} heads")
        if list(self.taps) != sorted(set(self.taps)) or self.taps[-1] != self.decoder_depth - 1:
            raise ValueError(f"taps {self.taps} must ascend and end at the last pair, {self.decoder_depth - 1}")
        if self.backend is not None:
            self._check_backend(self.backend)

    def _check_backend(self, backend: BackendConfig) -> None:
        wanted = (self.width, 2 * self.width, self.width, 2 * self.decoder_depth)
        given = (backend.encoder_channels, backend.decoder_channels, backend.channels, backend.n_injections)
        if given != wanted:
            raise ValueError(
                f"the back end's encoder channels, decoder channels, channels and injections are {given}: "
                f"a decoder of width {self.width} and depth {self.decoder_depth} needs {wanted}"
            )

    @property
    def n_special_tokens(self) -> int:
        """Tokens of a view before its patches: the camera and the registers."""
        return 1 + self.n_registers


LARGE = ModelConfig()
"""The published size: 1.56 billion parameters."""

FRONT_END = ModelConfig(scale=None, backend=None)
"""The published front end alone, as in a VGGT-1B checkpoint: no metric scale, no second pass."""


def tiny_config(*, quirks: Quirks | None = None) -> ModelConfig:
    """The same network with a few thousand times fewer parameters, for tests and for trying out training."""
    width = 64
    return ModelConfig(
        width=width,
        n_heads=4,
        mlp_ratio=2,
        encoder_depth=2,
        encoder_grid=5,
        decoder_depth=4,
        taps=(0, 1, 2, 3),
        camera=CameraConfig(depth=1, n_heads=4, iterations=2),
        dense=DenseHeadConfig(features=32, out_channels=(16, 16, 32, 32), hidden=8),
        scale=ScaleConfig(cnn_channels=(32, 32), token_channels=(32, 32), joint_channels=(32, 16)),
        backend=BackendConfig(
            encoder_channels=width,
            decoder_channels=2 * width,
            aligner_hidden=width,
            channels=width,
            n_injections=8,
            transformer=PointTransformerConfig(
                in_channels=width,
                encoder_depths=(1, 1),
                encoder_channels=(32, 32),
                encoder_heads=(2, 2),
                decoder_depths=(1,),
                decoder_channels=(width,),
                decoder_heads=(2,),
                mlp_ratio=2,
            ),
        ),
        quirks=quirks or Quirks(),
        has_track_head=False,
    )

"""Sizes of the shared parts, as frozen values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseHeadConfig:
    """A DPT head that turns four tapped features into a map per pixel."""

    features: int = 256
    out_channels: tuple[int, int, int, int] = (256, 512, 1024, 1024)
    hidden: int = 32
    """Channels of the last hidden layer, at full resolution."""
    frames_per_chunk: int = 1
    """Views processed at a time: memory only, the same numbers."""

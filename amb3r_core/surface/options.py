"""The choices of a mesh. Needs no other package, so that the command line starts at once."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

from amb3r_core.errors import OptionError
from amb3r_core.options import DEFAULT_KEEP, Keep

Quality = Literal["preview", "normal", "high"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceOptions:
    """What the surface is made of and how it is finished."""

    keep: Keep = DEFAULT_KEEP
    """How much depth is used."""
    quality: Quality = "normal"
    """Presets of voxel size, faces and smoothing."""
    voxel_size: float | None = None
    """Edge in scene units; None: by quality and data."""
    depth_max: float | None = None
    """Farther depth is left out, scene units."""
    smooth: int | None = None
    """Passes of Taubin smoothing; None: by quality."""
    faces: int | None = None
    """Triangles left by decimation; None: by quality, 0: all."""
    close_holes: float | None = None
    """Widest hole that is closed, scene units; None: 12 voxels, 0: none."""
    watertight: bool = False
    """A closed surface by Poisson reconstruction."""
    memory_limit_gb: float = 2.0
    """Of the voxel grid; voxels grow until it fits, also where their size was asked for."""

    def __post_init__(self) -> None:
        for name in ("voxel_size", "depth_max", "memory_limit_gb"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value > 0):
                raise OptionError(f"`{name}` must be positive and finite: {value}", option=name)
        for name in ("smooth", "faces", "close_holes"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value >= 0):
                raise OptionError(f"`{name}` must be 0 or more: {value}", option=name)

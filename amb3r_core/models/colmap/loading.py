"""How the registry loads the model `colmap`."""

from typing import TYPE_CHECKING

from amb3r_core.models.registry import ModelOptions
from amb3r_core.optional import require
from amb3r_core.progress import Monitor

if TYPE_CHECKING:
    from amb3r_core.models.colmap.model import ColmapModel


def load(options: ModelOptions, monitor: Monitor) -> "ColmapModel":
    """The model; nothing is read or downloaded."""
    require("pycolmap", extra="", purpose="for the model colmap")  # first, so that a stop works during the rest
    from amb3r_core.models.colmap.model import ColmapConfig, ColmapModel

    default = ColmapConfig()
    config = ColmapConfig(long_side_px=options.long_side_px or default.long_side_px, seed=options.seed, device=options.device)
    return ColmapModel(config, options.scratch)


def missing(options: ModelOptions) -> str | None:
    """None: this model can always run."""
    return None

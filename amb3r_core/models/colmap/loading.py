"""How the registry loads the model `colmap`."""

from amb3r_core.compute.stopping import keep_own_stop
from amb3r_core.models.colmap.model import ColmapConfig, ColmapModel
from amb3r_core.models.registry import ModelOptions
from amb3r_core.progress import Monitor


def load(options: ModelOptions, monitor: Monitor) -> ColmapModel:
    """The model; nothing is read or downloaded."""
    keep_own_stop()
    default = ColmapConfig()
    config = ColmapConfig(long_side_px=options.long_side_px or default.long_side_px, seed=options.seed, device=options.device)
    return ColmapModel(config, options.scratch)


def missing(options: ModelOptions) -> str | None:
    """None: this model can always run."""
    return None

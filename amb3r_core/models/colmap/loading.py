"""How the registry loads the model `colmap`."""

from collections.abc import Sequence

from amb3r_core.compute.stopping import keep_own_stop
from amb3r_core.models.colmap.estimate import estimate_colmap
from amb3r_core.models.colmap.model import ColmapConfig, ColmapModel
from amb3r_core.models.registry import Estimate, ModelOptions
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


def estimate(options: ModelOptions, sizes: Sequence[tuple[int, int]], is_ordered: bool) -> Estimate:
    """What a job over pictures of these (width, height) will take."""
    return estimate_colmap(sizes, options.long_side_px or ColmapConfig().long_side_px, is_ordered)

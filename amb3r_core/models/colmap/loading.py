"""How the registry loads the model `colmap`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from amb3r_core.errors import DependencyError, WeightsError
from amb3r_core.models.colmap.estimate import estimate_colmap
from amb3r_core.models.registry import Estimate, ModelOptions
from amb3r_core.optional import require
from amb3r_core.progress import Monitor

if TYPE_CHECKING:
    from amb3r_core.models.colmap.model import ColmapModel


def load(options: ModelOptions, monitor: Monitor) -> "ColmapModel":
    """The model; nothing is read or downloaded."""
    require("pycolmap", extra="", purpose="for the model colmap")  # first, so that a stop works during the rest
    from amb3r_core.models.colmap.model import ColmapConfig, ColmapModel

    default = ColmapConfig()
    config = ColmapConfig(
        long_side_px=options.long_side_px or default.long_side_px,
        seed=options.seed,
        device=options.device,
        features=options.features,
    )
    return ColmapModel(config, options.scratch)


def missing(options: ModelOptions) -> str | None:
    """What the features lack that were asked for; without them this model can always run."""
    if options.features in ("auto", "sift"):
        return None
    from amb3r_core.models.colmap.sfm.learned.weights import check_learned

    try:
        check_learned(options.features)
    except (DependencyError, WeightsError) as error:
        return str(error)
    return None


def estimate(options: ModelOptions, sizes: Sequence[tuple[int, int]], is_ordered: bool) -> Estimate:
    """What a job over pictures of these (width, height) will take."""
    from amb3r_core.models.colmap.model import ColmapConfig

    return estimate_colmap(sizes, options.long_side_px or ColmapConfig().long_side_px, is_ordered)

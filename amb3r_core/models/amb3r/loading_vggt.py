"""How the registry loads the network's front end with a VGGT-1B checkpoint."""

from collections.abc import Sequence

from amb3r_core.models.amb3r.config import FRONT_END
from amb3r_core.models.amb3r.loading import load_network
from amb3r_core.models.amb3r.model import Amb3rModel
from amb3r_core.models.amb3r.weights import missing_weights
from amb3r_core.models.registry import ModelOptions
from amb3r_core.progress import Monitor


def load(options: ModelOptions, monitor: Monitor) -> Amb3rModel:
    """The front end in the asked precision on the asked device; raises `WeightsError`."""
    return load_network("vggt", FRONT_END, options, monitor)


def missing(options: ModelOptions) -> str | None:
    """Which weights are missing and how to get them."""
    return missing_weights("vggt", options.weights)


def estimate(options: ModelOptions, sizes: Sequence[tuple[int, int]], is_ordered: bool) -> None:
    """None: `amb3r plan` tells the network's memory; its time was measured on too few machines to be promised."""

"""How the registry loads the network: all of it with AMB3R's weights, or its front end with VGGT's."""

from collections.abc import Sequence

import torch

from amb3r_core.errors import WeightsError
from amb3r_core.models.amb3r.amb3r import Amb3rNetwork
from amb3r_core.models.amb3r.config import LARGE, ModelConfig
from amb3r_core.models.amb3r.memory import Load, naming_levers
from amb3r_core.models.amb3r.model import PUBLISHED_LONG_SIDE_PX, Amb3rModel
from amb3r_core.models.amb3r.precision import set_dtype
from amb3r_core.models.amb3r.weights import Kind, find_weights, load_weights, missing_weights
from amb3r_core.models.blocks.memory import available_bytes, require_room
from amb3r_core.models.blocks.precision import choose_dtype
from amb3r_core.models.registry import ModelOptions
from amb3r_core.progress import Monitor, Progress


def load(options: ModelOptions, monitor: Monitor) -> Amb3rModel:
    """The whole network in the asked precision on the asked device; raises `WeightsError`."""
    return load_network("amb3r", LARGE, options, monitor)


def missing(options: ModelOptions) -> str | None:
    """Which weights are missing and how to get them."""
    return missing_weights("amb3r", options.weights)


def load_network(kind: Kind, config: ModelConfig, options: ModelOptions, monitor: Monitor) -> Amb3rModel:
    """A network of this size with the weights of that kind; it holds each weight once, mapped from the file where it can be.

    Raises `WeightsError`, and `ResourceError` when not even one view would fit beside the weights.
    """
    record = find_weights(kind, options.weights)
    if record.kind != kind:
        raise WeightsError(f'{record.path} holds {record.kind} weights: load them with `model="{record.kind}"`', option="model")
    monitor(Progress(stage="load model", message=f"{record.name}, licence: {record.licence}"))
    device = torch.device(options.device)
    dtype, memory_bytes = choose_dtype(options.dtype, device), available_bytes(device)
    side = options.long_side_px or PUBLISHED_LONG_SIDE_PX
    one = Load(n_views=1, height=side, width=side, dtype=dtype, device=device, use_backend=options.backend, config=config)
    require_room(kind, one, memory_bytes)
    with torch.device("meta"):
        network = Amb3rNetwork(config)
    info = load_weights(network, record, commercial_ok=options.commercial_ok)
    if not options.backend:
        network.backend = None  # mapped weights that nothing reads cost nothing, but on a GPU they would
    set_dtype(network, dtype)
    with naming_levers(network, kind, n_views=1):
        network = network.to(device)
    return Amb3rModel(network, name=kind, weights=info, long_side_px=options.long_side_px, memory_bytes=memory_bytes)


def estimate(options: ModelOptions, sizes: Sequence[tuple[int, int]], is_ordered: bool) -> None:
    """None: `amb3r plan` tells the network's memory; its time was measured on too few machines to be promised."""

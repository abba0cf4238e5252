"""How the registry loads the network: all of it with AMB3R's weights, or its front end with VGGT's."""

from dataclasses import replace

import torch

from amb3r_core.models.amb3r.amb3r import Amb3rNetwork
from amb3r_core.models.amb3r.config import LARGE, ModelConfig
from amb3r_core.models.amb3r.model import Amb3rModel
from amb3r_core.models.amb3r.precision import choose_dtype, set_dtype
from amb3r_core.models.amb3r.weights import Kind, find_weights, load_weights, missing_weights
from amb3r_core.models.registry import ModelOptions
from amb3r_core.progress import Monitor, Progress

FRONT_END = replace(LARGE, scale=None, backend=None)
"""What a VGGT-1B checkpoint fills."""


def load(options: ModelOptions, monitor: Monitor) -> Amb3rModel:
    """The whole network in the asked precision on the asked device; raises `WeightsError`."""
    return load_network("amb3r", LARGE, options, monitor)


def missing(options: ModelOptions) -> str | None:
    """Which weights are missing and how to get them."""
    return missing_weights("amb3r", options.weights)


def load_network(kind: Kind, config: ModelConfig, options: ModelOptions, monitor: Monitor) -> Amb3rModel:
    """A network of this size with the weights of that kind; it holds each weight once, mapped from the file where it can be."""
    record = find_weights(kind, options.weights)
    monitor(Progress(stage="load model", message=f"{record.name}, licence: {record.licence}"))
    device = torch.device(options.device)
    dtype = choose_dtype(options.dtype, device)
    with torch.device("meta"):
        network = Amb3rNetwork(config)
    info = load_weights(network, record, commercial_ok=options.commercial_ok)
    set_dtype(network, dtype)
    return Amb3rModel(network.to(device), name=kind, weights=info, use_backend=options.backend, long_side_px=options.long_side_px)

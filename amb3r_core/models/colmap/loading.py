"""How the registry loads the model `colmap`."""

import signal
import threading

from amb3r_core.models.colmap.model import ColmapConfig, ColmapModel
from amb3r_core.models.registry import ModelOptions
from amb3r_core.progress import Monitor


def load(options: ModelOptions, monitor: Monitor) -> ColmapModel:
    """The model; nothing is read or downloaded."""
    on_terminate = signal.getsignal(signal.SIGTERM)
    if on_terminate is not None and threading.current_thread() is threading.main_thread():
        # importing pycolmap takes SIGTERM over, to print a stack; the program's own way to stop comes back
        signal.signal(signal.SIGTERM, on_terminate)
    default = ColmapConfig()
    config = ColmapConfig(long_side_px=options.long_side_px or default.long_side_px, seed=options.seed, device=options.device)
    return ColmapModel(config, options.scratch)


def missing(options: ModelOptions) -> str | None:
    """None: this model can always run."""
    return None

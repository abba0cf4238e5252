"""Opening a published checkpoint that the user has; nothing is fetched."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from amb3r_core.errors import WeightsError
from amb3r_core.models.amb3r.weights_files import check_tensors, file_digest, read_tensors
from amb3r_core.models.blocks.memory import available_bytes, lever_sentence, require_room, running_out_named
from amb3r_core.models.blocks.precision import choose_dtype
from amb3r_core.models.da3.config import CONFIGS, Variant
from amb3r_core.models.da3.heads import GaussianHead
from amb3r_core.models.da3.manifest import published_tensors
from amb3r_core.models.da3.memory import Da3Load
from amb3r_core.models.da3.model import PUBLISHED_LONG_SIDE_PX, Da3Model
from amb3r_core.models.da3.network import Da3Network
from amb3r_core.models.da3.precision import set_dtype
from amb3r_core.options import DtypeName
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.reconstruction import WeightsInfo

APACHE, NON_COMMERCIAL = "Apache-2.0", "CC BY-NC 4.0: non-commercial use only"
LICENCES: Mapping[Variant, str] = {
    "da3-small": APACHE,
    "da3-base": APACHE,
    "da3-large": NON_COMMERCIAL,
    "da3-giant": NON_COMMERCIAL,
    "da3-metric": APACHE,
    "da3-mono": APACHE,
    "da3-nested": NON_COMMERCIAL,
}
"""What the authors publish each network's weights under, as their package lists it."""


def open_checkpoint(
    path: Path,
    variant: Variant,
    *,
    device: str = "cpu",
    dtype: DtypeName = "auto",
    long_side_px: int | None = None,
    commercial_ok: bool = False,
    monitor: Monitor = silent,
) -> Da3Model:
    """The network of a published .safetensors file, in the asked precision on the asked device, its weights mapped from the file.

    variant: METRIC-LARGE's and MONO-LARGE's files hold the same tensors, so that the file can not say which it is. commercial_ok:
    refuse weights that may not be used commercially. Raises `WeightsError` when the file does not hold exactly the published
    tensors, and `ResourceError` when not even one view would fit beside them.
    """
    licence = LICENCES[variant]
    if commercial_ok and licence != APACHE:
        raise WeightsError(f"`commercial_ok=True`: {variant} is refused, its licence does not allow it ({licence})")
    tensors = read_tensors(path)
    check_tensors(tensors, published_tensors(variant), str(path))
    place, config = torch.device(device), CONFIGS[variant]
    chosen, memory_bytes, side = choose_dtype(dtype, place), available_bytes(place), long_side_px or PUBLISHED_LONG_SIDE_PX
    one = Da3Load(n_views=1, height=side, width=side, dtype=chosen, device=place, config=config)
    require_room(variant, one, memory_bytes)
    with torch.device("meta"):
        network = Da3Network(config)
    network.load_state_dict(tensors, strict=True, assign=True)
    _drop_unused(network)
    set_dtype(network, chosen)
    with running_out_named(variant, lambda: lever_sentence(place, chosen, 1)):
        network = network.to(place)
    weights = WeightsInfo(name=path.stem, sha256=file_digest(path, monitor), licence=licence, source=str(path))
    return Da3Model(network, config, variant=variant, weights=weights, long_side_px=long_side_px, memory_bytes=memory_bytes)


def _drop_unused(network: Da3Network) -> None:
    """Lets go of the Gaussian head, whose mapped weights cost nothing until they are moved to a device."""
    for module in network.modules():
        if isinstance(getattr(module, "gs_head", None), GaussianHead):
            setattr(module, "gs_head", nn.Identity())  # noqa: B010 - not a field of every module

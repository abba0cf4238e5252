"""Which device the work runs on."""

import torch

from amb3r_core.errors import InputError


def choose_device(wish: str) -> str:
    """The torch device name for "auto" (CUDA, then MPS, then the CPU) or the one asked for; `InputError` if it is not there."""
    if wish == "auto":
        return available_devices()[0]
    try:
        device = torch.device(wish)
    except RuntimeError:
        raise InputError(_not_here(wish, "no such device"), option="device") from None
    if device.type not in {torch.device(name).type for name in available_devices()}:
        raise InputError(_not_here(wish, "not available"), option="device")
    return wish


def _not_here(wish: str, why: str) -> str:
    return f'`device="{wish}"`: {why}; here there are {", ".join(available_devices())}'


def available_devices() -> list[str]:
    """Names of the devices that work here, fastest first; the CPU is always the last."""
    devices: list[str] = []
    if torch.cuda.is_available():
        devices += [f"cuda:{index}" if index else "cuda" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]

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
        raise InputError(f"--device {wish}: no such device; here there are {', '.join(available_devices())}") from None
    if device.type not in {torch.device(name).type for name in available_devices()}:
        raise InputError(f"--device {wish}: not available; here there are {', '.join(available_devices())}")
    return wish


def available_devices() -> list[str]:
    """Names of the devices that work here, fastest first; the CPU is always the last."""
    devices: list[str] = []
    if torch.cuda.is_available():
        devices += [f"cuda:{index}" if index else "cuda" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]

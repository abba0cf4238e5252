"""`amb3r doctor`: what this installation can do."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import platform, python_version

from amb3r_core.cli.screen import print_table

CORE_PACKAGES = ("numpy", "torch", "pycolmap", "pillow", "av", "trimesh", "safetensors", "tyro", "rich")
EXTRAS = {
    "heic": ("pillow-heif",),
    "cuda": ("spconv-cu120",),
    "fetch": ("huggingface_hub", "gdown"),
    "nerfstudio": ("nerfstudio",),
    "gsplat": ("gsplat",),
    "open3d": ("open3d",),
    "ray": ("ray",),
}

CPU_BUILD = (
    "the CPU build does the same and saves gigabytes; choose CPU in the install selector on PyTorch's site, then pip install ."
)
"""What to tell on a machine that holds CUDA's libraries for nothing."""


def doctor() -> None:
    """Versions, devices, extras and weights of this installation."""
    from amb3r_core._version import __version__
    from amb3r_core.compute.devices import available_devices
    from amb3r_core.jobs.job import model_options
    from amb3r_core.models.registry import model_states
    from amb3r_core.options import ReconstructOptions

    rows = {"amb3r": __version__, "python": f"{python_version()} on {platform()}"}
    rows |= {package: _version(package) or "MISSING" for package in CORE_PACKAGES}
    rows["devices"] = ", ".join(available_devices())
    rows["torch build"] = _torch_build(available_devices())
    for extra, packages in EXTRAS.items():
        found = {package: _version(package) for package in packages}
        told = ", ".join(f"{package} {number}" for package, number in found.items() if number)
        rows[f"extra {extra}"] = told or f'not installed: pip install "amb3r[{extra}]"'
    for name, state in model_states(model_options(ReconstructOptions(), Path())).items():
        rows[f"model {name}"] = state
    print_table("", rows)


def _torch_build(devices: Sequence[str]) -> str:
    """Which processors the installed torch was built for, and advice where none of its GPUs is here."""
    import torch

    if torch.version.hip is not None:
        return f"ROCm {torch.version.hip}"
    if torch.version.cuda is None:
        return "without CUDA"
    if any(device.startswith("cuda") for device in devices):
        return f"CUDA {torch.version.cuda}"
    return f"CUDA {torch.version.cuda}, but no CUDA GPU is here: {CPU_BUILD}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

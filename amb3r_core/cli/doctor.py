"""`amb3r doctor`: what this installation can do."""

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
    for extra, packages in EXTRAS.items():
        found = {package: _version(package) for package in packages}
        told = ", ".join(f"{package} {number}" for package, number in found.items() if number)
        rows[f"extra {extra}"] = told or f'not installed: pip install "amb3r[{extra}]"'
    for name, state in model_states(model_options(ReconstructOptions(), Path())).items():
        rows[f"model {name}"] = state
    print_table("", rows)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

"""Photos or a video in, a 3D scene in metres out. Public names are resolved on first use (PEP 562)."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amb3r_core.api import reconstruct
    from amb3r_core.errors import Amb3rError
    from amb3r_core.export import export_scene
    from amb3r_core.export.scene_dir import load_scene, save_scene
    from amb3r_core.fusion import FusionConfig, fuse
    from amb3r_core.progress import Cancelled, Monitor, Progress
    from amb3r_core.scene import (
        Crop,
        Dense,
        PinholeCamera,
        PointCloud,
        Provenance,
        Reconstruction,
        Scale,
        View,
    )

_HOMES = {
    "reconstruct": "api",
    "Amb3rError": "errors",
    "export_scene": "export",
    "load_scene": "export.scene_dir",
    "save_scene": "export.scene_dir",
    "FusionConfig": "fusion",
    "fuse": "fusion",
    "Cancelled": "progress",
    "Monitor": "progress",
    "Progress": "progress",
    "Crop": "scene",
    "Dense": "scene",
    "PinholeCamera": "scene",
    "PointCloud": "scene",
    "Provenance": "scene",
    "Reconstruction": "scene",
    "Scale": "scene",
    "View": "scene",
}

__all__ = [
    "Amb3rError",
    "Cancelled",
    "Crop",
    "Dense",
    "FusionConfig",
    "Monitor",
    "PinholeCamera",
    "PointCloud",
    "Progress",
    "Provenance",
    "Reconstruction",
    "Scale",
    "View",
    "export_scene",
    "fuse",
    "load_scene",
    "reconstruct",
    "save_scene",
]

try:
    __version__ = version("amb3r")
except PackageNotFoundError:  # the sources were put on the path without being installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'amb3r_core' has no attribute {name!r}")
    return getattr(import_module(f"amb3r_core.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

"""Photos or a video in, a 3D scene in metres out. Public names are resolved on first use (PEP 562)."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amb3r_core._version import __version__ as __version__
    from amb3r_core.errors import Amb3rError
    from amb3r_core.export import export_scene
    from amb3r_core.export.scene_dir import load_scene, save_scene
    from amb3r_core.jobs.api import reconstruct
    from amb3r_core.progress import Cancelled, Monitor, Progress
    from amb3r_core.scene.camera import Camera, Letterbox, PinholeCamera
    from amb3r_core.scene.cloud import PointCloud
    from amb3r_core.scene.fusion import FusionConfig, fuse
    from amb3r_core.scene.lens import Lens
    from amb3r_core.scene.reconstruction import Dense, Provenance, Reconstruction, Scale, View

_HOMES = {
    "__version__": "_version",
    "reconstruct": "jobs.api",
    "Amb3rError": "errors",
    "export_scene": "export",
    "load_scene": "export.scene_dir",
    "save_scene": "export.scene_dir",
    "FusionConfig": "scene.fusion",
    "fuse": "scene.fusion",
    "Cancelled": "progress",
    "Monitor": "progress",
    "Progress": "progress",
    "Camera": "scene.camera",
    "Lens": "scene.lens",
    "Letterbox": "scene.camera",
    "Dense": "scene.reconstruction",
    "PinholeCamera": "scene.camera",
    "PointCloud": "scene.cloud",
    "Provenance": "scene.reconstruction",
    "Reconstruction": "scene.reconstruction",
    "Scale": "scene.reconstruction",
    "View": "scene.reconstruction",
}

__all__ = [
    "Amb3rError",
    "Camera",
    "Cancelled",
    "Dense",
    "FusionConfig",
    "Lens",
    "Letterbox",
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


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'amb3r_core' has no attribute {name!r}")
    return getattr(import_module(f"amb3r_core.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

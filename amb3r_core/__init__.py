"""Photos or a video in, a 3D scene in metres out. Public names are resolved on first use (PEP 562).

Everything a host needs for a job is here. Beside it hosts import the pure functions of `amb3r_core.scene`, the formats of
`amb3r_core.export`, and `amb3r_core.cli.host` for a command of their own; a contract in `pyproject.toml` holds that.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amb3r_core._version import __version__ as __version__
    from amb3r_core.errors import (
        AlignmentError,
        Amb3rError,
        DependencyError,
        FormatError,
        InputError,
        RegistrationError,
        ResourceError,
        WeightsError,
    )
    from amb3r_core.export import export_scene
    from amb3r_core.export.scene_dir import SCENE_FILE, load_cloud, load_scene, save_scene
    from amb3r_core.inputs.exif import PhotoFacts
    from amb3r_core.inputs.images import Frame, FrameList, frames_from_arrays, open_photos
    from amb3r_core.inputs.masks import with_masks
    from amb3r_core.inputs.ordering import looks_like_walk
    from amb3r_core.inputs.pixels import load_rgb
    from amb3r_core.inputs.video import is_video
    from amb3r_core.jobs.api import reconstruct
    from amb3r_core.jobs.job import ReconstructionJob, reconstructed
    from amb3r_core.optional import require
    from amb3r_core.options import FocalAndCentre, GpsScale, Keep, MeasuredDistance, PosesScale, ReconstructOptions
    from amb3r_core.progress import Cancelled, Monitor, Progress, silent, track
    from amb3r_core.scene.camera import Camera, Letterbox, PinholeCamera
    from amb3r_core.scene.cloud import PointCloud
    from amb3r_core.scene.fusion import FusionConfig, fuse
    from amb3r_core.scene.geometry import Sim3
    from amb3r_core.scene.lens import Lens
    from amb3r_core.scene.pose_trust import pose_line, pose_word, standing_out, trust_told
    from amb3r_core.scene.reconstruction import Dense, Provenance, Reconstruction, Scale, View
    from amb3r_core.scene.trust import Cut, cut_of, kept
    from amb3r_core.storage.staging import as_resource_errors, claimed, staged_file, staged_folder
    from amb3r_core.surface.files import MESH_SUFFIXES, check_mesh_suffix, write_mesh_file
    from amb3r_core.surface.make import make_surface
    from amb3r_core.surface.mesh import Texture, TriangleMesh
    from amb3r_core.surface.options import SurfaceOptions
    from amb3r_core.surface.sheet import write_sheet
    from amb3r_core.surface.texture import TextureOptions, textured

_HOMES = {
    "__version__": "_version",
    "AlignmentError": "errors",
    "Amb3rError": "errors",
    "DependencyError": "errors",
    "FormatError": "errors",
    "InputError": "errors",
    "RegistrationError": "errors",
    "ResourceError": "errors",
    "WeightsError": "errors",
    "export_scene": "export",
    "SCENE_FILE": "export.scene_dir",
    "load_cloud": "export.scene_dir",
    "load_scene": "export.scene_dir",
    "save_scene": "export.scene_dir",
    "PhotoFacts": "inputs.exif",
    "Frame": "inputs.images",
    "FrameList": "inputs.images",
    "frames_from_arrays": "inputs.images",
    "open_photos": "inputs.images",
    "with_masks": "inputs.masks",
    "looks_like_walk": "inputs.ordering",
    "load_rgb": "inputs.pixels",
    "is_video": "inputs.video",
    "reconstruct": "jobs.api",
    "ReconstructionJob": "jobs.job",
    "reconstructed": "jobs.job",
    "require": "optional",
    "FocalAndCentre": "options",
    "GpsScale": "options",
    "Keep": "options",
    "MeasuredDistance": "options",
    "PosesScale": "options",
    "ReconstructOptions": "options",
    "Cancelled": "progress",
    "Monitor": "progress",
    "Progress": "progress",
    "Camera": "scene.camera",
    "Lens": "scene.lens",
    "silent": "progress",
    "track": "progress",
    "Letterbox": "scene.camera",
    "PinholeCamera": "scene.camera",
    "PointCloud": "scene.cloud",
    "FusionConfig": "scene.fusion",
    "fuse": "scene.fusion",
    "Sim3": "scene.geometry",
    "pose_line": "scene.pose_trust",
    "pose_word": "scene.pose_trust",
    "standing_out": "scene.pose_trust",
    "trust_told": "scene.pose_trust",
    "Dense": "scene.reconstruction",
    "Provenance": "scene.reconstruction",
    "Reconstruction": "scene.reconstruction",
    "Scale": "scene.reconstruction",
    "View": "scene.reconstruction",
    "Cut": "scene.trust",
    "cut_of": "scene.trust",
    "kept": "scene.trust",
    "as_resource_errors": "storage.staging",
    "claimed": "storage.staging",
    "staged_file": "storage.staging",
    "staged_folder": "storage.staging",
    "MESH_SUFFIXES": "surface.files",
    "check_mesh_suffix": "surface.files",
    "write_mesh_file": "surface.files",
    "make_surface": "surface.make",
    "Texture": "surface.mesh",
    "TriangleMesh": "surface.mesh",
    "SurfaceOptions": "surface.options",
    "write_sheet": "surface.sheet",
    "TextureOptions": "surface.texture",
    "textured": "surface.texture",
}

__all__ = [
    "MESH_SUFFIXES",
    "SCENE_FILE",
    "AlignmentError",
    "Amb3rError",
    "Camera",
    "Cancelled",
    "Cut",
    "Dense",
    "DependencyError",
    "FocalAndCentre",
    "FormatError",
    "Frame",
    "FrameList",
    "FusionConfig",
    "GpsScale",
    "InputError",
    "Keep",
    "Lens",
    "Letterbox",
    "MeasuredDistance",
    "Monitor",
    "PhotoFacts",
    "PinholeCamera",
    "PointCloud",
    "PosesScale",
    "Progress",
    "Provenance",
    "ReconstructOptions",
    "Reconstruction",
    "ReconstructionJob",
    "RegistrationError",
    "ResourceError",
    "Scale",
    "Sim3",
    "SurfaceOptions",
    "Texture",
    "TextureOptions",
    "TriangleMesh",
    "View",
    "WeightsError",
    "as_resource_errors",
    "check_mesh_suffix",
    "claimed",
    "cut_of",
    "export_scene",
    "frames_from_arrays",
    "fuse",
    "is_video",
    "kept",
    "load_cloud",
    "load_rgb",
    "load_scene",
    "looks_like_walk",
    "make_surface",
    "open_photos",
    "pose_line",
    "pose_word",
    "reconstruct",
    "reconstructed",
    "require",
    "save_scene",
    "silent",
    "staged_file",
    "staged_folder",
    "standing_out",
    "textured",
    "track",
    "trust_told",
    "with_masks",
    "write_mesh_file",
    "write_sheet",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'amb3r_core' has no attribute {name!r}")
    return getattr(import_module(f"amb3r_core.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

"""Reconstruct photos or a video inside an Open3D script, and go on with Open3D's own objects.

    import amb3r_open3d as a3

    scene = a3.Reconstruct()("photos/")
    mesh = (a3.MaskDepth() >> a3.FuseTSDF() >> a3.CleanMesh())(scene)

Public names are resolved on first use (PEP 562), so that importing this package does not import Open3D.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from amb3r_core import require

if TYPE_CHECKING:
    from amb3r_open3d.align import AlignTo, AlignToOptions, KnownDistance
    from amb3r_open3d.alignment import Alignment
    from amb3r_open3d.clean import CleanMesh, CleanMeshOptions
    from amb3r_open3d.convert import from_open3d, scene_from_rgbd, to_open3d
    from amb3r_open3d.dataset import read_dataset, write_dataset
    from amb3r_open3d.failures import EmptyMeshError
    from amb3r_open3d.mask import MaskDepth, MaskDepthOptions
    from amb3r_open3d.mesh_files import write_mesh
    from amb3r_open3d.pictures import Rendering, can_render, render, screenshot
    from amb3r_open3d.reconstruct import Reconstruct, SceneOptions
    from amb3r_open3d.refine import RefinePoses, RefinePosesOptions
    from amb3r_open3d.scene import Scene
    from amb3r_open3d.stage import Pipeline, Stage
    from amb3r_open3d.tsdf import FuseTSDF, FuseTSDFOptions
    from amb3r_open3d.viewer import frusta, show

_HOMES = {
    "AlignTo": "align",
    "AlignToOptions": "align",
    "Alignment": "alignment",
    "CleanMesh": "clean",
    "CleanMeshOptions": "clean",
    "EmptyMeshError": "failures",
    "FuseTSDF": "tsdf",
    "FuseTSDFOptions": "tsdf",
    "KnownDistance": "align",
    "MaskDepth": "mask",
    "MaskDepthOptions": "mask",
    "Pipeline": "stage",
    "Reconstruct": "reconstruct",
    "RefinePoses": "refine",
    "RefinePosesOptions": "refine",
    "Rendering": "pictures",
    "Scene": "scene",
    "SceneOptions": "reconstruct",
    "Stage": "stage",
    "can_render": "pictures",
    "from_open3d": "convert",
    "frusta": "viewer",
    "read_dataset": "dataset",
    "render": "pictures",
    "scene_from_rgbd": "convert",
    "screenshot": "pictures",
    "show": "viewer",
    "to_open3d": "convert",
    "write_dataset": "dataset",
    "write_mesh": "mesh_files",
}

__all__ = [
    "AlignTo",
    "AlignToOptions",
    "Alignment",
    "CleanMesh",
    "CleanMeshOptions",
    "EmptyMeshError",
    "FuseTSDF",
    "FuseTSDFOptions",
    "KnownDistance",
    "MaskDepth",
    "MaskDepthOptions",
    "Pipeline",
    "Reconstruct",
    "RefinePoses",
    "RefinePosesOptions",
    "Rendering",
    "Scene",
    "SceneOptions",
    "Stage",
    "can_render",
    "from_open3d",
    "frusta",
    "read_dataset",
    "render",
    "scene_from_rgbd",
    "screenshot",
    "show",
    "to_open3d",
    "write_dataset",
    "write_mesh",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'amb3r_open3d' has no attribute {name!r}")
    require("open3d", extra="open3d", purpose="for every stage of amb3r_open3d")
    return getattr(import_module(f"amb3r_open3d.{home}"), name)


def __dir__() -> list[str]:
    return list(__all__)

"""What `python -m amb3r_open3d` takes: the core's options, and what to make of the scene. Needs no Open3D."""

from dataclasses import dataclass
from pathlib import Path

from amb3r_core import ReconstructOptions


@dataclass(frozen=True, kw_only=True)
class BatchOptions(ReconstructOptions):
    """All of the core's choices; one device serves both."""

    device: str = "CPU:0"
    """Open3D's device: CPU:0, CUDA:0. The reconstruction runs there too, and with CPU:0 where it is fastest."""


@dataclass(frozen=True, kw_only=True)
class BatchOutputs:
    """What is made of the scene."""

    mesh: Path | None = None
    """Mesh to write: .ply, .obj, .glb, .stl or .usdz."""
    dataset: Path | None = None
    """Folder to write that Open3D's reconstruction examples read."""
    splats: Path | None = None
    """3D Gaussians to write: .ply, .splat or .spz (needs Open3D 0.20)."""
    points: Path | None = None
    """Point cloud to write: .ply or .pcd."""
    screenshot: Path | None = None
    """Sheet of pictures of the mesh, rendered without a window (.png); needs --mesh."""
    scene: Path | None = None
    """Scene folder to keep the reconstruction in."""
    voxel_size: float | None = None
    """Edge of a voxel in scene units; from the data when not given."""
    min_component: float = 0.0003
    """Pieces of the mesh with a smaller share of all triangles are dropped."""
    view: bool = False
    """Open a window with the result and the cameras."""
    overwrite: bool = False
    """Replace outputs that are there already."""

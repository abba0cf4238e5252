"""A scene folder and the user's options in, a mesh file and a picture of it out."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from amb3r_core.errors import InputError, OptionError
from amb3r_core.export.scene_dir import load_scene
from amb3r_core.optional import require
from amb3r_core.progress import Monitor, Progress, silent
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.surface.files import check_mesh_suffix, mesh_files, write_mesh_file
from amb3r_core.surface.make import check_scene, make_surface
from amb3r_core.surface.mesh import TriangleMesh
from amb3r_core.surface.open3d_meshes import open3d_module
from amb3r_core.surface.options import Quality, SurfaceOptions
from amb3r_core.surface.sheet import write_sheet
from amb3r_core.surface.texture import TextureOptions, textured

TEXTURED = (".glb", ".obj", ".usdz")
"""Formats that are given a texture; the vertices of a PLY have colours, an STL has none."""
TEXTURE_SIZES: dict[Quality, int] = {"preview": 2048, "normal": 4096, "high": 8192}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshJob:
    """What to write and how; wrong values, taken outputs and missing packages are refused before any work."""

    output: Path
    """.ply, .glb, .obj, .stl or .usdz."""
    surface: SurfaceOptions = field(default_factory=SurfaceOptions)
    texture: bool = True
    """Whether formats of `TEXTURED` get a texture made of the photos."""
    texture_size: int | None = None
    """Side of the texture in pixels; None: by quality."""
    screenshot: Path | None = None
    """PNG of the mesh under light, from a photo's camera, from the side and from above."""
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_mesh_suffix(self.output)
        if self.screenshot is not None and self.screenshot.suffix.lower() != ".png":
            raise OptionError(f"{self.screenshot}: `screenshot` is written as .png", option="screenshot")
        self.texture_options()
        for target in (*mesh_files(self.output, has_texture=self.has_texture), *filter(None, (self.screenshot,))):
            if target.exists() and not self.overwrite:
                raise InputError(f"{target}: exists already; choose another output or pass `overwrite=True`", option="overwrite")
        open3d_module()
        if self.has_texture:
            require("xatlas", extra="mesh", purpose="to texture a mesh")
        if self.output.suffix.lower() == ".usdz":
            require("pxr", extra="mesh", purpose="to write USDZ")

    @property
    def has_texture(self) -> bool:
        """Whether the file will have a texture."""
        return self.texture and self.output.suffix.lower() in TEXTURED

    def texture_options(self) -> TextureOptions:
        """Of the wanted size."""
        size = TEXTURE_SIZES[self.surface.quality] if self.texture_size is None else self.texture_size
        return TextureOptions(size=size)


def run_mesh_job(scene: Path, job: MeshJob, monitor: Monitor = silent) -> tuple[Reconstruction, dict[str, str]]:
    """Makes, textures and writes the mesh of a scene folder; the scene, and rows to show: what was written."""
    reconstruction = load_scene(scene)
    check_scene(reconstruction)
    mesh, report = make_surface(reconstruction, job.surface, monitor)
    if job.has_texture:
        mesh = textured(mesh, reconstruction, job.texture_options(), monitor)
    monitor(Progress(stage="write"))
    files = write_mesh_file(mesh, job.output, reconstruction, overwrite=job.overwrite)
    unit = "m" if reconstruction.scale.is_metric else "scene units"
    rows = {
        "mesh": "\n".join(str(path) for path in files),
        "vertices": f"{len(mesh.vertices):,}",
        "triangles": f"{len(mesh.triangles):,}",
        "size": " x ".join(f"{side:.3g}" for side in np.ptp(mesh.vertices, axis=0).tolist()) + f" {unit}",
        "voxels": f"{report.voxel_size:.3g} {unit}",
        "border": f"{report.n_boundary_edges:,} open edges" if report.n_boundary_edges else "none: the surface is closed",
    }
    if mesh.texture is not None:
        rows["texture"] = _texture_row(mesh)
    if job.screenshot is not None:
        monitor(Progress(stage="screenshot"))
        rows["screenshot"] = str(write_sheet(mesh, job.screenshot, reconstruction, overwrite=job.overwrite))
    return reconstruction, rows


def _texture_row(mesh: TriangleMesh) -> str:
    texture = mesh.texture
    if texture is None:
        return "none"
    height, width, _ = texture.image.shape
    return f"{width} x {height}, {texture.n_unseen / max(len(mesh.triangles), 1):.1%} of the triangles seen by no photo"

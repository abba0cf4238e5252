"""Write an Open3D mesh in the core's formats, whole or not at all."""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

from pathlib import Path
from typing import Any

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from amb3r_core import MESH_SUFFIXES, InputError, TriangleMesh, check_mesh_suffix, write_mesh_file
from amb3r_core.scene.arrays import UInt8
from amb3r_open3d.failures import EmptyMeshError
from amb3r_open3d.scene import Scene

__all__ = ["MESH_SUFFIXES", "check_target", "to_core", "to_open3d", "write_mesh"]


def write_mesh(mesh: o3d.t.geometry.TriangleMesh, path: Path | str, scene: Scene, *, overwrite: bool = False) -> Path:
    """Writes by the suffix, one of `MESH_SUFFIXES`; the path. Raises `InputError`, `EmptyMeshError`, `ResourceError`."""
    path = Path(path)
    check_mesh_suffix(path)
    if "indices" not in mesh.triangle or not len(mesh.triangle.indices):
        raise EmptyMeshError(f"{path}: not written, because the mesh has no triangle")
    return write_mesh_file(to_core(mesh), path, scene.reconstruction, overwrite=overwrite)[0]


def to_core(mesh: o3d.t.geometry.TriangleMesh) -> TriangleMesh:
    """The mesh as the core holds it, with its vertex colours and normals; normals are computed where there are none."""
    if "normals" not in mesh.vertex:
        mesh = mesh.clone().compute_vertex_normals()
    return TriangleMesh(
        vertices=mesh.vertex.positions.cpu().numpy().astype(np.float32),
        triangles=mesh.triangle.indices.cpu().numpy().astype(np.int32),
        normals=mesh.vertex.normals.cpu().numpy().astype(np.float32),
        colors=_colors(mesh),
    )


def to_open3d(mesh: TriangleMesh) -> o3d.t.geometry.TriangleMesh:
    """A mesh of the core as Open3D holds it, with its normals and vertex colours."""
    made = o3d.t.geometry.TriangleMesh(
        o3d.core.Tensor.from_numpy(mesh.vertices), o3d.core.Tensor.from_numpy(mesh.triangles.astype(np.int64))
    )
    made.vertex.normals = o3d.core.Tensor.from_numpy(mesh.normals)
    if mesh.colors is not None:
        made.vertex.colors = o3d.core.Tensor.from_numpy(np.multiply(mesh.colors, np.float32(1 / 255), dtype=np.float32))
    return made


def check_target(path: Path, *, overwrite: bool) -> None:
    """`InputError` now rather than after the work when something is at `path` already."""
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already; choose another output or pass `overwrite=True`", option="overwrite")


def _colors(mesh: o3d.t.geometry.TriangleMesh) -> UInt8 | None:
    """sRGB colours (V, 3) uint8 of the vertices, None when the mesh has none."""
    if "colors" not in mesh.vertex:
        return None
    colors: NDArray[Any] = mesh.vertex.colors.cpu().numpy()
    return colors if colors.dtype == np.uint8 else np.rint(np.clip(colors, 0, 1) * 255).astype(np.uint8)

"""Meshes to Open3D's and back."""

from typing import Any

import numpy as np

from amb3r_core.optional import require
from amb3r_core.surface.mesh import TriangleMesh, mesh_of


def open3d_module() -> Any:
    """Open3D, or the command that installs it."""
    return require("open3d", extra="mesh", purpose="to make a mesh")


def to_open3d(mesh: TriangleMesh) -> Any:
    """An Open3D legacy triangle mesh with normals."""
    o3d = open3d_module()
    legacy = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.vertices.astype(np.float64)), o3d.utility.Vector3iVector(mesh.triangles)
    )
    legacy.vertex_normals = o3d.utility.Vector3dVector(mesh.normals.astype(np.float64))
    return legacy


def from_open3d(legacy: Any) -> TriangleMesh:
    """The mesh of an Open3D legacy triangle mesh, with normals of its triangles and without colours."""
    return mesh_of(np.asarray(legacy.vertices, dtype=np.float32), np.array(legacy.triangles, dtype=np.int32))

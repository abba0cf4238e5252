"""Clean a mesh: drop small pieces, thin it, smooth it."""

from dataclasses import dataclass

import numpy as np
import open3d as o3d

from amb3r_core import InputError
from amb3r_open3d.failures import EmptyMeshError
from amb3r_open3d.stage import Stage
from amb3r_open3d.yaml_options import YamlOptions

Mesh = o3d.t.geometry.TriangleMesh


@dataclass(frozen=True, kw_only=True)
class CleanMeshOptions(YamlOptions):
    """min_component: connected pieces with a smaller share of all triangles are dropped, in [0, 1). target_triangles: quadric
    decimation down to this count, None: keep all. smooth_iterations: passes of Taubin smoothing, which keeps the volume."""

    min_component: float = 0.0003
    target_triangles: int | None = None
    smooth_iterations: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_component < 1.0:
            raise InputError(f"min_component must be in [0, 1): {self.min_component}")
        if self.target_triangles is not None and self.target_triangles < 1:
            raise InputError(f"target_triangles must be positive, or None: {self.target_triangles}")
        if self.smooth_iterations < 0:
            raise InputError(f"smooth_iterations must be 0 or more: {self.smooth_iterations}")


class CleanMesh(Stage[Mesh, Mesh]):
    """A new mesh without small pieces, with vertex normals; the mesh that is given stays as it is.

    >>> len(CleanMesh()(o3d.t.geometry.TriangleMesh.create_box()).triangle.indices)
    12
    """

    def __init__(self, options: CleanMeshOptions | None = None) -> None:
        self.options = options or CleanMeshOptions()

    def __call__(self, data: Mesh, /) -> Mesh:
        if data.is_empty() or "indices" not in data.triangle or not len(data.triangle.indices):
            raise EmptyMeshError("there is no triangle in this mesh to clean")
        device, legacy = data.device, data.to_legacy()
        _drop_small_pieces(legacy, self.options.min_component)
        if not len(legacy.triangles):
            raise EmptyMeshError(f"every piece of the mesh is smaller than min_component {self.options.min_component}")
        if self.options.target_triangles is not None:
            legacy = legacy.simplify_quadric_decimation(self.options.target_triangles)
        if self.options.smooth_iterations:
            legacy = legacy.filter_smooth_taubin(self.options.smooth_iterations)
        legacy.compute_vertex_normals()
        return Mesh.from_legacy(legacy).to(device)


def _drop_small_pieces(mesh: o3d.geometry.TriangleMesh, min_share: float) -> None:
    """Removes, in place, the pieces with less than `min_share` of all triangles."""
    piece_of_triangle, sizes, _ = mesh.cluster_connected_triangles()
    piece, size = np.asarray(piece_of_triangle), np.asarray(sizes)
    mesh.remove_triangles_by_mask((size[piece] < min_share * len(piece)).tolist())
    mesh.remove_unreferenced_vertices()

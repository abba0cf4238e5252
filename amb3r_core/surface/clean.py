"""From the raw surface to one that can be worked on: what nothing speaks for goes, the rest is closed, smoothed and thinned."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32
from amb3r_core.scene.trust import CLOSE
from amb3r_core.scene.visibility import sight
from amb3r_core.surface.agree import TrustedView
from amb3r_core.surface.holes import closed_holes
from amb3r_core.surface.mesh import TriangleMesh, mesh_of
from amb3r_core.surface.open3d_meshes import from_open3d, open3d_module, to_open3d

SPECK = 0.001
"""An island with a smaller share of the largest one's area goes."""
ISLAND = 0.03
"""An island with a smaller share stays only where `ISLAND_TRUST` stands behind it."""
ISLAND_TRUST = 2.0
"""Trust summed over the views that see a vertex, in the middle of an island; at most half of all views."""
POISSON_DEPTHS = (6, 9)
"""Octrees of 64 to 512 cells a side."""


@dataclass(frozen=True, slots=True)
class Support:
    """What stands behind each vertex of a mesh."""

    trust: Float32
    """(V,): trust summed over the views that have their depth there."""
    n_views: int
    """How many views were asked."""


def support_of(mesh: TriangleMesh, views: list[TrustedView]) -> Support:
    """How much trust the views put behind each vertex."""
    trust = np.zeros(len(mesh.vertices), dtype=np.float32)
    for view in views:
        seen = sight(view.sight, mesh.vertices, tolerance=CLOSE)
        column, row = np.rint(seen.pixels).astype(np.intp).T
        trust[seen.index] += np.where(seen.is_seen, view.trust[row, column], np.float32(0))
    return Support(trust, len(views))


def without_weak(mesh: TriangleMesh, support: Support, least_trust: float) -> tuple[TriangleMesh, Support]:
    """The mesh without triangles of which a corner has less trust behind it."""
    strong = support.trust >= least_trust
    return _with_triangles(mesh, support, strong[mesh.triangles].all(axis=1))


def without_islands(mesh: TriangleMesh, support: Support | None = None, *, speck: float = SPECK) -> TriangleMesh:
    """The mesh without connected pieces that are small beside the largest, and little trusted where their support is known."""
    if not len(mesh.triangles):
        return mesh
    piece_of_triangle, _, piece_areas = to_open3d(mesh).cluster_connected_triangles()
    piece, areas = np.asarray(piece_of_triangle), np.asarray(piece_areas)
    stays = areas >= speck * areas.max()
    if support is not None:
        needed = min(ISLAND_TRUST, 0.5 * support.n_views)
        for number in np.flatnonzero(stays & (areas < ISLAND * areas.max())):
            stays[number] = np.median(support.trust[mesh.triangles[piece == number]]) >= needed
    return _with_triangles(mesh, Support(np.zeros(len(mesh.vertices), np.float32), 0), stays[piece])[0]


def smoothed(mesh: TriangleMesh, passes: int) -> TriangleMesh:
    """The mesh after passes of Taubin's smoothing, which keeps volumes."""
    return from_open3d(to_open3d(mesh).filter_smooth_taubin(passes)) if passes else mesh


def decimated(mesh: TriangleMesh, faces: int | None) -> TriangleMesh:
    """The mesh with no more than about `faces` triangles, by quadric error; None: as it is."""
    if faces is None or len(mesh.triangles) <= faces:
        return mesh
    return from_open3d(_whole(to_open3d(mesh).simplify_quadric_decimation(faces)))


def watertight(mesh: TriangleMesh, voxel_size: float) -> TriangleMesh:
    """A closed surface through the mesh's vertices along their normals.

    Kazhdan and Hoppe, "Screened Poisson surface reconstruction", 2013; what leaves the octree's box is closed by lids.
    """
    o3d = open3d_module()
    cloud: Any = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(mesh.vertices.astype(np.float64)))
    cloud.normals = o3d.utility.Vector3dVector(mesh.normals.astype(np.float64))
    extent = float(np.ptp(mesh.vertices, axis=0).max())
    depth = int(np.clip(np.ceil(np.log2(max(extent / voxel_size, 2))), *POISSON_DEPTHS))
    surface, _ = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(cloud, depth=depth, n_threads=1)
    whole = without_islands(from_open3d(surface), speck=1.0)
    return closed_holes(whole, float("inf"))


def _with_triangles(mesh: TriangleMesh, support: Support, stays: NDArray[np.bool_]) -> tuple[TriangleMesh, Support]:
    """The mesh with some of its triangles and the vertices they use."""
    used, renamed = np.unique(mesh.triangles[stays], return_inverse=True)
    triangles = renamed.reshape(-1, 3).astype(np.int32)
    return mesh_of(mesh.vertices[used], triangles), Support(support.trust[used], support.n_views)


def _whole(legacy: Any) -> Any:
    """What decimation leaves, without triangles and vertices that collapsed."""
    legacy.remove_degenerate_triangles()
    legacy.remove_duplicated_triangles()
    legacy.remove_unreferenced_vertices()
    return legacy

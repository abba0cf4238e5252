"""The colour of a mesh's vertices, from the views that see them."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amb3r_core.progress import Monitor, silent, track
from amb3r_core.scene.arrays import Float32, UInt8
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.visibility import DepthView, sight
from amb3r_core.surface.mesh import TriangleMesh
from amb3r_core.surface.open3d_meshes import open3d_module

SAME_SURFACE = 0.01
"""A view sees a vertex where the mesh's own depth there differs by no more than this share."""
SPREADS = 200
"""How often colour passes on to neighbours that no view sees."""
GREY = 128.0


def colored(mesh: TriangleMesh, reconstruction: Reconstruction, monitor: Monitor = silent) -> TriangleMesh:
    """The mesh with vertex colours: the mean of the views that see each one, the frontal and near ones counting more.

    A vertex that no view sees takes its neighbours' colour.
    """
    dense = reconstruction.dense
    if dense is None or not len(mesh.triangles):
        return mesh
    caster = _caster(mesh)
    total = np.zeros((len(mesh.vertices), 4), dtype=np.float32)
    for index in track(range(reconstruction.n_views), monitor, stage="colour", total=reconstruction.n_views):
        view = DepthView.of(reconstruction, index)
        seen = sight(replace(view, depth=_mesh_depth(caster, view)), mesh.vertices, tolerance=SAME_SURFACE)
        visible = seen.index[seen.is_seen]
        column, row = np.rint(seen.pixels[seen.is_seen]).astype(np.intp).T
        toward = reconstruction.cam_to_world[index, :3, 3].astype(np.float32) - mesh.vertices[visible]
        distance = np.linalg.norm(toward, axis=-1)
        cosine = (toward * mesh.normals[visible]).sum(axis=-1) / np.maximum(distance, 1e-12)
        weight = np.maximum(cosine, np.float32(1e-3)) ** 2 / np.maximum(distance, 1e-12) ** 2
        total[visible, :3] += weight[:, None] * np.asarray(dense.rgb[index])[row, column]
        total[visible, 3] += weight
    return replace(mesh, colors=_spread(total, mesh.triangles))


def _caster(mesh: TriangleMesh) -> Any:
    o3d = open3d_module()
    caster = o3d.t.geometry.RaycastingScene()
    caster.add_triangles(o3d.core.Tensor(mesh.vertices), o3d.core.Tensor(mesh.triangles.astype(np.uint32)))
    return caster


def _mesh_depth(caster: Any, view: DepthView) -> Float32:
    """The mesh's depth (H, W) in a view, 0 where nothing is."""
    o3d, camera = open3d_module(), view.camera
    matrix = np.array([[camera.fx, 0, camera.cx + 0.5], [0, camera.fy, camera.cy + 0.5], [0, 0, 1]])
    rays = caster.create_rays_pinhole(
        o3d.core.Tensor(matrix), o3d.core.Tensor(view.world_to_cam), camera.width, camera.height
    )  # rays are one long along the optical axis, so that what they hit lies at its depth
    depth: Float32 = caster.cast_rays(rays)["t_hit"].numpy()
    return np.where(np.isfinite(depth), depth, np.float32(0)).astype(np.float32)


def _spread(total: Float32, triangles: NDArray[np.int32]) -> UInt8:
    """Colours (V, 3) of weighted sums (V, 4), passed on along edges to vertices without any."""
    known = total[:, 3] > 0
    colors = np.where(known[:, None], total[:, :3] / np.where(known, total[:, 3], 1)[:, None], np.float32(GREY))
    start, end = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).T
    for _ in range(SPREADS):
        reaches = known[start] & ~known[end]
        if not reaches.any():
            break
        from_, to = start[reaches], end[reaches]
        count = np.bincount(to, minlength=len(known))
        sums = np.stack([np.bincount(to, colors[from_, axis], minlength=len(known)) for axis in range(3)], axis=-1)
        fresh = count > 0
        colors[fresh] = sums[fresh] / count[fresh, None]
        known |= fresh
    return np.rint(np.clip(colors, 0, 255)).astype(np.uint8)

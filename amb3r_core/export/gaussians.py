"""A 3D Gaussian splat made without training: thin discs on the surfaces, in the INRIA PLY layout.

All properties are float: x y z, nx ny nz, f_dc_0..2, f_rest_0..44 (zero), opacity (logit), scale_0..2 (natural log), rot_0..3
(w x y z). The world's axes stay as they are; the comments say which way is up.
"""

from pathlib import Path

import numpy as np

from amb3r_core.export.notes import comment_lines
from amb3r_core.export.ply import Vertices, write_vertices
from amb3r_core.export.points import ScenePoints
from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.depth_maps import normals_camera
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.visibility import DepthView, sight

SH_C0 = 0.28209479177387814
"""The constant spherical harmonic, 1 / (2 sqrt(pi)): colour = 0.5 + SH_C0 * f_dc."""
MAX_GAUSSIANS = 300_000
DISC_SHARES = (0.55, 0.55, 0.05)
"""Standard deviations along the surface, along it, and across it, as shares of the spacing of the points."""
OPACITY = 0.9
NORMAL_TOLERANCE = 0.02
"""How far the view's depth may be from a point, as a share, for its normal to be the point's."""
N_SH_REST = 45

_NAMES = [
    *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"),
    *(f"f_rest_{index}" for index in range(N_SH_REST)),
    *("opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
]
GAUSSIAN_DTYPE = np.dtype([(name, "<f4") for name in _NAMES])


def export_gaussians(reconstruction: Reconstruction, path: Path, points: ScenePoints | None = None) -> list[Path]:
    """Writes at most `MAX_GAUSSIANS` gaussians, evenly spread over the fused points."""
    points = points or ScenePoints(reconstruction)
    cloud = points.thinned(MAX_GAUSSIANS) if points.are_known else points.required()
    write_vertices(path, gaussian_vertices(cloud, normals_world(reconstruction, cloud)), comment_lines(reconstruction))
    return [path]


def normals_world(reconstruction: Reconstruction, cloud: PointCloud) -> Float32:
    """Unit normals (M, 3) in world coordinates from the depth of the view each point came from.

    Where that view's depth does not have the point, the direction to the camera.
    """
    normals = np.zeros((len(cloud), 3), dtype=np.float32)
    for index, view in enumerate(reconstruction.views):
        rows = np.flatnonzero(cloud.view_index == index)
        points, pose = cloud.points[rows], view.cam_to_world
        to_camera = pose[:3, 3].astype(np.float32) - points
        found = to_camera / np.maximum(np.linalg.norm(to_camera, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        if reconstruction.dense is not None:
            _replace_by_depth_normals(DepthView.of(reconstruction, index), pose, points, found)
        normals[rows] = found
    return normals


def _replace_by_depth_normals(view: DepthView, cam_to_world: Float64, points: Float32, normals: Float32) -> None:
    """Writes into `normals` (M, 3) those that the view's depth map has, in place."""
    sighting = sight(view, points, tolerance=NORMAL_TOLERANCE)
    column, row = np.rint(sighting.pixels).astype(np.intp).T
    sampled = normals_camera(view.camera, view.depth)[row, column] @ cam_to_world[:3, :3].T.astype(np.float32)
    usable = sighting.is_seen & np.isfinite(sampled).all(axis=1)
    normals[sighting.index[usable]] = sampled[usable]


def gaussian_vertices(cloud: PointCloud, normals: Float32) -> Vertices:
    """One gaussian per point: a disc across its normal (M, 3), as large as the spacing (twice the radius)."""
    vertices: Vertices = np.zeros(len(cloud), dtype=GAUSSIAN_DTYPE)
    for column, axis in enumerate("xyz"):
        vertices[axis] = cloud.points[:, column]
        vertices[f"n{axis}"] = normals[:, column]
    colour = (cloud.colors / np.float32(255) - np.float32(0.5)) / np.float32(SH_C0)
    spacing = np.maximum(2.0 * cloud.radius, np.finfo(np.float32).tiny)
    for channel in range(3):
        vertices[f"f_dc_{channel}"] = colour[:, channel]
        vertices[f"scale_{channel}"] = np.log(DISC_SHARES[channel] * spacing)
    vertices["opacity"] = np.log(OPACITY / (1.0 - OPACITY))
    for part, values in enumerate(quaternions_of_normals(normals).T):
        vertices[f"rot_{part}"] = values
    return vertices


def quaternions_of_normals(normals: Float32) -> Float32:
    """Unit quaternions wxyz (M, 4) of the smallest rotations that turn +z into the line of each unit normal (M, 3).

    A disc has no front, so normals that point down are turned round first.
    """
    upward = np.where(normals[:, 2:] < 0, -normals, normals)
    zeros = np.zeros(len(normals), dtype=np.float32)
    quaternions = np.stack([1.0 + upward[:, 2], -upward[:, 1], upward[:, 0], zeros], axis=1)
    return (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).astype(np.float32)

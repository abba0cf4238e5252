"""The scene in Open3D's window: the mesh or the points, and every camera as a wire pyramid over its image."""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

import numpy as np
import open3d as o3d

from amb3r_core.export.glb import FRUSTUM_COLOUR, FRUSTUM_SHARE, frustum
from amb3r_core.scene.geometry import transform_points
from amb3r_open3d.pictures import Geometry
from amb3r_open3d.scene import Scene

_EDGES = np.array([[0, 1], [0, 2], [0, 3], [0, 4], [1, 2], [2, 3], [3, 4], [4, 1]])


def frusta(scene: Scene, size: float | None = None) -> o3d.geometry.LineSet:
    """The cameras as wire pyramids in world coordinates, 5 points and 8 lines each; size: their depth in scene units."""
    size = size or _size(scene)
    points = [transform_points(view.cam_to_world, frustum(view.camera, size)) for view in scene.reconstruction.views]
    edges = [_EDGES + 5 * index for index in range(len(points))]
    lines = o3d.geometry.LineSet(
        o3d.utility.Vector3dVector(np.concatenate(points).astype(np.float64)),
        o3d.utility.Vector2iVector(np.concatenate(edges)),
    )
    lines.paint_uniform_color(FRUSTUM_COLOUR[:3])
    return lines


def show(scene: Scene, geometry: Geometry | None = None, title: str = "AMB3R") -> None:
    """Opens a window with the geometry (the scene's points when there is none) and the cameras; returns when it is closed."""
    legacy = scene.point_cloud_legacy() if geometry is None else geometry
    if isinstance(legacy, o3d.t.geometry.Geometry):
        legacy = legacy.to_legacy()
    o3d.visualization.draw_geometries([legacy, frusta(scene)], window_name=title)


def _size(scene: Scene) -> float:
    if scene.reconstruction.dense is None:
        return 1.0
    depth = np.asarray(scene.dense.depth[:, ::8, ::8])
    return FRUSTUM_SHARE * float(np.quantile(depth[depth > 0], 0.5)) if (depth > 0).any() else 1.0

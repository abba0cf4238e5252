"""The pose graph of a reconstruction: which views see the same, how they stand to each other, and how surely."""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

from collections.abc import Sequence

import numpy as np
import open3d as o3d

from amb3r_core import Reconstruction
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.conventions import invert
from amb3r_core.scene.depth_maps import normals_camera, pixel_footprint
from amb3r_core.scene.visibility import overlapping_views

PoseGraph = o3d.pipelines.registration.PoseGraph
Edge = tuple[int, int]
VIEW_POINTS = 20_000
"""Points of one view that edges are measured with."""
MATCH_FOOTPRINTS = 4.0
"""How far apart two points of different views may be to be one, as a multiple of their spacing."""
OVERLAPS_PER_VIEW = 4


def build_pose_graph(reconstruction: Reconstruction) -> PoseGraph:
    """Camera-to-world nodes, and edges as the reconstruction has them, with information from the matched depth."""
    graph = PoseGraph()
    registration = o3d.pipelines.registration
    for view in reconstruction.views:
        graph.nodes.append(registration.PoseGraphNode(view.cam_to_world))
    if reconstruction.dense is None:
        return graph
    clouds = [view_cloud(reconstruction, index) for index in range(reconstruction.n_views)]
    reach = MATCH_FOOTPRINTS * spacing(reconstruction)
    for source, target in overlap_edges(reconstruction):
        move = source_to_target(reconstruction, source, target)
        information = information_of(clouds[source], clouds[target], reach, move)
        graph.edges.append(registration.PoseGraphEdge(source, target, move, information, uncertain=not _is_next(source, target)))
    return graph


def overlap_edges(reconstruction: Reconstruction) -> list[Edge]:
    """Pairs source < target: views that follow each other, and for each view those that overlap it most."""
    edges = {(index, index + 1) for index in range(reconstruction.n_views - 1)}
    for index, others in enumerate(overlapping_views(reconstruction, OVERLAPS_PER_VIEW)):
        edges |= {(min(index, other), max(index, other)) for other in others}
    return sorted(edges)


def source_to_target(reconstruction: Reconstruction, source: int, target: int) -> Float64:
    """The transform (4, 4) from the source's camera frame to the target's."""
    views = reconstruction.views
    return invert(views[target].cam_to_world) @ views[source].cam_to_world


def view_cloud(reconstruction: Reconstruction, index: int, max_points: int = VIEW_POINTS) -> o3d.geometry.PointCloud:
    """An even grid of at most `max_points` pixels of one view in its camera frame, with colours and normals."""
    dense = reconstruction.dense
    if dense is None:
        raise ValueError("this reconstruction holds cameras only, no dense maps")
    camera, depth = reconstruction.dense_camera(index), np.asarray(dense.depth[index])
    step = max(1, int(np.ceil(np.sqrt(depth.size / max_points))))
    some = (slice(step // 2, None, step), slice(step // 2, None, step))
    points, normals = camera.unproject(depth)[some], normals_camera(camera, depth)[some]
    keep = np.isfinite(points).all(axis=-1) & np.isfinite(normals).all(axis=-1)
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points[keep].astype(np.float64)))
    cloud.normals = o3d.utility.Vector3dVector(normals[keep].astype(np.float64))
    cloud.colors = o3d.utility.Vector3dVector(np.asarray(dense.rgb[index])[some][keep] / 255.0)
    return cloud


def spacing(reconstruction: Reconstruction, max_points: int = VIEW_POINTS) -> float:
    """The median distance between neighbouring points of `view_cloud`, in scene units."""
    dense = reconstruction.dense
    if dense is None:
        raise ValueError("this reconstruction holds cameras only, no dense maps")
    step = max(1, int(np.ceil(np.sqrt(dense.width * dense.height / max_points))))
    medians = [
        float(np.median(pixel_footprint(reconstruction.dense_camera(index), depth[depth > 0])))
        for index, depth in enumerate(np.asarray(dense.depth[:, ::step, ::step]))
        if (depth > 0).any()
    ]
    return step * float(np.median(medians)) if medians else 1.0


def information_of(
    source: o3d.geometry.PointCloud, target: o3d.geometry.PointCloud, reach: float, source_to_target: Float64
) -> Float64:
    """The information matrix (6, 6) of the points within `reach` of each other; zero when there are none."""
    if not len(source.points) or not len(target.points):
        return np.zeros((6, 6))
    registration = o3d.pipelines.registration
    return np.asarray(registration.get_information_matrix_from_point_clouds(source, target, reach, source_to_target))


def node_poses(graph: PoseGraph) -> Float64:
    """The camera-to-world poses (N, 4, 4) of a graph's nodes."""
    return np.array([node.pose for node in _nodes(graph)], dtype=np.float64).reshape(-1, 4, 4)


def _nodes(graph: PoseGraph) -> Sequence[o3d.pipelines.registration.PoseGraphNode]:
    return list(graph.nodes)


def _is_next(source: int, target: int) -> bool:
    return target == source + 1

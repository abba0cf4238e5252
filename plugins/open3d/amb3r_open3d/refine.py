"""Refine poses on the depth and colour of overlapping views: coloured ICP per edge, then Open3D's global optimisation."""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

import logging
from dataclasses import dataclass, replace

import numpy as np
import open3d as o3d

from amb3r_core import InputError, Monitor, Reconstruction, silent, track
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.conventions import rigid
from amb3r_open3d.pose_graph import (
    PoseGraph,
    information_of,
    node_poses,
    overlap_edges,
    source_to_target,
    spacing,
    view_cloud,
)
from amb3r_open3d.scene import Scene
from amb3r_open3d.stage import Stage
from amb3r_open3d.yaml_options import YamlOptions

log = logging.getLogger(__name__)
registration = o3d.pipelines.registration
SPACINGS = 8.0
"""Search distance of the first pass when nobody says, in point spacings."""
LOSS_SHARE = 0.25
"""Residual from which a pair of points counts no more, as a share of the search distance."""


@dataclass(frozen=True, kw_only=True)
class RefinePosesOptions(YamlOptions):
    """max_correspondence_distance: how far matched points may be apart in the first pass, scene units; None: 8 point spacings.
    levels: passes from coarse to fine, each halving that distance. lambda_geometric: weight of shape against colour in [0, 1].
    min_fitness: edges with a smaller share of matched points are left out (unless they follow each other). edge_prune_threshold:
    Open3D's line process drops loop edges below this confidence. max_points: of each view."""

    max_correspondence_distance: float | None = None
    levels: int = 3
    lambda_geometric: float = 0.968
    min_fitness: float = 0.3
    edge_prune_threshold: float = 0.25
    max_iteration: int = 40
    max_points: int = 20_000

    def __post_init__(self) -> None:
        distance = self.max_correspondence_distance
        if distance is not None and not distance > 0:
            raise InputError(f"max_correspondence_distance must be positive, or None: {distance}")
        if self.levels < 1 or self.max_iteration < 1 or self.max_points < 100:
            raise InputError(f"levels and max_iteration must be 1 or more, max_points 100 or more: {self}")
        if not 0 <= self.lambda_geometric <= 1 or not 0 <= self.min_fitness <= 1:
            raise InputError(f"lambda_geometric and min_fitness must be in [0, 1]: {self}")


class RefinePoses(Stage[Scene, Scene]):
    """The same scene with refined camera poses; the first view stays where it is.

    >>> RefinePoses().options.levels
    3
    """

    def __init__(self, options: RefinePosesOptions | None = None, monitor: Monitor = silent) -> None:
        self.options = options or RefinePosesOptions()
        self.monitor = monitor

    def __call__(self, data: Scene, /) -> Scene:
        if len(data) < 2:
            raise InputError("one view alone has no pose to refine against others")
        graph = self.optimised_graph(data)
        return data.with_reconstruction(lambda reconstruction: with_poses(reconstruction, node_poses(graph)))

    def optimised_graph(self, scene: Scene) -> PoseGraph:
        """The pose graph with an ICP result on every edge, optimised."""
        reconstruction, options = scene.reconstruction, self.options
        scene.dense  # noqa: B018 - says so when there is no depth
        clouds = [view_cloud(reconstruction, index, options.max_points) for index in range(len(scene))]
        gap = spacing(reconstruction, options.max_points)
        reach = options.max_correspondence_distance or SPACINGS * gap
        graph = PoseGraph()
        for view in reconstruction.views:
            graph.nodes.append(registration.PoseGraphNode(view.cam_to_world))
        edges = overlap_edges(reconstruction)
        for source, target in track(edges, self.monitor, stage="refine poses", total=len(edges)):
            start = source_to_target(reconstruction, source, target)
            edge = self._edge(source, target, (clouds[source], clouds[target]), start, reach, gap)
            if edge is not None:
                graph.edges.append(edge)
        registration.global_optimization(
            graph,
            registration.GlobalOptimizationLevenbergMarquardt(),
            registration.GlobalOptimizationConvergenceCriteria(),
            registration.GlobalOptimizationOption(
                max_correspondence_distance=reach, edge_prune_threshold=options.edge_prune_threshold, reference_node=0
            ),
        )
        return graph

    def _edge(
        self,
        source: int,
        target: int,
        clouds: tuple[o3d.geometry.PointCloud, o3d.geometry.PointCloud],
        start: Float64,
        reach: float,
        gap: float,
    ) -> "o3d.pipelines.registration.PoseGraphEdge | None":
        """The measured edge; for views that follow each other the given one when ICP fails, else None."""
        is_next = target == source + 1
        move = self._color_icp(clouds, start, reach, gap)
        if move is None:
            log.info("views %d and %d share too little for ICP", source, target)
            if not is_next:
                return None
            move = start
        information = information_of(*clouds, max(reach / 2.0 ** (self.options.levels - 1), gap), move)
        if not information.any():
            if not is_next:
                return None
            information = np.eye(6)
        return registration.PoseGraphEdge(source, target, move, information, uncertain=not is_next)

    def _color_icp(
        self, clouds: tuple[o3d.geometry.PointCloud, o3d.geometry.PointCloud], start: Float64, reach: float, gap: float
    ) -> Float64 | None:
        move = start
        criteria = registration.ICPConvergenceCriteria(max_iteration=self.options.max_iteration)
        source, target = (cloud.voxel_down_sample(gap) for cloud in clouds)
        for level in range(self.options.levels):
            distance = reach / 2.0**level
            # without a robust loss the parts that only one view has pull the pair apart by centimetres
            loss = registration.TukeyLoss(k=LOSS_SHARE * distance)
            estimation = registration.TransformationEstimationForColoredICP(self.options.lambda_geometric, loss)
            try:
                result = registration.registration_colored_icp(source, target, distance, move, estimation, criteria)
            except RuntimeError as error:
                if "No correspondences" not in str(error):
                    raise
                return None
            if level == 0 and result.fitness < self.options.min_fitness:
                return None
            move = np.array(result.transformation)
        return move


def with_poses(reconstruction: Reconstruction, cam_to_world: Float64) -> Reconstruction:
    """The reconstruction with other poses (N, 4, 4), made exact rotations."""
    views = (replace(view, cam_to_world=_made_rigid(pose)) for view, pose in zip(reconstruction.views, cam_to_world, strict=True))
    return replace(reconstruction, views=tuple(views))


def _made_rigid(pose: Float64) -> Float64:
    u, _, vt = np.linalg.svd(pose[:3, :3])
    return rigid(np.asarray(u @ vt, dtype=np.float64), pose[:3, 3])

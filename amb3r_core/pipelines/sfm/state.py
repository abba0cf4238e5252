"""What structure from motion knows between its steps, and the one place that writes it down."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from amb3r_core.models.api import ReconstructionModel
from amb3r_core.pipelines.mapping.arbitration import ArbitrationConfig
from amb3r_core.pipelines.mapping.keyframes import distances
from amb3r_core.pipelines.mapping.scene_map import MapConfig
from amb3r_core.pipelines.mapping.session import MapSession
from amb3r_core.pipelines.mapping.store import FrameStore
from amb3r_core.pipelines.sfm.clusters import Groups, ImageClusterConfig, KeyframeClusterConfig, cluster_keyframes
from amb3r_core.pipelines.sfm.executor import Executor
from amb3r_core.progress import Monitor, Progress
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.geometry import pose_distance

Stage = Literal["score", "register", "leftovers", "refine", "polish", "done"]


@dataclass(frozen=True, kw_only=True)
class SfmConfig:
    """Published values; weights are mean (c - 1) / c in [0, 1), distances in map units (median depth of the first window)."""

    keyframe_spacing: float = 0.2
    n_candidates: int = 5
    """Image clusters that compete for the next place in the map."""
    n_tries: int = 5
    """Keyframe clusters that each of them is seen with."""
    early_factor: int = 2
    early_share: float = 0.1
    """For the first tenth of the clusters both numbers are twice as large."""
    nearest_share: float = 0.3
    n_nearest: int = 5
    """A mean over clusters is 0.3 times that of the five best plus 0.7 times that of all."""
    max_focal_stretch: float = 1.2
    """Groups whose focal length differs by a larger factor from the median of all groups start the map only if no other can.
    Ours."""
    isolated_weight: float = 0.05
    """Frames below this in their own cluster are tried alone."""
    defer_weight: float = 0.1
    """Frames below this are not placed."""
    accept_weight: float = 0.6
    """Frames above this are placed at once."""
    hopeless_margin: float = 0.01
    """A further try ends with the front end when no frame comes within this of its best."""
    max_rounds: int = 5
    anchor_radius: float = 1.5
    """Keyframes that help to refine a frame are nearer than this."""
    max_anchors: int = 8
    neighbour_radius: float = 0.2
    max_neighbours: int = 4
    """Other frames refined in the same window, and how near they are."""
    seed: int = 0
    images: ImageClusterConfig = field(default_factory=ImageClusterConfig)
    keyframes: KeyframeClusterConfig = field(default_factory=KeyframeClusterConfig)
    arbitration: ArbitrationConfig = field(default_factory=ArbitrationConfig)
    map: MapConfig = field(default_factory=MapConfig)


@dataclass(frozen=True)
class PlannedWindow:
    """A window of the last pass."""

    frames: list[int]
    """To be polished."""
    anchors: list[int]
    """The keyframes near them."""


@dataclass
class SfmState:
    """Frames are indices in the order of their names. The first frame of an image cluster is its head."""

    stage: Stage = "score"
    descriptors: Float64 = field(default_factory=lambda: np.zeros((0, 0)))
    clusters: Groups = field(default_factory=list[list[int]])
    """Still to be placed."""
    scores: list[float] = field(default_factory=list[float])
    """Weight of each frame in its own cluster, in the order of `clusters`, as far as they have been run."""
    focal_px: list[float] = field(default_factory=list[float])
    """Focal length of each frame there, in grid pixels."""
    deferred: list[int] = field(default_factory=list[int])
    last_deferred: int = -1
    """How many frames were deferred in the round before; -1: there was none."""
    n_rounds: int = 0
    n_clusters: int = 0
    n_committed: int = 0
    keyframes: list[int] = field(default_factory=list[int])
    keyframe_clusters: Groups = field(default_factory=list[list[int]])
    visited: list[int] = field(default_factory=list[int])
    queue: list[int] = field(default_factory=list[int])
    poses_before: Float64 = field(default_factory=lambda: np.zeros((0, 4, 4)))
    """Poses (K, 4, 4) of the keyframes before the global pass."""
    plan: list[PlannedWindow] = field(default_factory=list[PlannedWindow])
    """Windows of the last pass, as far as they are not done."""
    unsure: list[int] = field(default_factory=list[int])
    """Frames that the last pass did not make surer; each gets a window of its own."""


class SfmRun(MapSession[SfmState]):
    """Everything the steps share: the session over the map, and where the model's calls run."""

    def __init__(
        self, model: ReconstructionModel, store: FrameStore, config: SfmConfig, executor: Executor, monitor: Monitor
    ) -> None:
        key = {"frames": [frame.name for frame in store.frames]}
        super().__init__(model, store, config, SfmState(), pipeline="sfm", key=key, monitor=monitor)
        self.config, self.executor = config, executor
        self.open()

    def report(self, stage: str) -> None:
        """Tells the monitor how many frames are placed."""
        self.monitor(Progress(stage=stage, done=self.scene.n_placed, total=len(self.store.frames)))

    def add_keyframes(self, frames: Sequence[int]) -> None:
        """Makes keyframes of those placed frames that are far from all others, and groups all keyframes anew."""
        candidates = [frame for frame in frames if self.scene.is_placed(frame) and frame not in self.state.keyframes]
        self.state.keyframes += self.new_keyframes(candidates, self.state.keyframes)
        self._group_keyframes()

    def _group_keyframes(self) -> None:
        """One group as long as the keyframes are few and near, else groups by pose; of many keyframes only those near new ones.

        A single keyframe has no baseline to fix the size of anything: the placed frames farthest from it join it.
        """
        keyframes, config = self.state.keyframes, self.config.keyframes
        if len(keyframes) == 1:
            others = [frame for frame in self.scene.placed() if frame not in keyframes]
            apart = pose_distance(self.scene.poses(others), self.scene.pose(keyframes[0]))
            farthest = np.argsort(-apart, kind="stable")[: config.min_size - 1]
            self.state.keyframe_clusters = [[keyframes[0], *(others[row] for row in farthest)]]
            return
        regrouped, kept = (keyframes, []) if len(keyframes) < config.regroup_from else self._near_new_keyframes()
        if not regrouped:
            return
        apart = distances(self.scene.poses(regrouped))
        if len(keyframes) <= config.max_alone and float(apart.max()) <= config.max_spread:
            self.state.keyframe_clusters = [list(keyframes)]
            return
        groups = cluster_keyframes(apart, config, self.config.seed + self.state.n_committed)
        self.state.keyframe_clusters = kept + [[regrouped[row] for row in group] for group in groups]

    def _near_new_keyframes(self) -> tuple[list[int], Groups]:
        """The keyframes that are in no group yet with those of the groups near them, and the other groups."""
        clusters, scene, keyframes = self.state.keyframe_clusters, self.scene, self.state.keyframes
        members = [frame for cluster in clusters for frame in cluster]
        if not members or not set(members) <= set(keyframes):
            return keyframes, []
        grouped = set(members)
        new = [frame for frame in keyframes if frame not in grouped]
        if not new:
            return [], clusters
        apart = pose_distance(scene.poses(members)[:, None], scene.poses(new)[None]).min(axis=1)
        near = {frame for frame, distance in zip(members, apart, strict=True) if distance <= self.config.keyframes.max_spread}
        kept = [cluster for cluster in clusters if near.isdisjoint(cluster)]
        regrouped = grouped.difference(*kept) | set(new)
        return [frame for frame in keyframes if frame in regrouped], kept

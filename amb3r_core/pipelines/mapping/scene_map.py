"""The map: what is known of every frame so far. The one place that aligns a window and fuses it in.

A frame has a pose, a camera, a depth map and a weight map. The published code keeps world points and averages them across
poses that differ, so that points, depth, camera and pose end up telling different stories. Here each quantity is fused where
it lives: depth along the pixel's own ray in the frame's own camera, the camera among cameras, the pose among poses. Points
are derived, so they agree with all three by construction, and a pose that moves takes its points along. With poses that agree
the two are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from amb3r_core.pipelines.mapping.alignment import AlignmentConfig, Anchor, WindowAlignment, align, in_place
from amb3r_core.pipelines.mapping.frame_table import FrameTable
from amb3r_core.pipelines.mapping.map_trust import judged, lesser, surer, trust_in_map
from amb3r_core.pipelines.mapping.store import DenseStore, FrameDepth
from amb3r_core.pipelines.mapping.windows import Window, same_pose
from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.scene.geometry import blend_pose
from amb3r_core.scene.lens import Lens

START_SIZE = 64
PRIOR_CAMERA_SHARE = 0.1
"""What a camera counts that was found around pose priors: it repeats the camera those poses were found with."""


@dataclass(frozen=True, kw_only=True)
class MapConfig:
    """How windows join the map."""

    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    max_disagreement: float = 0.1
    """Depths that differ by more than this share are two surfaces: the surer one is kept, not their mean. Ours."""
    pose_memory: float = 1.0
    """How many past windows at most a pose remembers as one of its weights; 1 as published: poses move faster than depth."""


@dataclass(frozen=True, kw_only=True)
class MapRecord:
    """A map without its dense maps, as a journal keeps it."""

    table: FrameTable
    first_scale: float
    metres: list[tuple[float, float]]
    slots: NDArray[np.int8]
    weight_is_probability: bool
    path_trust: float
    """The least trust of the windows behind the poses, NaN where one was not judged."""


class SceneMap:
    """Poses, cameras and counts of frames in memory, dense maps in a store. Lengths are in map units.

    The map unit is the median depth of the first window, so that thresholds mean the same for metric and relative models.
    """

    def __init__(self, store: DenseStore, config: MapConfig) -> None:
        self._store, self._config = store, config
        self._table = FrameTable.blank(START_SIZE)
        self.first_scale = 1.0
        """Map units per local unit of the first window."""
        self.metres: list[tuple[float, float]] = []
        """(metres per map unit, weight) of each window that knows metres."""
        self.weight_is_probability = True
        """Whether the weights of all windows so far are probabilities."""
        self._path_trust = 1.0

    def is_placed(self, frame: int) -> bool:
        """Whether the map holds this frame."""
        return frame < len(self._table.counts) and self._table.counts[frame] > 0

    def placed(self) -> list[int]:
        """All frames in the map, in order."""
        return [int(frame) for frame in np.flatnonzero(self._table.counts)]

    @property
    def n_placed(self) -> int:
        """How many frames the map holds."""
        return int(np.count_nonzero(self._table.counts))

    def pose(self, frame: int) -> Float64:
        """cam_to_world (4, 4) of a frame in the map."""
        return self._table.poses[frame]

    def poses(self, frames: Sequence[int]) -> Float64:
        """cam_to_world (M, 4, 4)."""
        return self._table.poses[np.array(frames, dtype=np.intp)]

    def intrinsics(self, frame: int) -> Float64:
        """The camera (3, 3) in grid pixels: the weighted mean over the frame's windows."""
        return self._table.intrinsics[frame]

    def lens(self, frame: int) -> Lens:
        """What bends the original picture: the weighted mean over the frame's windows."""
        return self._table.lenses[frame]

    def weight(self, frame: int) -> float:
        """Mean weight of a frame's pixels in [0, 1)."""
        return float(self._table.weights[frame])

    def pose_trust(self, frame: int) -> float | None:
        """The probability that a frame's pose is right, None where it was not judged."""
        return judged(self._table.pose_trust[frame])

    @property
    def path_trust(self) -> float | None:
        """The probability that the camera path as a whole is right, None where a window was not judged."""
        return judged(self._path_trust)

    def set_poses(self, frames: Sequence[int], poses: Float64) -> None:
        """Moves frames of the map to these poses (M, 4, 4); their depth goes with them."""
        self._table.poses[np.array(frames, dtype=np.intp)] = poses

    def maps(self, frame: int) -> FrameDepth:
        """Depth and weight of a frame."""
        return self._store.read(frame)

    def anchors(self, frames: Sequence[int]) -> list[Anchor]:
        """What the map knows of these frames."""
        return [Anchor(frame, self.maps(frame), self._table.poses[frame], self._table.intrinsics[frame]) for frame in frames]

    def start(self, window: Window) -> None:
        """Takes the first window as the map: its frame is the world, its median depth the unit."""
        scale = 1.0 / window.median_depth
        self.first_scale = scale
        self.fuse(window.moved(np.eye(4), scale), window.views, WindowAlignment(scale, np.eye(4), 0.0))

    def align(self, window: Window, anchors: Sequence[int]) -> WindowAlignment:
        """The similarity that brings the window onto these frames of the map; raises `AlignmentError`."""
        known = self.anchors(anchors)
        if window.in_map_frame:
            return in_place(window, known, self._config.alignment)
        return align(window, known, self._config.alignment)

    def fuse(self, aligned: Window, frames: Sequence[int], alignment: WindowAlignment) -> None:
        """Takes these frames of an aligned window into the map; frames the model did not register are passed over."""
        rows = [row for row in aligned.rows(frames) if aligned.registered[row]]
        trusts = self._trust(aligned, rows)
        has_posed = [self._fuse_frame(aligned, row, float(trust)) for row, trust in zip(rows, trusts, strict=True)]
        if any(has_posed):
            self._path_trust = lesser(self._path_trust, aligned.scene_trust)
        self.weight_is_probability &= aligned.weight_is_probability or not rows
        weight = float(aligned.frame_weight.sum())
        if aligned.metres_per_unit is not None:
            self.metres.append((aligned.metres_per_unit, weight))

    def _trust(self, aligned: Window, rows: Sequence[int]) -> Float64:
        """How sure the poses of these rows (M,) are in the map."""
        links = aligned.anchors or aligned.views
        shared = [row for row in aligned.rows(links) if aligned.registered[row] and self.is_placed(aligned.views[row])]
        known = self._table.pose_trust[[aligned.views[row] for row in shared]]
        return trust_in_map(aligned, rows, shared, known)

    def _fuse_frame(self, window: Window, row: int, trust: float) -> bool:
        """Blends a frame of an aligned window into what the map knows of it; whether that placed or moved it.

        A model that keeps the map's poses has measured pose and camera against the present map: they replace what was measured
        against an earlier one, and of the anchors it says nothing new.
        """
        frame = window.views[row]
        self._grow(frame + 1)
        count = int(self._table.counts[frame])
        old = self._store.read(frame) if count else None
        new = FrameDepth(window.depth[row], window.weight[row])
        fused = new if old is None else fuse_maps(old, new, count, self._config.max_disagreement)
        self._store.write(frame, fused)
        new_weight = float(new.weight.mean())
        is_posed = not (window.in_map_frame and count and same_pose(window.cam_to_world[row], self._table.poses[frame]))
        if not window.in_map_frame:
            self._fuse_camera(frame, window, row, new_weight)
            self._fuse_pose(frame, window.cam_to_world[row], new_weight)
            self._table.pose_trust[frame] = surer(float(self._table.pose_trust[frame]), trust)
        elif is_posed:
            self._table.camera_weights[frame] = 0.0
            self._fuse_camera(frame, window, row, PRIOR_CAMERA_SHARE * new_weight)
            self._table.poses[frame], self._table.pose_trust[frame] = window.cam_to_world[row], trust
        self._table.weights[frame] = float(fused.weight.mean())
        self._table.counts[frame] = count + 1
        return is_posed

    def _fuse_camera(self, frame: int, window: Window, row: int, weight: float) -> None:
        weight = max(weight, 1e-6)
        total = self._table.camera_weights[frame] + weight
        share = weight / total
        self._table.intrinsics[frame] = (1.0 - share) * self._table.intrinsics[frame] + share * window.intrinsics[row]
        self._table.lenses[frame] = self._table.lenses[frame].blended(window.lenses[row], share)
        self._table.camera_weights[frame] = total

    def _fuse_pose(self, frame: int, pose: Float64, weight: float) -> None:
        count = int(self._table.counts[frame])
        kept = self._table.weights[frame] * min(count, self._config.pose_memory)
        share = 1.0 if kept + weight <= 0 or count == 0 else weight / (kept + weight)
        self._table.poses[frame] = pose if share == 1.0 else blend_pose(self._table.poses[frame], pose, share)

    def _grow(self, n_frames: int) -> None:
        size = len(self._table)
        if n_frames > size:
            self._table = self._table.append(FrameTable.blank(max(size, n_frames - size)))

    def record(self) -> MapRecord:
        """Everything but the dense maps, as it is now, for the journal."""
        n = int(np.flatnonzero(self._table.counts).max(initial=-1)) + 1
        return MapRecord(
            table=self._table.select(range(n)),
            first_scale=self.first_scale,
            metres=list(self.metres),
            slots=self._store.slots(),
            weight_is_probability=self.weight_is_probability,
            path_trust=self._path_trust,
        )

    def restore(self, record: MapRecord) -> None:
        """Takes up a state of `record`."""
        self._table = record.table.append(FrameTable.blank(START_SIZE))
        self.first_scale, self.metres = record.first_scale, list(record.metres)
        self.weight_is_probability, self._path_trust = record.weight_is_probability, record.path_trust
        self.committed(record)

    def committed(self, record: MapRecord) -> None:
        """Tells the store that the journal holds this record."""
        self._store.commit(record.slots)


def fuse_maps(old: FrameDepth, new: FrameDepth, count: int, max_disagreement: float) -> FrameDepth:
    """Depth by confidence, (C n z + c z') / (C n + c), and weight (C n + c) / (n + 1), per pixel of one camera.

    Where only one side knows the depth it is taken; where they disagree by more than `max_disagreement` the surer one is.
    """
    kept: Float32 = (old.weight * np.float32(count)).astype(np.float32)
    total = np.maximum(kept + new.weight, np.float32(1e-9))
    mean = (kept * old.depth + new.weight * new.depth) / total
    surer = np.where(kept >= new.weight, old.depth, new.depth)
    agree = np.abs(old.depth - new.depth) <= max_disagreement * np.minimum(old.depth, new.depth)
    depth = np.where(agree & (kept + new.weight > 0), mean, surer)
    depth = np.where(old.depth <= 0, new.depth, np.where(new.depth <= 0, old.depth, depth))
    weight = (kept + new.weight) / np.float32(count + 1)
    return FrameDepth(depth.astype(np.float32), weight.astype(np.float32))

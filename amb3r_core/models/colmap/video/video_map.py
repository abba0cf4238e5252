"""Follows a video frame by frame: starts a map, places frames in it, makes keyframes, adjusts the whole now and then.

Everything dear is kept in the folder: features, matches, adjusted models. A run that is killed takes the same steps again from
what is there, and ends with the same bytes.
"""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap

from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm import mapping
from amb3r_core.models.colmap.sfm.result import MIN_FEATURES
from amb3r_core.models.colmap.sfm.run import SharedWork, SparseConfig
from amb3r_core.models.colmap.video.adjustment import adjust, joint_model, mapping_task
from amb3r_core.models.colmap.video.config import FollowConfig
from amb3r_core.models.colmap.video.keyframe_map import KeyframeMap, path_length
from amb3r_core.models.colmap.video.pairs import VideoPairs
from amb3r_core.models.colmap.video.retrieval import Looks
from amb3r_core.models.colmap.video.start import find_start, shows_another_view
from amb3r_core.models.colmap.video.tracking import Placed, is_new_view, place_frame
from amb3r_core.models.colmap.video.video_features import VideoFeatures
from amb3r_core.progress import Monitor
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.conventions import invert

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tracked:
    """A placed frame that is no keyframe; it moves with the keyframe it is tied to."""

    keyframe: int
    cam_from_keyframe: Float64
    """(4, 4)."""


class VideoMap:
    """What is known of a video so far."""

    def __init__(self, folder: Path, shared: SharedWork, config: FollowConfig, sparse: SparseConfig, monitor: Monitor) -> None:
        self.config, self.folder, self.monitor = config, folder, monitor
        self.features = VideoFeatures(shared.features, folder / "pixels", config.features, sparse.n_processes)
        self.pairs = VideoPairs(self.features, config.match, folder / "matches", shared.matches)
        self.seed = sparse.seed
        self.scene = KeyframeMap(self.features, self.pairs, mapping.relaxed(seed=sparse.seed))
        self.tracked: dict[int, Tracked] = {}
        self._sparse, self._shared = sparse, shared
        self._looks: Looks | None = None
        self._waiting: list[int] = []
        """Frames that came before there was a map."""
        self._views: list[int] = []
        """Those of them that differ."""
        self._n_unrelated = 0
        """Frames in a row, up to now, that have nothing in common with the last of these."""
        self._most_shared = 0
        """Matches of the frame that shares most with the last of these."""
        self._views_wanted = config.start_views
        self._n_starts = 0
        self._n_adjusted = 0
        """Keyframes at the last adjustment of the whole."""
        self._last_points = np.zeros(0, np.int64)
        """What the frame placed last was placed by."""
        self.n_taken = 0
        """Frames that were looked at."""
        self.max_delay = 0
        """How many frames had come, at most, after one until it was placed."""

    @property
    def has_map(self) -> bool:
        return bool(self.scene.keyframes)

    def add(self, frame: Frame) -> None:
        """Takes the next frame; it is looked at when enough wait for it."""
        self.features.frames.append(frame)
        if self.features.n_waiting >= self.config.frames_at_a_time:
            self.catch_up()

    def catch_up(self) -> None:
        """Looks at all frames that wait."""
        self.features.find(self.monitor)
        while self.n_taken < len(self.features):
            frame, self.n_taken = self.n_taken, self.n_taken + 1
            if self.has_map:
                self._follow(frame)
            else:
                self._wait(frame)

    def begin_with_what_is_there(self) -> None:
        """The last try at a map, when no more frames will come."""
        self.catch_up()
        if self.has_map or not self._waiting:
            return
        if self._waiting[-1] not in self._views:
            self._views.append(self._waiting[-1])
        if len(self._views) > 1:
            self._begin(is_last=True)

    def pose(self, frame: int) -> Float64 | None:
        """cam_from_world (4, 4) as of now; None for a frame that is not placed."""
        if self.scene.is_placed(frame):
            return self.scene.cam_from_world(frame)
        tracked = self.tracked.get(frame)
        if tracked is None or not self.scene.is_placed(tracked.keyframe):
            return None
        return tracked.cam_from_keyframe @ self.scene.cam_from_world(tracked.keyframe)

    def match_lost_frames(self) -> None:
        """Matches each frame that is not placed with the keyframes before, after and like it, which may place it yet."""
        placed = self.scene.placed()
        for frame in range(self.n_taken):
            if self.pose(frame) is None:
                nearest = sorted(placed, key=lambda keyframe: (abs(keyframe - frame), keyframe))
                self.pairs.match(frame, [*nearest[: self.config.relocalise], *self._alike(frame)], self.monitor)

    def _wait(self, frame: int) -> None:
        """Before there is a map: notes the frames that differ, and tries to start one when they are enough."""
        self._waiting.append(frame)
        if self.features[frame].count < MIN_FEATURES:
            return
        if not self._views:
            self._views = [frame]
            return
        self.pairs.match(frame, self._views[-1:], self.monitor)
        last, n_shared = self._views[-1], len(self.pairs.between(frame, self._views[-1]))
        self._n_unrelated = 0 if n_shared else self._n_unrelated + 1
        self._most_shared = max(self._most_shared, n_shared)
        if shows_another_view(frame, last, self._most_shared, self.features, self.pairs, self.config):
            self._views.append(frame)
            self._most_shared = 0
        if self._n_unrelated >= self.config.patience:
            self._begin_before_cut(frame)
        elif len(self._views) >= self._views_wanted:
            self._begin()

    def _begin_before_cut(self, frame: int) -> None:
        """Tries a map of what came before a cut, or else begins anew with the frame; the others wait for that map."""
        if len(self._views) > 2:
            self._begin(is_last=True)
        if not self.has_map:
            self._views, self._views_wanted = [frame], self.config.start_views
            self._n_unrelated = self._most_shared = 0

    def _begin(self, *, is_last: bool = False) -> None:
        folder = self.folder / f"start-{self._n_starts:02d}"
        self._n_starts += 1
        start = find_start(self._views, self.features, self._sparse, folder, self._shared, self.monitor, is_last=is_last)
        if start is None:
            self._views_wanted = len(self._views) * 3 // 2
            if len(self._views) >= self.config.max_start_views:
                self._waiting, self._views, self._views_wanted = [], [], self.config.start_views
            return
        keyframes = sorted(start.cam_from_world)
        for frame in keyframes:
            self.pairs.match(frame, keyframes, self.monitor)
        self.scene.start(keyframes, start.cam_from_world, start.cameras)
        self._looks = Looks([self.features[frame] for frame in keyframes])
        for frame in keyframes:
            self._looks.add(frame, self.features[frame])
        self._adjust()
        self.max_delay = max(self.max_delay, len(self.features.frames) - 1 - keyframes[0])
        waiting, self._waiting = self._waiting, []
        for frame in waiting:
            if frame not in self.scene.keyframes:
                self._follow(frame)

    def _follow(self, frame: int) -> None:
        """Places the frame in the map where it can be; makes it a keyframe where it shows enough new."""
        placed = self._place(frame, self._helpers(frame))
        if placed is None and frame - 1 in self.tracked and self.pose(frame - 1) is not None:
            self._promote(frame - 1)
            placed = self._place(frame, self._helpers(frame))
        if placed is None:
            placed = self._place(frame, self._alike(frame))
        if placed is None:
            self.pairs.match(frame, range(max(frame - 2, 0), frame), self.monitor)
            return
        self._last_points = placed.point_ids
        self.max_delay = max(self.max_delay, len(self.features.frames) - 1 - frame)
        keyframe = self.scene.observers(placed.point_ids)[0]
        self.tracked[frame] = Tracked(keyframe, placed.cam_from_world @ invert(self.scene.cam_from_world(keyframe)))
        self.pairs.match(frame, range(max(frame - 1, 0), frame), self.monitor)
        if is_new_view(placed, keyframe, self.scene, self.config):
            self._promote(frame)

    def _helpers(self, frame: int) -> list[int]:
        """Keyframes that most likely see what the frame sees."""
        count, placed = self.config.helpers, self.scene.placed()
        if frame < placed[-1]:
            return sorted(sorted(placed, key=lambda keyframe: (abs(keyframe - frame), keyframe))[:count])
        last = self.scene.observers(self._last_points)[:count]
        return last or placed[-count:]

    def _alike(self, frame: int) -> list[int]:
        assert self._looks is not None, "a map has looks"
        alike = self._looks.like(self.features[frame], self.config.relocalise)
        return [keyframe for keyframe in alike if self.scene.is_placed(keyframe)]

    def _place(self, frame: int, keyframes: list[int]) -> Placed | None:
        self.pairs.match(frame, keyframes, self.monitor)
        return place_frame(frame, keyframes, self.scene, self.pairs, self.features, self.config, self.seed)

    def _promote(self, frame: int) -> None:
        """Makes a placed frame a keyframe."""
        assert self._looks is not None, "a map has looks"
        pose = self.pose(frame)
        assert pose is not None, "only a placed frame becomes a keyframe"
        near = self.scene.observers(self._last_points)[: self.config.keyframe_pairs]
        far = self._looks.like(self.features[frame], self.config.loops, without=near)
        before = max((keyframe for keyframe in self.scene.keyframes if keyframe < frame), default=frame)
        between = [other for other in range(before + 1, frame) if other in self.tracked]
        self.pairs.match(frame, [*near, *far, *between[-self.config.keyframe_pairs :]], self.monitor)
        del self.tracked[frame]
        self.scene.add(frame, pose)
        self._looks.add(frame, self.features[frame])
        self._last_points = self.scene.seen_by(frame)
        if len(self.scene.keyframes) >= self.config.growth * self._n_adjusted:
            self._adjust()

    def _adjust(self) -> None:
        """Adjusts the whole map; it stays as it is where that fails."""
        scene = self.scene
        self._n_adjusted = len(scene.keyframes)
        folder = self.folder / f"adjusted-{len(scene.keyframes):05d}"
        task = mapping_task(scene.keyframes, self.features, self.pairs, folder)
        before = {keyframe: scene.cam_from_world(keyframe) for keyframe in scene.placed()}
        score = adjust(task, scene.model, self.seed, self.monitor)
        if score.n_registered < 2:
            log.info("the map of %d keyframes could not be adjusted: %s", len(scene.keyframes), score.problem)
            return
        model = joint_model(task)
        scene.replace_model(model)
        kept = [keyframe for keyframe in scene.placed() if keyframe in before]
        now = path_length([scene.cam_from_world(keyframe) for keyframe in kept])
        if now > 0:
            unit = path_length([before[keyframe] for keyframe in kept]) / now
            model.transform(pycolmap.Sim3d(unit, pycolmap.Rotation3d(), np.zeros(3)))
        keyframe = scene.placed()[-1]
        self._last_points = scene.seen_by(keyframe)

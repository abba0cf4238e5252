"""Online visual odometry over any model: a video in, the camera path and dense maps out, as the frames come.

The first window fixes the map. Then every few new frames are shown to the model together with the active keyframes, the answer is
brought onto the map by what it says of the keyframes, and fused in. Far-spread keyframes are resampled from all that were ever
made, which brings old places back into the window and closes loops. No training, no optimisation.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from amb3r_core.inputs.images import Frame, FrameList
from amb3r_core.models.api import FollowsVideo, ReconstructionModel
from amb3r_core.pipelines.mapping.arbitration import infer
from amb3r_core.pipelines.mapping.keyframes import needs_resampling, resample
from amb3r_core.pipelines.mapping.records import RecordFolder
from amb3r_core.pipelines.mapping.scene_map import SceneMap
from amb3r_core.pipelines.mapping.session import MapSession
from amb3r_core.pipelines.mapping.store import FrameStore
from amb3r_core.pipelines.mapping.windows import Window
from amb3r_core.pipelines.one_shot import check_view_count
from amb3r_core.pipelines.vo.follow import FollowSession
from amb3r_core.pipelines.vo.state import VoConfig, VoState
from amb3r_core.progress import Monitor, Progress, silent
from amb3r_core.scene.geometry import pose_distance
from amb3r_core.scene.reconstruction import Reconstruction


@dataclass(frozen=True)
class VisualOdometry:
    """How to run; `start` opens a session with a model. A model that follows videos itself has settings of its own."""

    config: VoConfig = field(default_factory=VoConfig)

    def start(
        self, model: ReconstructionModel, *, work: Path | None = None, n_frames: int = 0, monitor: Monitor = silent
    ) -> "VoSession | FollowSession":
        """A session that takes frames as they come.

        work: folder for dense maps and journal; a session started again with the same folder, model, settings and frames goes on
        where the first one stopped. None: a temporary folder, removed with the session and its scenes. n_frames: how many will
        come, 0 if unknown.
        """
        if isinstance(model, FollowsVideo):
            return FollowSession(model, work, n_frames, monitor)
        return VoSession(model, self.config.fitted(model.input_spec), work, n_frames, monitor)


class VoSession:
    """One run of visual odometry: feed frames, look at snapshots, finish."""

    def __init__(self, model: ReconstructionModel, config: VoConfig, work: Path | None, n_frames: int, monitor: Monitor) -> None:
        store = FrameStore(RecordFolder(work), model.input_spec, is_ordered=True)
        self._session = MapSession(model, store, config, VoState(), pipeline="vo", monitor=monitor)
        self._config, self._n_frames = config, n_frames
        self._opening = config.first_window
        """Frames to wait for before the next try to start a map."""

    @property
    def n_fed(self) -> int:
        """Frames fed so far."""
        return len(self._session.store.frames)

    @property
    def n_mapped(self) -> int:
        """Frames that have been through a window."""
        return self._state.n_mapped

    @property
    def keyframes(self) -> tuple[int, ...]:
        """Indices of all keyframes, in the order they were made."""
        return tuple(self._state.keyframes)

    def feed(self, frames: Iterable[Frame]) -> None:
        """Takes further frames, in the order they were taken, and maps whenever a window is full.

        After a resumption, feed all frames from the first on: those that were mapped before are only looked up.
        """
        for frame in frames:
            self._session.store.add(frame)
            if self.n_fed >= self._config.first_window:
                self._session.open()
            while self._session.is_open and self.n_fed - self._state.n_mapped >= self._window_size:
                self._step(self._state.n_mapped + self._window_size)

    def snapshot(self) -> Reconstruction:
        """The camera path so far, without dense maps; no views before the first window is full."""
        return self._session.snapshot(range(self.n_mapped), self._reasons())

    def finish(self) -> Reconstruction:
        """The whole scene: maps what is left, tries lost frames once more, and puts everything into one unit.

        Raises `RegistrationError` when no frame could be placed.
        """
        check_view_count(self._session.model, min(self.n_fed, self._config.first_window))
        self._session.open()
        self._catch_up()
        if self._state.n_mapped < self.n_fed:
            self._step(self.n_fed, is_last=True)
        while self._state.lost:
            self._try_again(self._state.lost[: self._config.map_every])
        return self._session.finish(range(self.n_mapped), self._reasons())

    def close(self) -> None:
        """Closes the session's files, so that its folder may be moved or removed; scenes that it has given stay as they are."""
        self._session.close()

    @property
    def _state(self) -> VoState:
        return self._session.state

    @property
    def _window_size(self) -> int:
        return self._config.map_every if self._state.keyframes else self._opening

    @property
    def _scene(self) -> SceneMap:
        return self._session.scene

    def _step(self, end: int, *, is_last: bool = False) -> None:
        """Maps the frames up to `end` and commits. is_last: no more will come."""
        self._catch_up()
        if not self._state.keyframes:
            self._start(end, is_last=is_last)
            return
        first = min(self._state.n_mapped, max(end - self._config.map_every, 0))
        placed = self._extend([frame for frame in range(first, end) if frame not in self._state.active])
        self._state.lost += [frame for frame in range(self._state.n_mapped, end) if frame not in placed]
        self._state.n_mapped = end
        self._commit()

    def _start(self, end: int, *, is_last: bool) -> None:
        """The first map, from a window spread evenly over the frames up to `end`; or longer waiting, where they hardly differ."""
        state, size = self._state, self._config.first_window
        waiting = range(state.n_mapped, end)
        frames = evenly_spread(waiting, size)
        window = self._infer(frames, [])
        placed = self._good(window, frames)
        may_wait = not is_last and len(waiting) < self._config.patience * size
        if placed and may_wait and not self._moves(window.select(placed)):
            self._opening = 2 * len(waiting)
            return
        if placed:
            self._begin(window, placed)
            state.pending = [frame for frame in waiting if frame not in frames]
        state.lost += [frame for frame in (frames if placed else waiting) if frame not in placed]
        state.n_mapped, self._opening = end, size
        self._commit()
        self._catch_up()

    def _moves(self, window: Window) -> bool:
        """Whether some frame would be a keyframe beside the first."""
        poses = window.moved(np.eye(4), 1.0 / window.median_depth).cam_to_world
        return bool((pose_distance(poses, poses[0]) > self._config.keyframe_spacing).any())

    def _begin(self, window: Window, placed: Sequence[int]) -> None:
        """Starts the map; the first placed frame is the first keyframe."""
        self._scene.start(window.select(placed))
        self._state.keyframes = [placed[0]]
        self._state.keyframes += self._session.new_keyframes(list(placed[1:]), self._state.keyframes)
        self._state.active = self._resampled(list(self._state.keyframes))

    def _catch_up(self) -> None:
        """Maps the frames that the first window passed over."""
        state = self._state
        while state.pending:
            frames = state.pending[: self._config.map_every]
            placed = self._extend(frames)
            state.lost += [frame for frame in frames if frame not in placed]
            state.pending = state.pending[len(frames) :]
            self._commit()

    def _extend(self, new: Sequence[int]) -> list[int]:
        """The new frames that are placed with the help of the active keyframes, which may become more.

        Where that places none, the frames placed last, which share most with the new ones, help instead.
        """
        placed = self._place(new, self._state.active)
        if not placed:
            recent = [frame for frame in self._scene.placed() if frame < new[0]][-self._config.resample.n_active :]
            placed = self._place(new, recent)
        added = self._session.new_keyframes([frame for frame in placed if frame not in self._state.keyframes], self._state.active)
        if added:
            self._state.keyframes += added
            self._state.active = self._resampled([*self._state.active, *added])
        return placed

    def _place(self, new: Sequence[int], anchors: Sequence[int]) -> list[int]:
        """The new frames that one window places beside these keyframes; none when the window does not fit the map."""
        window = self._infer(new, anchors)
        placed = self._good(window, new)
        return placed if self._session.fuse(window, [*anchors, *placed], anchors) else []

    def _resampled(self, active: list[int]) -> list[int]:
        """The active keyframes of the next window: these, unless they are too many or too far apart."""
        scene, config, keyframes = self._scene, self._config.resample, self._state.keyframes
        if not needs_resampling(scene.poses(active), active.index(max(active)), config):
            return active
        return resample(keyframes, scene.poses(keyframes), keyframes.index(max(keyframes)), config)

    def _infer(self, frames: Sequence[int], anchors: Sequence[int]) -> Window:
        session = self._session
        session.monitor(Progress(stage="visual odometry", done=self.n_mapped, total=max(self._n_frames, self.n_mapped)))
        window = session.window(frames, anchors)
        return infer(session.model, window, session.scene.anchors(anchors), self._config.arbitration, session.monitor)

    def _good(self, window: Window, frames: Sequence[int]) -> list[int]:
        return [frame for frame in frames if window.places(frame, self._config.min_frame_weight)]

    def _try_again(self, frames: list[int]) -> None:
        """A second window for frames that were lost, and one for each alone where that places none."""
        state = self._state
        placed = self._place_near(frames)
        if not placed and len(frames) > 1:
            placed = [frame for frame in frames if self._place_near([frame])]
        state.given_up += [frame for frame in frames if frame not in placed]
        state.lost = state.lost[len(frames) :]
        self._commit()

    def _place_near(self, frames: list[int]) -> list[int]:
        """The frames that a window places beside the keyframes nearest to them in time."""
        middle = frames[len(frames) // 2]
        anchors = sorted(self._state.keyframes, key=lambda frame: (abs(frame - middle), frame))
        return self._place(frames, anchors[: self._config.resample.n_active]) if anchors else []

    def _reasons(self) -> dict[int, str]:
        state = self._state
        return dict.fromkeys((*state.lost, *state.given_up), "the model could not relate it to the keyframes")

    def _commit(self) -> None:
        self._session.checkpoint(self._state.n_mapped)


def evenly_spread(frames: Sequence[int], limit: int) -> list[int]:
    """At most `limit` of these frames, the first and the last among them."""
    n = min(limit, len(frames))
    return [frames[round(place * (len(frames) - 1) / max(n - 1, 1))] for place in range(n)]


def run_vo(
    model: ReconstructionModel, frames: FrameList, work: Path, *, config: VoConfig | None = None, monitor: Monitor = silent
) -> Reconstruction:
    """The scene of an ordered set of frames; goes on from what `work` holds of an earlier run."""
    session = VisualOdometry(config or VoConfig()).start(model, work=work, n_frames=len(frames), monitor=monitor)
    with closing(session):
        session.feed(frames)
        return session.finish()

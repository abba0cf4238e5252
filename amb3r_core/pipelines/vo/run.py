"""Online visual odometry over any model: a video in, the camera path and dense maps out, as the frames come.

The first window fixes the map. Then every few new frames are shown to the model together with the active keyframes, the answer is
brought onto the map by what it says of the keyframes, and fused in. Far-spread keyframes are resampled from all that were ever
made, which brings old places back into the window and closes loops. No training, no optimisation.
"""

import logging
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from amb3r_core._version import __version__
from amb3r_core.errors import AlignmentError, InputError
from amb3r_core.inputs.images import Frame, FrameList
from amb3r_core.models.api import InputSpec, ReconstructionModel
from amb3r_core.pipelines.mapping.arbitration import ArbitrationConfig, infer
from amb3r_core.pipelines.mapping.codec import decode, encode, layout
from amb3r_core.pipelines.mapping.journal import Journal
from amb3r_core.pipelines.mapping.keyframes import ResampleConfig, needs_resampling, resample, select_keyframes
from amb3r_core.pipelines.mapping.priors import tell
from amb3r_core.pipelines.mapping.records import RecordFolder
from amb3r_core.pipelines.mapping.scene_map import MapConfig, MapRecord, SceneMap
from amb3r_core.pipelines.mapping.store import DenseStore, FrameShelf
from amb3r_core.pipelines.mapping.to_reconstruction import Finish, cameras_only, finish
from amb3r_core.pipelines.mapping.windows import Window
from amb3r_core.pipelines.one_shot import check_view_count
from amb3r_core.progress import Monitor, Progress, silent
from amb3r_core.scene.geometry import pose_distance
from amb3r_core.scene.reconstruction import Reconstruction

MIN_WINDOW = 4

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class VoConfig:
    """Published values; distances in map units (one unit: median depth of the first window)."""

    first_window: int = 20
    """Frames that are seen together before there is a map."""
    patience: int = 4
    """While the first window holds no second keyframe, it waits and spreads over twice as many frames, up to this many times its
    size. Ours: from views that hardly differ, a model that triangulates finds neither depth nor focal length."""
    map_every: int = 8
    """New frames of every further window."""
    keyframe_spacing: float = 0.15
    """A keyframe is farther than this from all others: 27 degrees, or 0.15 units."""
    min_frame_weight: float = 0.05
    """Frames with a smaller mean weight (c - 1) / c are not placed. Ours, after the SfM's isolated frames."""
    resample: ResampleConfig = field(default_factory=ResampleConfig)
    arbitration: ArbitrationConfig = field(default_factory=ArbitrationConfig)
    map: MapConfig = field(default_factory=MapConfig)

    def fitted(self, spec: InputSpec) -> "VoConfig":
        """The same with windows that the model can take. Raises `InputError` when even the smallest are too large."""
        limit = spec.max_views
        if not limit or limit >= max(self.first_window, self.resample.max_active + self.map_every):
            return self
        if limit < MIN_WINDOW:
            raise InputError(
                f"visual odometry needs windows of {MIN_WINDOW} views, but the model takes {limit} at once: "
                "try a smaller `long_side`",
                option="long_side",
            )
        n_active = max(min(self.resample.n_active, limit // 2), 2)
        return replace(
            self,
            first_window=min(self.first_window, limit),
            map_every=min(self.map_every, limit - n_active),
            resample=replace(self.resample, n_active=n_active, max_active=n_active),
        )


@dataclass(frozen=True)
class VisualOdometry:
    """How to run; `start` opens a session with a model."""

    config: VoConfig = field(default_factory=VoConfig)

    def start(
        self, model: ReconstructionModel, *, work: Path | None = None, n_frames: int = 0, monitor: Monitor = silent
    ) -> "VoSession":
        """A session that takes frames as they come.

        work: folder for dense maps and journal; a session started again with the same folder, model, settings and frames goes on
        where the first one stopped. None: a temporary folder, removed with the session and its scenes. n_frames: how many will
        come, 0 if unknown.
        """
        return VoSession(model, self.config.fitted(model.input_spec), work, n_frames, monitor)


@dataclass
class VoState:
    """Where a session stands; everything but the map. Frames are indices in the order they were fed."""

    n_mapped: int = 0
    """Frames that have been through a window or are `pending`."""
    pending: list[int] = field(default_factory=list[int])
    """Frames that the first window passed over, to be mapped next."""
    keyframes: list[int] = field(default_factory=list[int])
    active: list[int] = field(default_factory=list[int])
    lost: list[int] = field(default_factory=list[int])
    """Not placed yet, to be tried again at the end."""
    given_up: list[int] = field(default_factory=list[int])
    names: list[str] = field(default_factory=list[str])
    """Of the frames up to `n_mapped`."""


class VoSession:
    """One run of visual odometry: feed frames, look at snapshots, finish."""

    def __init__(self, model: ReconstructionModel, config: VoConfig, work: Path | None, n_frames: int, monitor: Monitor) -> None:
        self._folder = RecordFolder(work)
        self._model, self._config, self._monitor, self._n_frames = model, config, monitor, n_frames
        self._shelf = FrameShelf(self._folder, model.input_spec, is_ordered=True)
        key = {"vo": asdict(config), "model": model.name, "version": __version__}
        layouts = layout("map", MapRecord) + layout("state", VoState)
        self._journal = Journal(self._folder.path, {**key, "layout": layouts})
        self._map: SceneMap | None = None
        self._state = VoState()
        self._opening = config.first_window
        """Frames to wait for before the next try to start a map."""

    @property
    def n_fed(self) -> int:
        """Frames fed so far."""
        return len(self._shelf.frames)

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
            self._shelf.add(frame)
            if self.n_fed >= self._config.first_window:
                self._open()
            while self._map is not None and self.n_fed - self._state.n_mapped >= self._window_size:
                self._step(self._state.n_mapped + self._window_size)

    def snapshot(self) -> Reconstruction:
        """The camera path so far, without dense maps; no views before the first window is full."""
        return cameras_only(self._map, self._shelf, self._facts())

    def finish(self) -> Reconstruction:
        """The whole scene: maps what is left, tries lost frames once more, and puts everything into one unit.

        Raises `RegistrationError` when no frame could be placed.
        """
        check_view_count(self._model, min(self.n_fed, self._config.first_window))
        scene = self._open()
        self._catch_up()
        if self._state.n_mapped < self.n_fed:
            self._step(self.n_fed, is_last=True)
        while self._state.lost:
            self._try_again(self._state.lost[: self._config.map_every])
        return finish(scene, self._shelf, self._facts(), self._folder, self._monitor)

    def close(self) -> None:
        """Closes the session's files, so that its folder may be moved or removed; scenes that it has given stay as they are."""
        self._folder.close()

    @property
    def _window_size(self) -> int:
        return self._config.map_every if self._state.keyframes else self._opening

    def _open(self) -> SceneMap:
        """The map; the one of the journal, if there is one."""
        if self._map is None:
            store = DenseStore(self._folder, self._shelf.layout.grid)
            self._map = SceneMap(store, self._config.map)
            self._resume(self._map)
        return self._map

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
        if placed and may_wait and not self._moves(window.selected(window.rows(placed))):
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
        self._open().start(window.selected(window.rows(placed)))
        self._state.keyframes = [placed[0]]
        self._state.keyframes += self._new_keyframes(list(placed[1:]), self._state.keyframes)
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
            recent = [frame for frame in self._open().placed() if frame < new[0]][-self._config.resample.n_active :]
            placed = self._place(new, recent)
        added = self._new_keyframes([frame for frame in placed if frame not in self._state.keyframes], self._state.active)
        if added:
            self._state.keyframes += added
            self._state.active = self._resampled([*self._state.active, *added])
        return placed

    def _place(self, new: Sequence[int], anchors: Sequence[int]) -> list[int]:
        """The new frames that one window places beside these keyframes; none when the window does not fit the map."""
        scene = self._open()
        window = self._infer([*anchors, *new], anchors)
        placed = self._good(window, new)
        try:
            alignment = scene.align(window, anchors)
        except AlignmentError as error:
            log.info("frames %d to %d: %s", new[0], new[-1], error)
            return []
        log.debug("frames %d to %d: the map and the window differ by %.3f", new[0], new[-1], alignment.relative_error)
        scene.fuse(alignment.apply(window), [*anchors, *placed], alignment)
        return placed

    def _resampled(self, active: list[int]) -> list[int]:
        """The active keyframes of the next window: these, unless they are too many or too far apart."""
        scene, config, keyframes = self._open(), self._config.resample, self._state.keyframes
        if not needs_resampling(scene.poses(active), active.index(max(active)), config):
            return active
        return resample(keyframes, scene.poses(keyframes), keyframes.index(max(keyframes)), config)

    def _infer(self, frames: Sequence[int], anchors: Sequence[int]) -> Window:
        self._monitor(
            Progress(stage="visual odometry", done=self._state.n_mapped, total=max(self._n_frames, self._state.n_mapped))
        )
        scene = self._open()
        window = tell(self._shelf.input(frames), scene, anchors)
        return infer(self._model, window, scene.anchors(anchors), self._config.arbitration, self._monitor)

    def _good(self, window: Window, frames: Sequence[int]) -> list[int]:
        return [frame for frame in frames if window.places(frame, self._config.min_frame_weight)]

    def _new_keyframes(self, candidates: list[int], existing: Sequence[int]) -> list[int]:
        scene = self._open()
        weights = np.array([scene.weight(frame) for frame in candidates])
        poses, known = scene.poses(candidates), scene.poses(existing)
        return select_keyframes(candidates, poses, weights, known, self._config.keyframe_spacing)

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

    def _facts(self) -> Finish:
        state = self._state
        return Finish(
            model=self._model,
            pipeline="vo",
            version=__version__,
            frames=range(self._state.n_mapped),
            keyframes=frozenset(self._state.keyframes),
            reasons=dict.fromkeys((*state.lost, *state.given_up), "the model could not relate it to the keyframes"),
            config=asdict(self._config),
        )

    def _commit(self) -> None:
        scene = self._open()
        self._state.names = [frame.name for frame in self._shelf.frames[: self._state.n_mapped]]
        record = scene.record()
        self._journal.save(encode("map", record) | encode("state", self._state))
        scene.committed(record)

    def _resume(self, scene: SceneMap) -> None:
        record = self._journal.load()
        if record is None:
            return
        state = decode("state", VoState, record)
        fed = [frame.name for frame in self._shelf.frames]
        if any(name != known for name, known in zip(fed, state.names, strict=False)):
            raise InputError(f"{self._folder.path} holds a run of other frames; give an empty work folder")
        scene.restore(decode("map", MapRecord, record))
        self._state = state


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

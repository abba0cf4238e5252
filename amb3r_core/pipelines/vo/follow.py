"""Visual odometry over a model that follows videos itself: it places each frame in a map of its own, and gives keyframes depth.

The pipeline keeps the pictures, hands the frames on, and writes the scene: every placed frame has a pose, keyframes have depth.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amb3r_core._version import __version__
from amb3r_core.compute.arrays import float32_array
from amb3r_core.errors import InputError, RegistrationError
from amb3r_core.inputs.images import Frame
from amb3r_core.models.api import FollowedVideo, FollowsVideo, Prediction
from amb3r_core.pipelines.assemble import UNKNOWN_SCALE, placed_view
from amb3r_core.pipelines.mapping.codec import decode, encode, layout
from amb3r_core.pipelines.mapping.dense_files import DenseFiles, straightened
from amb3r_core.pipelines.mapping.journal import Journal
from amb3r_core.pipelines.mapping.records import RecordFolder
from amb3r_core.pipelines.mapping.store import FrameStore
from amb3r_core.pipelines.one_shot import check_view_count
from amb3r_core.progress import Monitor, Progress
from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.scene.conventions import invert
from amb3r_core.scene.gravity import levelled, up_of_cameras
from amb3r_core.scene.reconstruction import Dense, Provenance, Reconstruction, Scale, UnregisteredView, View

STAGE = "visual odometry"
DEPTH_AT_A_TIME = 64
"""Keyframes that are seen together for their depth."""
DEPTH_CONTEXT = 6
"""Further keyframes before and after them that are seen too."""
FRAMES_PER_ENTRY = 16
"""Frames between two entries of the journal."""


@dataclass(frozen=True)
class _Fed:
    """The frames that a journal speaks of."""

    names: list[str]


class FollowSession:
    """One run of visual odometry: feed frames, look at snapshots, finish."""

    def __init__(self, model: FollowsVideo, work: Path | None, n_frames: int, monitor: Monitor) -> None:
        self._model, self._monitor, self._n_frames = model, monitor, n_frames
        self._store = FrameStore(RecordFolder(work), model.input_spec, is_ordered=True)
        key = {"model": model.name, "version": __version__, "layout": layout("frames", _Fed)}
        self._journal = Journal(self._store.folder.path, key)
        record = self._journal.load()
        self._fed_before = decode("frames", _Fed, record).names if record else []
        self._is_following = True
        self._follower = model.follow(monitor=self._watch)

    @property
    def n_fed(self) -> int:
        """Frames fed so far."""
        return len(self._store.frames)

    @property
    def n_mapped(self) -> int:
        """Frames that the model has looked at."""
        return self._follower.n_taken

    @property
    def keyframes(self) -> tuple[int, ...]:
        """Indices of all keyframes, in the order they were made."""
        return tuple(index for index, frame in enumerate(self._follower.snapshot().frames) if frame.is_keyframe)

    def feed(self, frames: Iterable[Frame]) -> None:
        """Takes further frames, in the order they were taken.

        After a resumption, feed all frames from the first on: what was found in them before is looked up. Raises `InputError`
        when the folder holds a run of other frames.
        """
        for frame in frames:
            index = self._store.add(frame)
            if index < len(self._fed_before) and self._fed_before[index] != frame.name:
                raise InputError(f"{self._store.folder.path} holds a run of other frames; give an empty work folder")
            if index >= len(self._fed_before) and self.n_fed % FRAMES_PER_ENTRY == 0:
                self._commit()
            self._follower.add(self._store.frames[index])

    def snapshot(self) -> Reconstruction:
        """The camera path so far, without dense maps; no views before there is a map."""
        video = self._follower.snapshot()
        views = self._views(video, _first_as_world(video))
        return Reconstruction(views=views, scale=UNKNOWN_SCALE, provenance=self._provenance(video), up_world=up_of_cameras(views))

    def finish(self) -> Reconstruction:
        """The whole scene, settled. Raises `RegistrationError` when no frame could be placed."""
        check_view_count(self._model, self.n_fed)
        self._commit()
        video = self._follower.finish()
        self._is_following = False
        if all(frame.cam_to_world is None for frame in video.frames):
            raise RegistrationError(f"none of the {self.n_fed} views could be placed: do the frames overlap?")
        views = self._views(video, np.eye(4))
        scale = Scale(kind="relative", source="unit of the known poses") if video.on_known_poses else UNKNOWN_SCALE
        reconstruction = Reconstruction(
            views=views,
            scale=scale,
            provenance=self._provenance(video),
            dense=self._dense(video),
            unregistered=self._unregistered(video),
            up_world=up_of_cameras(views),
            pose_trust=video.scene_trust,
        )
        return levelled(reconstruction)[0]

    def close(self) -> None:
        """Closes the session's files, so that its folder may be moved or removed; scenes that it has given stay as they are."""
        self._store.folder.close()

    def _watch(self, progress: Progress, /) -> None:
        """While frames come, all that the model does is one stage."""
        if not self._is_following:
            self._monitor(progress)
            return
        done = min(self.n_fed, self._n_frames or self.n_fed)
        self._monitor(Progress(stage=STAGE, done=done, total=max(self._n_frames, self.n_fed), message=progress.stage))

    def _commit(self) -> None:
        """Notes the frames fed, unless an earlier run has fed as many."""
        if self.n_fed > len(self._fed_before):
            self._journal.save(encode("frames", _Fed([frame.name for frame in self._store.frames])))

    def _views(self, video: FollowedVideo, to_world: Float64) -> tuple[View, ...]:
        return tuple(
            placed_view(
                self._store.frames[index],
                self._store.letterbox(index),
                frame.camera,
                to_world @ frame.cam_to_world,
                is_keyframe=frame.is_keyframe,
                pose_trust=frame.pose_trust,
            )
            for index, frame in enumerate(video.frames)
            if frame.cam_to_world is not None
        )

    def _provenance(self, video: FollowedVideo) -> Provenance:
        delay = f"a frame was placed when at most {video.max_delay} more had come; lost ones were tried again at the end"
        return Provenance(
            model=self._model.name,
            version=__version__,
            pipeline="vo",
            weights=self._model.weights,
            config=dict(video.details),
            notes=(*video.notes, delay),
        )

    def _dense(self, video: FollowedVideo) -> Dense:
        """The maps of the placed frames; frames that are no keyframes have no depth."""
        store, (height, width) = self._store, self._store.layout.grid
        placed = [index for index, frame in enumerate(video.frames) if frame.cam_to_world is not None]
        row_of = {index: row for row, index in enumerate(placed)}
        files = DenseFiles(store.folder, store.layout.grid)
        unknown: Float32 = np.zeros((height, width), dtype=np.float32)
        for index in placed:
            seen = video.frames[index].camera.mapped(store.letterbox(index), width, height)
            files.write(row_of[index], unknown, unknown + np.float32(1.0), straightened(store.rgb(index), seen))
        is_probability = True
        for keyframes, prediction, first in self._depth([index for index in placed if video.frames[index].is_keyframe]):
            is_probability &= prediction.weight_is_probability
            for place, index in enumerate(keyframes, first):
                files.write_depth(
                    row_of[index], float32_array(prediction.depth[place]), float32_array(prediction.confidence[place])
                )
        return files.dense(len(placed), weight_is_probability=is_probability)

    def _depth(self, keyframes: Sequence[int]) -> Iterator[tuple[Sequence[int], Prediction, int]]:
        """Keyframes with a prediction that holds them, and the row of the first of them in it."""
        for first in range(0, len(keyframes), DEPTH_AT_A_TIME):
            wanted = keyframes[first : first + DEPTH_AT_A_TIME]
            start = max(first - DEPTH_CONTEXT, 0)
            seen = keyframes[start : first + len(wanted) + DEPTH_CONTEXT]
            yield wanted, self._follower.densify(seen, self._store.window(seen).batch()), first - start

    def _unregistered(self, video: FollowedVideo) -> tuple[UnregisteredView, ...]:
        return tuple(
            UnregisteredView(name=source.name, reason=frame.reason, path=str(source.path) if source.path else None)
            for source, frame in zip(self._store.frames, video.frames, strict=True)
            if frame.cam_to_world is None
        )


def _first_as_world(video: FollowedVideo) -> Float64:
    """What moves the first placed frame to the origin."""
    first = next((frame.cam_to_world for frame in video.frames if frame.cam_to_world is not None), None)
    return np.eye(4) if first is None else invert(first)

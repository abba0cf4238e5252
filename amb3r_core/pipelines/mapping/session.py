"""One run of an incremental pipeline over one map: frames, map, state and journal, opened once and committed together."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import Field, asdict, dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np

from amb3r_core._version import __version__
from amb3r_core.errors import AlignmentError, InputError
from amb3r_core.models.api import ReconstructionModel
from amb3r_core.pipelines.mapping.alignment import WindowAlignment
from amb3r_core.pipelines.mapping.codec import decode, encode, layout
from amb3r_core.pipelines.mapping.journal import Journal
from amb3r_core.pipelines.mapping.keyframes import select_keyframes
from amb3r_core.pipelines.mapping.priors import with_priors
from amb3r_core.pipelines.mapping.scene_map import MapConfig, MapRecord, SceneMap
from amb3r_core.pipelines.mapping.store import DenseStore, FrameStore
from amb3r_core.pipelines.mapping.to_reconstruction import RunFacts, cameras_only, finish
from amb3r_core.pipelines.mapping.windows import Window, WindowInput
from amb3r_core.progress import Monitor
from amb3r_core.scene.reconstruction import Reconstruction

log = logging.getLogger(__name__)

FRAMES_PER_STEP = 500
"""A journal tells of all frames: with so many more frames it is written one step later, and costs each step the same."""


class MappingConfig(Protocol):
    """The settings of a pipeline: a dataclass with these fields among others."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def map(self) -> MapConfig: ...

    @property
    def keyframe_spacing(self) -> float: ...


class MappingState(Protocol):
    """The progress of a pipeline, everything but the map: a dataclass of types that `codec` knows."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    keyframes: list[int]


State = TypeVar("State", bound=MappingState)


@dataclass(frozen=True)
class _Committed:
    """The frames that a journal speaks of."""

    names: list[str]


class MapSession(Generic[State]):
    """A model, the frames it sees, the map they build and the pipeline's own state.

    The map opens when it is first asked for. Where the journal is of the same model, settings and version, map and state are
    then as it left them.
    """

    def __init__(
        self,
        model: ReconstructionModel,
        store: FrameStore,
        config: MappingConfig,
        state: State,
        *,
        pipeline: str,
        key: Mapping[str, object] | None = None,
        monitor: Monitor,
    ) -> None:
        """state: to begin with. key: what the journal depends on besides model, settings and version."""
        self.model, self.store, self.state, self.monitor = model, store, state, monitor
        self._config, self._pipeline = config, pipeline
        settings = {pipeline: asdict(config), "model": model.name, "version": __version__}
        layouts = [*layout("map", MapRecord), *layout("state", type(state)), *layout("frames", _Committed)]
        self._journal = Journal(store.folder.path, {**settings, **(key or {}), "layout": layouts})
        self._map: SceneMap | None = None
        self._steps_since_commit = 0

    @property
    def is_open(self) -> bool:
        """Whether the map has been asked for."""
        return self._map is not None

    def open(self) -> SceneMap:
        """The map, and `state` as of the journal. Raises `InputError` when the journal is of other frames."""
        if self._map is None:
            scene = SceneMap(DenseStore(self.store.folder, self.store.layout.grid), self._config.map)
            self._resume(scene)
            self._map = scene
        return self._map

    @property
    def scene(self) -> SceneMap:
        """The map, opened if it is not yet."""
        return self.open()

    def checkpoint(self, n_frames: int | None = None) -> None:
        """Commits after a step, in scenes of many frames only after every few: a killed run does those once more."""
        self._steps_since_commit += 1
        if self._steps_since_commit * FRAMES_PER_STEP > len(self.store.frames):
            self.commit(n_frames)

    def commit(self, n_frames: int | None = None) -> None:
        """Writes map and state down, and the names of the first `n_frames` frames; a killed run goes on from here."""
        self._steps_since_commit = 0
        names = [frame.name for frame in self.store.frames[:n_frames]]
        record = self.scene.record()
        self._journal.save(encode("map", record) | encode("state", self.state) | encode("frames", _Committed(names)))
        self.scene.committed(record)

    def window(self, frames: Sequence[int], anchors: Sequence[int]) -> WindowInput:
        """What a model is shown of these frames beside anchors, with what the map knows of the anchors as priors."""
        return with_priors(self.store.window(frames, anchors), self.scene)

    def align(self, window: Window, shared: Sequence[int]) -> tuple[Window, WindowAlignment] | None:
        """The window in the map's frame and unit, by views that both know; None when they agree too little about these."""
        try:
            alignment = self.scene.align(window, shared)
        except AlignmentError as error:
            log.info("views %s: %s", window.views, error)
            return None
        log.debug("views %s: the map and the window differ by %.3f", window.views, alignment.relative_error)
        return alignment.apply(window), alignment

    def fuse(self, window: Window, views: Sequence[int], shared: Sequence[int]) -> bool:
        """Aligns a window by views that the map knows, and takes some views into the map; False when it cannot be aligned."""
        aligned = self.align(window, shared)
        if aligned:
            self.scene.fuse(aligned[0], views, aligned[1])
        return aligned is not None

    def new_keyframes(self, candidates: list[int], existing: Sequence[int]) -> list[int]:
        """Those of these frames of the map that are far from all existing keyframes and from one another."""
        scene = self.scene
        weights = np.array([scene.weight(frame) for frame in candidates])
        poses, known = scene.poses(candidates), scene.poses(existing)
        return select_keyframes(candidates, poses, weights, known, self._config.keyframe_spacing)

    def snapshot(self, frames: Sequence[int], reasons: Mapping[int, str]) -> Reconstruction:
        """The cameras of these frames as they are now, without dense maps; no views before the map opens."""
        return cameras_only(self._map, self.store, self._facts(frames, reasons))

    def finish(self, frames: Sequence[int], reasons: Mapping[int, str]) -> Reconstruction:
        """The scene of these frames, in this order. reasons: why a frame is not placed."""
        if self._steps_since_commit:
            self.commit()
        return finish(self.scene, self.store, self._facts(frames, reasons), self.monitor)

    def close(self) -> None:
        """Closes all files, so that their folder may be moved or removed; scenes that were given out stay as they are."""
        self.store.folder.close()

    def _facts(self, frames: Sequence[int], reasons: Mapping[int, str]) -> RunFacts:
        return RunFacts(
            model=self.model,
            pipeline=self._pipeline,
            version=__version__,
            frames=frames,
            keyframes=frozenset(self.state.keyframes),
            reasons=reasons,
            config=asdict(self._config),
        )

    def _resume(self, scene: SceneMap) -> None:
        record = self._journal.load()
        if record is None:
            return
        names = decode("frames", _Committed, record).names
        if any(frame.name != name for frame, name in zip(self.store.frames, names, strict=False)):
            raise InputError(f"{self.store.folder.path} holds a run of other frames; give an empty work folder")
        scene.restore(decode("map", MapRecord, record))
        self.state = decode("state", type(self.state), record)

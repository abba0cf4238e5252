"""Frames of a scene on disk: pictures, and dense maps in two slots per frame.

A step of a pipeline writes dense maps into the slot that the journal does not name, then replaces the journal's one file: a run
that is killed at any moment finds the scene as the last finished step left it. This holds when the process dies, not when the
power fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from amb3r_core.compute.arrays import uint8_array
from amb3r_core.inputs.images import Frame
from amb3r_core.models.api import InputSpec
from amb3r_core.models.batching import Layout, choose_layout, prepare
from amb3r_core.pipelines.mapping.records import RecordFile, RecordFolder
from amb3r_core.pipelines.mapping.windows import Bools, WindowInput
from amb3r_core.scene.arrays import Float32, UInt8
from amb3r_core.scene.camera import Letterbox

NO_SLOT = -1
MAX_WEIGHT = 0.9995
"""Largest weight that half precision keeps below 1: raw confidence 2,000."""


@dataclass(frozen=True, slots=True)
class FrameDepth:
    """What is known of one frame's depth."""

    depth: Float32
    """(H, W) in map units, 0 = unknown."""
    weight: Float32
    """(H, W) in [0, 1)."""


class DenseStore:
    """Depth (float32) and weight (float16) of every frame, two slots each; `commit` names the valid one."""

    def __init__(self, folder: RecordFolder, grid: tuple[int, int]) -> None:
        self._depth = folder.open("depth.f32", grid, np.float32)
        self._weight = folder.open("weight.f16", grid, np.float16)
        self._live = np.zeros(0, dtype=np.int8)
        self._committed = np.zeros(0, dtype=np.int8)

    def read(self, frame: int) -> FrameDepth:
        place = 2 * frame + max(_slot(self._live, frame), 0)
        depth, weight = self._depth.read(place), self._weight.read(place)
        return FrameDepth(np.asarray(depth, dtype=np.float32), weight.astype(np.float32))

    def write(self, frame: int, maps: FrameDepth) -> None:
        """Keeps the maps; they count for a later run only after the next commit."""
        committed = _slot(self._committed, frame)
        slot = 0 if committed == NO_SLOT else 1 - committed
        self._depth.write(2 * frame + slot, maps.depth)
        self._weight.write(2 * frame + slot, np.minimum(maps.weight, np.float32(MAX_WEIGHT)))
        if frame >= len(self._live):
            missing = max(len(self._live), frame + 1 - len(self._live))
            self._live = np.concatenate([self._live, np.full(missing, NO_SLOT, dtype=np.int8)])
        self._live[frame] = slot

    def slots(self) -> NDArray[np.int8]:
        """The live slot (N,) of each frame, -1 for frames without maps, for the journal."""
        return self._live.copy()

    def commit(self, slots: NDArray[np.int8]) -> None:
        """Makes these slots the valid ones."""
        self._committed, self._live = slots.copy(), slots.copy()


def _slot(slots: NDArray[np.int8], frame: int) -> int:
    return int(slots[frame]) if frame < len(slots) else NO_SLOT


class FrameStore:
    """The frames of a scene in the order they came, and their pictures on the grid.

    A picture is decoded once, when it is first needed. Frames that no file holds are kept as arrays in the folder.
    """

    def __init__(self, folder: RecordFolder, spec: InputSpec, *, is_ordered: bool) -> None:
        self.is_ordered = is_ordered
        self.frames: list[Frame] = []
        self._letterboxes: dict[int, Letterbox] = {}
        self.folder, self._spec = folder, spec
        self._layout: Layout | None = None
        self._rgb: RecordFile | None = None
        self._valid: RecordFile | None = None

    @property
    def layout(self) -> Layout:
        """The scene's grid; fixed by the frames that are there when it is first asked for."""
        if self._layout is None:
            self._layout = choose_layout([(frame.width, frame.height) for frame in self.frames], self._spec)
        return self._layout

    def add(self, frame: Frame) -> int:
        """Takes a further frame; returns its index."""
        self.frames.append(frame if frame.path is not None else self._spilled(frame))
        return len(self.frames) - 1

    def window(self, frames: Sequence[int], anchors: Sequence[int] = ()) -> WindowInput:
        """What a model is shown of these frames beside anchors; ordered only when all follow one another without a gap."""
        views = (*anchors, *frames)
        return WindowInput(
            anchors=tuple(anchors),
            frames=tuple(frames),
            sources=tuple(self.frames[view] for view in views),
            letterboxes=tuple(self.letterbox(view) for view in views),
            rgb=np.stack([self.rgb(view) for view in views]),
            valid=np.stack([self.valid(view) for view in views]),
            is_ordered=self.is_ordered and all(b - a == 1 for a, b in pairwise(views)),
        )

    def letterbox(self, frame: int) -> Letterbox:
        """Where the frame lies in the grid."""
        self._load(frame)
        return self._letterboxes[frame]

    def rgb(self, frame: int) -> UInt8:
        """The picture (H, W, 3) uint8 on the grid."""
        self._load(frame)
        return np.asarray(self._pictures()[0].read(frame), dtype=np.uint8)

    def valid(self, frame: int) -> Bools:
        """True (H, W) where the picture shows something that may be used."""
        self._load(frame)
        return np.asarray(self._pictures()[1].read(frame), dtype=np.bool_)

    def _load(self, frame: int) -> None:
        if frame in self._letterboxes:
            return
        batch = prepare([self.frames[frame]], self._spec, layout=self.layout, is_ordered=self.is_ordered)
        rgb, valid = self._pictures()
        rgb.write(frame, uint8_array((batch.pixels[0] * 255.0).round().permute(1, 2, 0)))
        valid.write(frame, uint8_array(batch.valid[0]))
        self._letterboxes[frame] = batch.letterboxes[0]

    def _pictures(self) -> tuple[RecordFile, RecordFile]:
        if self._rgb is None or self._valid is None:
            grid = self.layout.grid
            self._rgb = self.folder.open("rgb.u8", (*grid, 3), np.uint8)
            self._valid = self.folder.open("valid.u8", grid, np.uint8)
        return self._rgb, self._valid

    def _spilled(self, frame: Frame) -> Frame:
        """The frame with its picture in a file instead of in memory."""
        path = self.folder.path / f"frame_{len(self.frames):06d}.npy"
        if not path.is_file():
            unfinished = path.with_suffix(".partial.npy")
            np.save(unfinished, frame.decode())
            unfinished.replace(path)
        return replace(frame, decode=lambda: np.asarray(np.load(path), dtype=np.uint8))

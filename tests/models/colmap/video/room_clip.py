"""A short clip of the rendered room with its truth."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from amb3r_core.inputs.images import Frame, frames_from_arrays
from tests.models.colmap.room import render_room

SIZE = (168, 224)
N_FRAMES = 15


@dataclass(frozen=True)
class Clip:
    frames: tuple[Frame, ...]
    cam_to_world: NDArray[np.float64]
    focal_px: float

    def with_poses(self, known: range) -> tuple[Frame, ...]:
        return tuple(
            replace(frame, cam_to_world=self.cam_to_world[i]) if i in known else frame for i, frame in enumerate(self.frames)
        )


@cache
def room_clip() -> Clip:
    """A sideways walk of 1.2 m past the box."""
    room = render_room(N_FRAMES, SIZE, spread_m=1.2)
    images = [np.ascontiguousarray((pixels * 255).round().byte().permute(1, 2, 0).numpy()) for pixels in room.pixels]
    return Clip(frames_from_arrays(images).frames, room.scene.cam_to_world.numpy(), float(room.scene.intrinsics[0, 0, 0]))


def other_frame(kind: str) -> Frame:
    """A frame that belongs to no room: grey, or a noise of its own."""
    height, width = SIZE
    rng = np.random.default_rng(0)
    image = np.full((height, width, 3), 128, np.uint8) if kind == "grey" else rng.integers(0, 255, (height, width, 3), np.uint8)
    return replace(frames_from_arrays([image]).frames[0], name=f"{kind}.png")

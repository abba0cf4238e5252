"""What a map keeps of each frame in memory, one row a frame."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.lens import STRAIGHT, Lens


@dataclass(frozen=True)
class FrameTable:
    """Columns of one length N, arrays or lists. Rows are changed in place by the map that owns the table."""

    poses: Float64
    """cam_to_world (N, 4, 4) in map units."""
    intrinsics: Float64
    """Cameras (N, 3, 3) in grid pixels: the weighted mean over the frame's windows."""
    lenses: list[Lens]
    """What bends the original pictures: the weighted mean over the frame's windows."""
    weights: Float64
    """Mean weight (N,) of the frame's pixels in [0, 1)."""
    camera_weights: Float64
    """Summed weight (N,) of the windows behind `intrinsics` and `lenses`."""
    counts: NDArray[np.int64]
    """Windows (N,) that have been fused into the frame; 0 for a frame that is not in the map."""
    pose_trust: Float64
    """The probability (N,) that the frame's pose in the map is right, NaN where it was not judged."""

    @staticmethod
    def blank(n: int) -> "FrameTable":
        """Rows of frames that are not in the map."""
        return FrameTable(
            poses=np.tile(np.eye(4), (n, 1, 1)),
            intrinsics=np.tile(np.eye(3), (n, 1, 1)),
            lenses=[STRAIGHT] * n,
            weights=np.zeros(n),
            camera_weights=np.zeros(n),
            counts=np.zeros(n, dtype=np.int64),
            pose_trust=np.full(n, np.nan),
        )

    def __len__(self) -> int:
        return len(self.counts)

    def append(self, other: "FrameTable") -> "FrameTable":
        """The rows of both, in new columns."""
        return FrameTable(*(_joined(a, b) for a, b in zip(_columns(self), _columns(other), strict=True)))

    def select(self, rows: Sequence[int]) -> "FrameTable":
        """These rows, in this order, in new columns."""
        return FrameTable(*(_chosen(column, rows) for column in _columns(self)))


def _columns(table: FrameTable) -> tuple[Any, ...]:
    return tuple(getattr(table, field.name) for field in fields(table))


def _joined(a: Any, b: Any) -> Any:
    return [*a, *b] if isinstance(a, list) else np.concatenate((a, b))


def _chosen(column: Any, rows: Sequence[int]) -> Any:
    return [column[row] for row in rows] if isinstance(column, list) else column[np.array(rows, dtype=np.intp)]

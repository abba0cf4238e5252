"""The coloured point cloud."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32, UInt8


@dataclass(frozen=True, slots=True, kw_only=True)
class PointCloud:
    """Coloured world points."""

    points: Float32
    """(M, 3) float32 in the scene's unit."""
    colors: UInt8
    """(M, 3) uint8."""
    confidence: Float32
    """(M,) float32 >= 1."""
    view_index: NDArray[np.int32]
    """(M,) int32: the view each point came from."""
    radius: Float32
    """(M,) float32: half the footprint of the pixel each point came from, and in a thinned cloud at least half a voxel."""

    def __post_init__(self) -> None:
        n_points = self.points.shape[0]
        shapes = {
            "points": (self.points.shape, (n_points, 3)),
            "colors": (self.colors.shape, (n_points, 3)),
            "confidence": (self.confidence.shape, (n_points,)),
            "view_index": (self.view_index.shape, (n_points,)),
            "radius": (self.radius.shape, (n_points,)),
        }
        for name, (given, wanted) in shapes.items():
            if given != wanted:
                raise ValueError(f"{name} is {given}, wanted {wanted}")

    def __len__(self) -> int:
        return self.points.shape[0]

    def selected(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> "PointCloud":
        """The cloud of the chosen points, in the chosen order."""
        rows = np.flatnonzero(index) if index.dtype == np.bool_ else index
        return PointCloud(
            points=self.points.take(rows, axis=0),
            colors=self.colors.take(rows, axis=0),
            confidence=self.confidence.take(rows),
            view_index=self.view_index.take(rows),
            radius=self.radius.take(rows),
        )

"""The coloured point cloud."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32, UInt8


@dataclass(frozen=True, slots=True, kw_only=True)
class PointCloud:
    """Coloured world points: points (M, 3) float32, colors (M, 3) uint8, confidence (M,) float32 >= 1, view_index (M,) int32.

    radius (M,) float32: half the footprint of the pixel each point came from, in the points' unit, and in a thinned cloud
    at least half a voxel.
    """

    points: Float32
    colors: UInt8
    confidence: Float32
    view_index: NDArray[np.int32]
    radius: Float32

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
        return PointCloud(
            points=self.points[index],
            colors=self.colors[index],
            confidence=self.confidence[index],
            view_index=self.view_index[index],
            radius=self.radius[index],
        )

"""A triangle mesh, coloured by vertex or by a texture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32, UInt8


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """One image over a mesh, and where each triangle's corners lie in it."""

    image: UInt8
    """(H, W, 3) uint8, sRGB; row 0 is the top."""
    uv: Float32
    """(F, 3, 2) float32 in [0, 1], of each corner of each triangle; (0, 0) is the BOTTOM left corner of the image."""
    n_unseen: int = 0
    """How many triangles no photo sees; their colour is their neighbours'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriangleMesh:
    """A surface in world coordinates and scene units; triangles turn counter-clockwise seen from outside."""

    vertices: Float32
    """(V, 3) float32."""
    triangles: NDArray[np.int32]
    """(F, 3) int32 into the vertices."""
    normals: Float32
    """(V, 3) float32, unit length."""
    colors: UInt8 | None = None
    """(V, 3) uint8, sRGB; None where nothing is known."""
    texture: Texture | None = None

    def __post_init__(self) -> None:
        n_vertices, n_triangles = len(self.vertices), len(self.triangles)
        shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
            "vertices": (self.vertices.shape, (n_vertices, 3)),
            "triangles": (self.triangles.shape, (n_triangles, 3)),
            "normals": (self.normals.shape, (n_vertices, 3)),
        }
        if self.colors is not None:
            shapes["colors"] = (self.colors.shape, (n_vertices, 3))
        if self.texture is not None:
            shapes["uv"] = (self.texture.uv.shape, (n_triangles, 3, 2))
        for name, (given, wanted) in shapes.items():
            if given != wanted:
                raise ValueError(f"{name} is {given}, wanted {wanted}")
        if n_triangles and not (int(self.triangles.min()) >= 0 and int(self.triangles.max()) < n_vertices):
            raise ValueError(f"triangles must count from 0 to {n_vertices - 1}")

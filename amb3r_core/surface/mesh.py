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


def mesh_of(vertices: Float32, triangles: NDArray[np.int32], colors: UInt8 | None = None) -> TriangleMesh:
    """A mesh whose normals are those of its triangles."""
    vertices = np.ascontiguousarray(vertices, dtype=np.float32)
    return TriangleMesh(vertices=vertices, triangles=triangles, normals=vertex_normals(vertices, triangles), colors=colors)


def vertex_normals(vertices: Float32, triangles: NDArray[np.int32]) -> Float32:
    """Unit normals (V, 3): the mean of the triangles around, weighted by area; (0, 0, 1) where there is none."""
    a, b, c = (vertices[triangles[:, corner]].astype(np.float64) for corner in range(3))
    across = np.cross(b - a, c - a)
    total = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(across[:, axis], 3), minlength=len(vertices)) for axis in range(3)], axis=-1
    )
    length = np.linalg.norm(total, axis=-1, keepdims=True)
    return np.where(length > 0, total / np.where(length > 0, length, 1), [0.0, 0.0, 1.0]).astype(np.float32)

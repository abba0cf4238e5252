"""The texels of an atlas as points on the surface, and the cells of neighbouring texels in which photos are compared."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.surface.mesh import TriangleMesh
from amb3r_core.surface.texture_atlas import Atlas
from amb3r_core.surface.texture_photo import sampled

Ints = NDArray[np.intp]

CELLS_ACROSS = 512
"""The image is compared in about this many cells across, whatever its size."""
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Texels:
    """The texels inside faces, cell by cell."""

    texel: NDArray[np.int32]
    """(T,) row by row from the top left of the image."""
    face: NDArray[np.int32]
    """(T,) the face of each."""
    points: Float32
    """(T, 3) where it lies in the world."""
    normals: NDArray[np.float16]
    """(T, 3) the mesh's normal there, unit length, to a thousandth."""
    starts: Ints
    """(C + 1,) the first texel of each cell, and T."""
    block: Ints
    """(C,) which square of the image each cell lies in, row by row; a cell never leaves its chart."""
    across: int
    """Squares in a row."""
    cell_texels: int
    """Side of a square in texels."""
    size: int
    """Side of the image in texels."""

    @property
    def n_cells(self) -> int:
        return len(self.block)

    @property
    def middle(self) -> Ints:
        """(C,) a texel from the middle of each cell."""
        return (self.starts[:-1] + self.starts[1:]) // 2

    def of_cells(self, cells: Ints) -> Ints:
        """The texels of some cells, in order."""
        count = self.starts[cells + 1] - self.starts[cells]
        ends = np.cumsum(count)
        return np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(self.starts[cells] - (ends - count), count)

    def smooth(self, values: Float32, texels: Ints) -> Float32:
        """What cells say (K, C), at texels (K, T): averaged over each square and blended between the middles of squares.

        Squares without cells are left out.
        """
        n = self.across
        count = np.bincount(self.block, minlength=n * n)
        total = np.stack([np.bincount(self.block, weights=row, minlength=n * n) for row in values])
        squares = np.concatenate([total, count[None]]).reshape(-1, n, n).transpose(1, 2, 0).astype(np.float32)
        row, column = np.divmod(self.texel[texels], np.int32(self.size))
        place = (np.stack([column, row], axis=1).astype(np.float32) + 0.5) / self.cell_texels - 0.5
        found = sampled(squares, place.astype(np.float32), outside="zeros").T
        return np.divide(found[:-1], found[-1], out=np.zeros_like(found[:-1]), where=found[-1] > 0)


def texels_of(mesh: TriangleMesh, atlas: Atlas) -> Texels:
    """The atlas's texels on the mesh."""
    side = max(-(-atlas.size // CELLS_ACROSS), 4)
    across = -(-atlas.size // side)
    y, x = np.divmod(atlas.texel, atlas.size)
    key = ((y // side).astype(np.int64) * across + x // side) * (int(atlas.chart.max()) + 1) + atlas.chart[atlas.face]
    order = np.argsort(key, kind="stable")
    cell, starts = np.unique(key[order], return_index=True)
    texel, face = atlas.texel[order], atlas.face[order]
    points, normals = np.empty((len(texel), 3), dtype=np.float32), np.empty((len(texel), 3), dtype=np.float16)
    for start in range(0, len(texel), BLOCK):
        some = slice(start, start + BLOCK)
        shares = barycentric(atlas, texel[some], face[some])
        corners = mesh.triangles[face[some]]
        points[some] = (shares[:, :, None] * mesh.vertices[corners]).sum(axis=1)
        normal = (shares[:, :, None] * mesh.normals[corners]).sum(axis=1)
        normals[some] = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    return Texels(
        texel=texel,
        face=face,
        points=points,
        normals=normals,
        starts=np.append(starts, len(texel)).astype(np.intp),
        block=(cell // (int(atlas.chart.max()) + 1)).astype(np.intp),
        across=across,
        cell_texels=side,
        size=atlas.size,
    )


def barycentric(atlas: Atlas, texel: NDArray[np.int32], face: NDArray[np.int32]) -> Float32:
    """Shares (T, 3) of a face's corners at texel centres."""
    y, x = np.divmod(texel, atlas.size)
    place = np.stack([x, y], axis=1).astype(np.float64)
    a, b, c = (atlas.corners[face, corner] for corner in range(3))
    whole = _cross(b - a, c - a)
    whole = np.where(np.abs(whole) < 1e-12, 1.0, whole)
    second, third = _cross(place - a, c - a) / whole, _cross(b - a, place - a) / whole
    return np.clip(np.stack([1.0 - second - third, second, third], axis=1), 0.0, 1.0).astype(np.float32)


def _cross(a: Float64, b: Float64) -> Float64:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]

"""The borders of a mesh, and lids over its holes."""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32
from amb3r_core.surface.mesh import TriangleMesh, mesh_of

Edges = NDArray[np.int64]
MOST_RINGS = 24
"""Rings of triangles between a hole's border and its middle."""


def boundary_edges(triangles: NDArray[np.int32]) -> Edges:
    """The edges (B, 2) that have a triangle on one side only, as that triangle turns."""
    edges = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64)
    n = int(edges.max(initial=0)) + 1
    key = edges.min(axis=1) * n + edges.max(axis=1)
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    alone = np.ones(len(ranked), dtype=np.bool_)
    alone[1:] &= ranked[1:] != ranked[:-1]
    alone[:-1] &= ranked[:-1] != ranked[1:]
    return edges[np.sort(order[alone])]


def closed_holes(mesh: TriangleMesh, largest: float) -> TriangleMesh:
    """The mesh with a lid over every hole whose border is no wider than `largest`, scene units."""
    vertices, triangles, n_vertices = [mesh.vertices], [mesh.triangles], len(mesh.vertices)
    for loop in boundary_loops(mesh.triangles):
        border = mesh.vertices[loop]
        if len(loop) >= 3 and float(np.linalg.norm(np.ptp(border, axis=0))) <= largest:
            inner, lid = _lid(border)
            names = np.concatenate([loop, np.arange(n_vertices, n_vertices + len(inner))])
            vertices.append(inner)
            triangles.append(names[lid].astype(np.int32))
            n_vertices += len(inner)
    return mesh_of(np.concatenate(vertices), np.concatenate(triangles))


def boundary_loops(triangles: NDArray[np.int32]) -> list[NDArray[np.int64]]:
    """The borders as rings of vertices, against the sense of the triangles beside them; each simple."""
    onward: defaultdict[int, list[int]] = defaultdict(list)
    for start, end in boundary_edges(triangles)[::-1].tolist():
        onward[end].append(start)
    loops: list[NDArray[np.int64]] = []
    for start in list(onward):
        while onward[start]:
            path, place = [start], {start: 0}
            while onward[path[-1]]:
                following = onward[path[-1]].pop()
                if following in place:
                    ring = path[place[following] :]
                    loops.append(np.array(ring, dtype=np.int64))
                    for vertex in ring[1:]:
                        del place[vertex]
                    path = path[: place[following] + 1]
                else:
                    place[following] = len(path)
                    path.append(following)
    return loops


def _lid(border: Float32) -> tuple[Float32, NDArray[np.int64]]:
    """New vertices (K, 3) and triangles over the border (L, 3) and them: rings that shrink to the middle."""
    size, middle = len(border), border.mean(axis=0)
    edge = float(np.linalg.norm(np.diff(border, axis=0, append=border[:1]), axis=-1).mean())
    radius = float(np.linalg.norm(border - middle, axis=-1).mean())
    n_rings = int(np.clip(round(radius / max(edge, 1e-12)), 1, MOST_RINGS))
    shares = np.arange(1, n_rings, dtype=np.float32)[:, None, None] / n_rings
    rings = (border + shares * (middle - border)).reshape(-1, 3)
    here = np.arange(size)
    there = np.roll(here, -1)
    triangles: list[NDArray[np.int64]] = []
    for ring in range(n_rings - 1):
        outer, inner = ring * size, (ring + 1) * size
        triangles.append(np.stack([outer + here, outer + there, inner + here], axis=-1))
        triangles.append(np.stack([outer + there, inner + there, inner + here], axis=-1))
    last = (n_rings - 1) * size
    triangles.append(np.stack([last + here, last + there, np.full(size, n_rings * size)], axis=-1))
    return np.concatenate([rings, middle[None]]).astype(np.float32), np.concatenate(triangles)

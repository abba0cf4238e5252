"""Lids close holes, the right way round."""

import numpy as np
import pytest

from amb3r_core.surface.holes import boundary_edges, boundary_loops, closed_holes
from amb3r_core.surface.mesh import TriangleMesh, mesh_of


def sphere(n: int = 24) -> TriangleMesh:
    """A closed ball of radius 1 with triangles that face outwards."""
    theta, phi = np.meshgrid(np.pi * np.arange(1, n) / n, 2 * np.pi * np.arange(2 * n) / (2 * n), indexing="ij")
    ring = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1).reshape(-1, 3)
    vertices = np.concatenate([ring, [[0, 0, 1], [0, 0, -1]]]).astype(np.float32)
    triangles: list[list[int]] = []
    m = 2 * n
    for j in range(m):
        k = (j + 1) % m
        triangles += [[len(ring), j, k], [len(ring) + 1, (n - 2) * m + k, (n - 2) * m + j]]
        for i in range(n - 2):
            a, b, c, d = i * m + j, i * m + k, (i + 1) * m + j, (i + 1) * m + k
            triangles += [[a, c, b], [b, c, d]]
    return mesh_of(vertices, np.array(triangles, dtype=np.int32))


def volume(mesh: TriangleMesh) -> float:
    a, b, c = (mesh.vertices[mesh.triangles[:, corner]].astype(float) for corner in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def with_hole(mesh: TriangleMesh, height: float) -> TriangleMesh:
    keep = mesh.vertices[mesh.triangles][:, :, 2].max(axis=1) < height
    return mesh_of(mesh.vertices, mesh.triangles[keep])


def test_a_closed_surface_has_no_border():
    assert len(boundary_edges(sphere().triangles)) == 0
    assert boundary_loops(sphere().triangles) == []
    assert volume(sphere()) == pytest.approx(4 / 3 * np.pi, rel=0.02)


@pytest.mark.parametrize("height", [0.97, 0.7])
def test_a_lid_closes_a_hole_and_faces_outwards(height: float):
    pierced = with_hole(sphere(), height)
    assert len(boundary_loops(pierced.triangles)) == 1
    whole = closed_holes(pierced, 4.0)
    assert len(boundary_edges(whole.triangles)) == 0
    edges = whole.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    assert len(np.unique(edges, axis=0)) == len(edges), "two neighbouring triangles turn the same way round"
    cap = 1 - height
    assert volume(whole) == pytest.approx(4 / 3 * np.pi - np.pi * cap**2 * (3 - cap) / 3, rel=0.1)


def test_a_wider_hole_stays():
    pierced = with_hole(sphere(), 0.7)
    assert len(closed_holes(pierced, 0.5).triangles) == len(pierced.triangles)


def test_two_holes_that_touch_in_one_vertex_are_two_rings():
    corners = np.array([[x, y, 0] for y in range(6) for x in range(6)], dtype=np.float32)
    squares = [(x, y) for y in range(5) for x in range(5) if (x, y) not in ((1, 1), (2, 2))]
    triangles = [t for x, y in squares for a in [6 * y + x] for t in ([a, a + 1, a + 7], [a, a + 7, a + 6])]
    loops = boundary_loops(np.array(triangles, dtype=np.int32))
    assert sorted(len(loop) for loop in loops) == [4, 4, 20]
    mesh = closed_holes(mesh_of(corners, np.array(triangles, dtype=np.int32)), 2.0)
    assert len(boundary_edges(mesh.triangles)) == 20
    assert (mesh.normals[:, 2] > 0.99).all()

"""Cleaning drops small pieces and nothing else."""

import numpy as np
import open3d as o3d
import pytest
from amb3r_open3d.clean import CleanMesh, CleanMeshOptions
from amb3r_open3d.failures import EmptyMeshError

from amb3r_core.errors import InputError


def sphere_and_crumb() -> o3d.t.geometry.TriangleMesh:
    crumb = o3d.geometry.TriangleMesh.create_tetrahedron(radius=0.01).translate((5, 0, 0))
    return o3d.t.geometry.TriangleMesh.from_legacy(o3d.geometry.TriangleMesh.create_sphere(resolution=20) + crumb)


def test_small_pieces_go_and_the_mesh_given_stays():
    mesh = sphere_and_crumb()
    n_triangles = len(mesh.triangle.indices)
    cleaned = CleanMesh(CleanMeshOptions(min_component=0.01))(mesh)
    assert cleaned.get_max_bound().numpy()[0] < 1.1
    assert len(cleaned.triangle.indices) == n_triangles - 4
    assert len(mesh.triangle.indices) == n_triangles
    assert np.allclose(np.linalg.norm(cleaned.vertex.normals.numpy(), axis=1), 1, atol=1e-4)
    assert len(CleanMesh(CleanMeshOptions(min_component=0.0))(mesh).triangle.indices) == n_triangles


def test_triangles_may_be_fewer_and_smoother():
    thin = CleanMesh(CleanMeshOptions(target_triangles=200, smooth_iterations=2))(sphere_and_crumb())
    assert len(thin.triangle.indices) <= 200


def test_nothing_left_has_a_name():
    with pytest.raises(EmptyMeshError, match="no triangle in this mesh"):
        CleanMesh()(o3d.t.geometry.TriangleMesh())
    with pytest.raises(InputError, match=r"min_component must be in \[0, 1\)"):
        CleanMeshOptions(min_component=1.0)
    many = sum((o3d.geometry.TriangleMesh.create_box().translate((3 * i, 0, 0)) for i in range(3)), o3d.geometry.TriangleMesh())
    with pytest.raises(EmptyMeshError, match=r"smaller than min_component 0\.5"):
        CleanMesh(CleanMeshOptions(min_component=0.5))(o3d.t.geometry.TriangleMesh.from_legacy(many))

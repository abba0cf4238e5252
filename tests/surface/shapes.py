"""Meshes that tests of surfaces share."""

import numpy as np

from amb3r_core.surface.mesh import Texture, TriangleMesh


def grid_plane(n: int = 8, width: float = 2.0, height: float = 1.5, z: float = 2.0) -> TriangleMesh:
    """A plane of 2 n^2 triangles across the optical axis, facing a camera at the origin (OpenCV axes)."""
    x, y = np.meshgrid(np.linspace(-width / 2, width / 2, n + 1), np.linspace(-height / 2, height / 2, n + 1))
    vertices = np.stack([x.ravel(), y.ravel(), np.full(x.size, z)], axis=1).astype(np.float32)
    corner = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    lower = np.stack([corner, corner + 1, corner + n + 1], axis=1)
    upper = np.stack([corner + 1, corner + n + 2, corner + n + 1], axis=1)
    triangles = np.concatenate([lower, upper])[:, ::-1].astype(np.int32)
    normals = np.tile(np.array([0, 0, -1], np.float32), (len(vertices), 1))
    return TriangleMesh(vertices=vertices, triangles=np.ascontiguousarray(triangles), normals=normals)


def box(size: float = 1.0) -> TriangleMesh:
    """A cube with corners of its own on each side, so that its edges are sharp."""
    vertices, triangles, normals = [], [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            side = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float) * size / 2
            points = np.insert(side, axis, sign * size / 2, axis=1)
            outward = np.eye(3)[axis] * sign
            turned = np.cross(points[1] - points[0], points[2] - points[0]) @ outward > 0
            faces = np.array([[0, 1, 2], [0, 2, 3]]) if turned else np.array([[0, 2, 1], [0, 3, 2]])
            triangles.append(faces + 4 * len(vertices))
            vertices.append(points)
            normals.append(np.tile(outward, (4, 1)))
    return TriangleMesh(
        vertices=np.concatenate(vertices).astype(np.float32),
        triangles=np.concatenate(triangles).astype(np.int32),
        normals=np.concatenate(normals).astype(np.float32),
    )


def with_texture(mesh: TriangleMesh) -> TriangleMesh:
    """The mesh with two triangles per cell of an image, each triangle in a colour of its own."""
    n = int(np.ceil(np.sqrt(len(mesh.triangles))))
    cell = 16
    image = np.zeros((n * cell, n * cell, 3), dtype=np.uint8)
    uv = np.zeros((len(mesh.triangles), 3, 2), dtype=np.float32)
    for index in range(len(mesh.triangles)):
        row, column = divmod(index, n)
        image[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] = (40 + 200 * index // len(uv), 90, 200)
        x, y = (column + np.array([0.2, 0.8, 0.2])) / n, 1 - (row + np.array([0.2, 0.2, 0.8])) / n
        uv[index] = np.stack([x, y], axis=1)
    return TriangleMesh(
        vertices=mesh.vertices,
        triangles=mesh.triangles,
        normals=mesh.normals,
        colors=mesh.colors,
        texture=Texture(image=image, uv=uv),
    )

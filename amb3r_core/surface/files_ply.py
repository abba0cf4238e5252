"""PLY and STL of a mesh, binary, in the scene's own world."""

from pathlib import Path

import numpy as np

from amb3r_core.export.notes import comment_lines
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.surface.files_image import unit_normals
from amb3r_core.surface.mesh import TriangleMesh

_STL_HEADER_BYTES = 80


def write_ply_mesh(mesh: TriangleMesh, path: Path, reconstruction: Reconstruction, image_name: str | None) -> None:
    """Writes normals, colours and, for a texture in the file `image_name`, each corner's place in it as MeshLab does."""
    fields = [(name, "<f4") for name in ("x", "y", "z", "nx", "ny", "nz")]
    columns = [*mesh.vertices.T, *unit_normals(mesh).T]
    if mesh.colors is not None:
        fields += [(name, "u1") for name in ("red", "green", "blue")]
        columns += [*mesh.colors.T]
    vertices = np.empty(len(mesh.vertices), dtype=fields)
    for (name, _), column in zip(fields, columns, strict=True):
        vertices[name] = column
    corners = [("n", "u1"), ("corners", "<i4", (3,))]
    faces = np.empty(len(mesh.triangles), dtype=corners if image_name is None else [*corners, ("m", "u1"), ("uv", "<f4", (6,))])
    faces["n"], faces["corners"] = 3, mesh.triangles
    lines = ["ply", "format binary_little_endian 1.0", *(f"comment {line}" for line in comment_lines(reconstruction))]
    listed = ["property list uchar int vertex_indices"]
    if mesh.texture is not None and image_name is not None:
        faces["m"], faces["uv"] = 6, mesh.texture.uv.reshape(-1, 6)
        lines.append(f"comment TextureFile {image_name}")
        listed.append("property list uchar float texcoord")
    lines += [f"element vertex {len(vertices)}"]
    lines += [f"property {'float' if kind == '<f4' else 'uchar'} {name}" for name, kind in fields]
    lines += [f"element face {len(faces)}", *listed, "end_header"]
    with path.open("wb") as file:
        file.write(("\n".join(lines) + "\n").encode())
        file.write(vertices.tobytes())
        file.write(faces.tobytes())


def write_stl(mesh: TriangleMesh, path: Path, reconstruction: Reconstruction) -> None:
    """Writes the shape alone: STL has no colour; its header tells as much of the scene as it holds."""
    facets = np.zeros(len(mesh.triangles), dtype=[("normal", "<f4", (3,)), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    corners = mesh.vertices[mesh.triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facets["normal"] = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)
    facets["corners"] = corners
    note = "; ".join(comment_lines(reconstruction)[:2]).encode("ascii")[:_STL_HEADER_BYTES]
    with path.open("wb") as file:
        file.write(note.ljust(_STL_HEADER_BYTES) + np.uint32(len(facets)).tobytes() + facets.tobytes())

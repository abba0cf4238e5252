"""Write a mesh as PLY, OBJ or GLB, whole or not at all.

The GLB stands upright with +Y up, and its vertex colours are linear floats without shading, as core's point GLB has them;
Open3D's own writer stores sRGB numbers where glTF means linear light, which viewers show too bright.
"""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from amb3r_core import InputError, staged_file
from amb3r_core.export.glb import gltf_from_world, linear_colors
from amb3r_core.export.notes import provenance_record
from amb3r_core.scene.arrays import Float32, UInt8
from amb3r_open3d.failures import EmptyMeshError
from amb3r_open3d.scene import Scene

MESH_SUFFIXES = (".ply", ".glb", ".obj")
_FLOAT, _UINT32 = 5126, 5125
_ARRAY_BUFFER, _INDEX_BUFFER = 34962, 34963
GREY = 200


def write_mesh(mesh: o3d.t.geometry.TriangleMesh, path: Path | str, scene: Scene, *, overwrite: bool = False) -> Path:
    """Writes by the suffix, one of `MESH_SUFFIXES`; the path. Raises `InputError`, `EmptyMeshError`, `ResourceError`."""
    path = Path(path)
    if "indices" not in mesh.triangle or not len(mesh.triangle.indices):
        raise EmptyMeshError(f"{path}: not written, because the mesh has no triangle")
    if path.suffix.lower() not in MESH_SUFFIXES:
        raise InputError(f"{path}: a mesh is written as {', '.join(MESH_SUFFIXES)}")
    with staged_file(path, overwrite=overwrite) as partial:
        if path.suffix.lower() == ".glb":
            _write_glb(mesh, partial, scene)
        else:
            _write_by_open3d(mesh, partial, path.suffix.lower())
    return path


def check_target(path: Path, *, overwrite: bool) -> None:
    """`InputError` now rather than after the work when something is at `path` already."""
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already; choose another output or pass `overwrite=True`", option="overwrite")


def _write_by_open3d(mesh: o3d.t.geometry.TriangleMesh, partial: Path, suffix: str) -> None:
    """Open3D tells the format by the suffix, which a staged path does not have."""
    named = partial.with_name(partial.name + suffix)
    if not o3d.io.write_triangle_mesh(named, mesh.to_legacy(), write_vertex_normals=suffix != ".obj"):
        raise InputError(f"{partial}: Open3D could not write this mesh")
    named.replace(partial)


def _write_glb(mesh: o3d.t.geometry.TriangleMesh, path: Path, scene: Scene) -> None:
    positions: Float32 = mesh.vertex.positions.cpu().numpy().astype("<f4")
    colors: Float32 = linear_colors(vertex_colors(mesh)).astype("<f4")
    indices: NDArray[np.uint32] = mesh.triangle.indices.cpu().numpy().astype("<u4").ravel()
    arrays = (positions, colors, indices)
    document = _document(*arrays, scene)
    text = json.dumps(document, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    size = sum(array.nbytes for array in arrays)
    with path.open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + size))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", size, b"BIN\0"))
        for array in arrays:
            file.write(array.tobytes())


def vertex_colors(mesh: o3d.t.geometry.TriangleMesh) -> UInt8:
    """sRGB colours (V, 3) uint8 of the vertices; light grey when the mesh has none."""
    if "colors" not in mesh.vertex:
        return np.full((len(mesh.vertex.positions), 3), GREY, dtype=np.uint8)
    colors: NDArray[Any] = mesh.vertex.colors.cpu().numpy()
    return colors if colors.dtype == np.uint8 else np.rint(np.clip(colors, 0, 1) * 255).astype(np.uint8)


def _document(positions: Float32, colors: Float32, indices: NDArray[np.uint32], scene: Scene) -> dict[str, object]:
    """The glTF document of positions, colours and indices that follow each other in one buffer."""
    arrays = (positions, colors, indices)
    starts = np.cumsum([0, *(array.nbytes for array in arrays)]).tolist()
    targets = (_ARRAY_BUFFER, _ARRAY_BUFFER, _INDEX_BUFFER)
    views = [
        {"buffer": 0, "byteOffset": start, "byteLength": array.nbytes, "target": target}
        for array, start, target in zip(arrays, starts[:-1], targets, strict=True)
    ]
    accessors: list[dict[str, object]] = [
        {
            "bufferView": 0,
            "componentType": _FLOAT,
            "count": len(positions),
            "type": "VEC3",
            "min": positions.min(axis=0).tolist(),
            "max": positions.max(axis=0).tolist(),
        },
        {"bufferView": 1, "componentType": _FLOAT, "count": len(colors), "type": "VEC3"},
        {"bufferView": 2, "componentType": _UINT32, "count": len(indices), "type": "SCALAR"},
    ]
    record = provenance_record(scene.reconstruction)
    material: dict[str, object] = {
        "name": "surface",
        "doubleSided": True,
        "pbrMetallicRoughness": {"metallicFactor": 0.0},
        "extensions": {"KHR_materials_unlit": {}},
    }
    return {
        "asset": {"version": "2.0", "generator": f"amb3r {scene.reconstruction.provenance.version}", "extras": record},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "amb3r", "mesh": 0, "matrix": gltf_from_world(scene.reconstruction).T.ravel().tolist()}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "COLOR_0": 1}, "indices": 2, "mode": 4, "material": 0}]}],
        "materials": [material],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": starts[-1]}],
    }

"""GLB (glTF 2.0) of a mesh: upright with +Y up, with normals and a lit material; vertex colours are linear floats."""

from pathlib import Path

from amb3r_core.export.glb import gltf_from_world, linear_colors
from amb3r_core.export.glb_file import FLOAT, INDEX_DATA, UINT32, VERTEX_DATA, GlbBuffer, Json, column_major, write_container
from amb3r_core.export.notes import provenance_record
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.surface.files_image import ImageFormat, encoded, split_at_seams, unit_normals
from amb3r_core.surface.mesh import TriangleMesh

ROUGHNESS = 0.9
"""Of every material; walls and cloth."""
_LINEAR, _MIPMAPS, _CLAMP = 9729, 9987, 33071


def write_glb_mesh(mesh: TriangleMesh, path: Path, reconstruction: Reconstruction, image_format: ImageFormat) -> None:
    """Writes one GLB that holds its texture."""
    buffer = GlbBuffer()
    material: Json = {"metallicFactor": 0.0, "roughnessFactor": ROUGHNESS}
    if mesh.texture is not None:
        material["baseColorTexture"] = {"index": 0}
    primitive = {**_geometry(mesh, buffer), "mode": 4, "material": 0}
    document: Json = {
        "asset": {
            "version": "2.0",
            "generator": f"amb3r {reconstruction.provenance.version}",
            "extras": provenance_record(reconstruction),
        },
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "amb3r", "mesh": 0, "matrix": column_major(gltf_from_world(reconstruction))}],
        "meshes": [{"name": "surface", "primitives": [primitive]}],
        "materials": [{"name": "surface", "doubleSided": True, "pbrMetallicRoughness": material}],
    }
    if mesh.texture is not None:
        view = buffer.add_bytes(encoded(mesh.texture.image, image_format))
        document |= {
            "images": [{"name": "texture", "bufferView": view, "mimeType": f"image/{image_format}"}],
            "samplers": [{"magFilter": _LINEAR, "minFilter": _MIPMAPS, "wrapS": _CLAMP, "wrapT": _CLAMP}],
            "textures": [{"source": 0, "sampler": 0}],
        }
    document |= {"accessors": buffer.accessors, "bufferViews": buffer.views, "buffers": [{"byteLength": buffer.size}]}
    write_container(path, document, buffer)


def _geometry(mesh: TriangleMesh, buffer: GlbBuffer) -> Json:
    """Attributes and indices; a texture needs vertices on seams twice, and leaves no room for vertex colours, which tint it."""
    positions, normals, colors = mesh.vertices, unit_normals(mesh), mesh.colors
    triangles = mesh.triangles.astype("<u4")
    attributes: Json = {}
    if mesh.texture is not None:
        split = split_at_seams(mesh)
        positions, normals, triangles, colors = positions[split.vertex], normals[split.vertex], split.triangles, None
        uv = split.uv.copy()
        uv[:, 1] = 1.0 - uv[:, 1]  # glTF counts from the top
        attributes["TEXCOORD_0"] = buffer.add(uv.astype("<f4"), FLOAT, "VEC2", VERTEX_DATA)
    if colors is not None:
        attributes["COLOR_0"] = buffer.add(linear_colors(colors).astype("<f4"), FLOAT, "VEC3", VERTEX_DATA)
    attributes["POSITION"] = buffer.add(positions.astype("<f4"), FLOAT, "VEC3", VERTEX_DATA)
    attributes["NORMAL"] = buffer.add(normals.astype("<f4"), FLOAT, "VEC3", VERTEX_DATA)
    return {"attributes": attributes, "indices": buffer.add(triangles.ravel(), UINT32, "SCALAR", INDEX_DATA)}

"""A texture as the bytes of an image file, and corners of a mesh as the vertices that graphics cards want."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amb3r_core.scene.arrays import Float32, UInt8
from amb3r_core.surface.mesh import TriangleMesh

ImageFormat = Literal["jpeg", "png"]
IMAGE_SUFFIXES: Mapping[ImageFormat, str] = MappingProxyType({"jpeg": ".jpg", "png": ".png"})
JPEG_QUALITY = 92


def encoded(image: UInt8, image_format: ImageFormat) -> bytes:
    """The bytes of an image file of (H, W, 3)."""
    data = io.BytesIO()
    if image_format == "png":
        Image.fromarray(image).save(data, "PNG", compress_level=6)
    else:
        Image.fromarray(image).save(data, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return data.getvalue()


@dataclass(frozen=True, slots=True)
class SplitVertices:
    """A mesh whose vertices each have one place in the texture: those on seams are there several times."""

    vertex: NDArray[np.intp]
    """(S,) the vertex of the mesh that each is."""
    uv: Float32
    """(S, 2) (0, 0) is the bottom left corner of the image."""
    triangles: NDArray[np.uint32]
    """(F, 3) into these."""


def split_at_seams(mesh: TriangleMesh) -> SplitVertices:
    """The vertices of a textured mesh, once for each place in the texture. `ValueError` without a texture."""
    if mesh.texture is None:
        raise ValueError("the mesh has no texture, so no vertex has a place in it")
    row = np.empty(mesh.triangles.size, dtype=[("vertex", "<i4"), ("u", "<f4"), ("v", "<f4")])
    row["vertex"] = mesh.triangles.ravel()
    row["u"], row["v"] = mesh.texture.uv.reshape(-1, 2).T
    order = np.lexsort((row["v"], row["u"], row["vertex"]))
    ordered = row[order]
    is_new = np.append(True, ordered[1:] != ordered[:-1])
    kept = ordered[is_new]
    index = np.empty(len(row), dtype=np.uint32)
    index[order] = np.cumsum(is_new) - 1
    uv = np.stack([kept["u"], kept["v"]], axis=1).astype(np.float32)
    return SplitVertices(kept["vertex"].astype(np.intp), uv, index.reshape(-1, 3))


def unit_normals(mesh: TriangleMesh) -> Float32:
    """The mesh's normals (V, 3), of unit length also where they were given as zero."""
    length = np.linalg.norm(mesh.normals.astype(np.float64), axis=1, keepdims=True)
    known = length[:, 0] > 1e-12
    normals = np.tile(np.array([0.0, 0.0, 1.0]), (len(mesh.normals), 1))
    normals[known] = mesh.normals[known] / length[known]
    return normals.astype(np.float32)

"""GLB (glTF 2.0): the coloured points and every camera as a wire pyramid, standing upright in any viewer.

glTF is +Y up: the root node turns the scene's up there when it is known, else it turns OpenCV axes into glTF ones. Below the
root, coordinates are the scene's own. Each view is a node whose matrix is its camera-to-world pose (OpenCV axes) and whose
mesh is the pyramid over its image's corners. Vertex colours are linear, as glTF wants, and floats: eight bits of linear light
band in the dark, and some readers mistake sixteen.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amb3r_core.export.glb_file import FLOAT, UINT16, GlbBuffer, Json, column_major, write_container
from amb3r_core.export.notes import provenance_record
from amb3r_core.export.points import ScenePoints
from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.conventions import OPENCV_FROM_OPENGL, rigid, up_axis_rotation
from amb3r_core.scene.reconstruction import Reconstruction

FRUSTUM_SHARE = 0.08
"""Depth of the camera pyramids as a share of the cameras' median distance to the middle of the points."""
FRUSTUM_COLOUR = (1.0, 0.35, 0.0, 1.0)
_POINTS, _LINES = 0, 1
_EDGES = np.array([0, 1, 0, 2, 0, 3, 0, 4, 1, 2, 2, 3, 3, 4, 4, 1], dtype="<u2")


def export_glb(reconstruction: Reconstruction, path: Path, points: ScenePoints | None = None) -> list[Path]:
    """Writes one GLB; a scene without depth has its cameras only."""
    write_glb(path, reconstruction, (points or ScenePoints(reconstruction)).cloud)
    return [path]


def write_glb(path: Path, reconstruction: Reconstruction, cloud: PointCloud) -> None:
    """Writes the points and one pyramid per view."""
    buffer = GlbBuffer()
    nodes: list[Json] = [{"name": "amb3r", "matrix": column_major(gltf_from_world(reconstruction))}]
    meshes: list[Json] = []
    if len(cloud):
        nodes.append({"name": "points", "mesh": len(meshes)})
        meshes.append({"name": "points", "primitives": [_points_primitive(buffer, cloud)]})
    size = _frustum_size(reconstruction, cloud)
    edges = buffer.add(_EDGES, UINT16, "SCALAR") if reconstruction.views else 0
    for view in reconstruction.views:
        nodes.append({"name": view.name, "mesh": len(meshes), "matrix": column_major(view.cam_to_world)})
        corners = buffer.add(frustum(view.camera, size), FLOAT, "VEC3")
        lines: Json = {"attributes": {"POSITION": corners}, "indices": edges, "mode": _LINES, "material": 1}
        meshes.append({"name": f"camera {view.name}", "primitives": [lines]})
    if len(nodes) > 1:
        nodes[0]["children"] = list(range(1, len(nodes)))
    write_container(path, _document(reconstruction, nodes, meshes, buffer), buffer)


def gltf_from_world(reconstruction: Reconstruction) -> Float64:
    """The rigid transform (4, 4) that stands the scene upright with +Y up."""
    if reconstruction.up_world is None:
        return OPENCV_FROM_OPENGL.copy()
    return rigid(up_axis_rotation(np.array(reconstruction.up_world), "y"), np.zeros(3))


def frustum(camera: PinholeCamera, depth: float) -> Float32:
    """The camera centre and the image's outer corners at `depth`, clockwise from the top left (5, 3), in the camera frame."""
    right, bottom = camera.width - 0.5, camera.height - 0.5
    pixels = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
    rays = (pixels - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    corners = np.concatenate([rays, np.ones((4, 1))], axis=1) * depth
    return np.concatenate([np.zeros((1, 3)), corners]).astype(np.float32)


def linear_colors(colors: NDArray[np.uint8]) -> Float32:
    """Linear RGB (M, 3) in [0, 1] of 8-bit sRGB colours (M, 3), IEC 61966-2-1."""
    srgb = np.arange(256) / 255.0
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)[colors]


def _points_primitive(buffer: GlbBuffer, cloud: PointCloud) -> Json:
    position = buffer.add(cloud.points.astype("<f4"), FLOAT, "VEC3")
    color = buffer.add(linear_colors(cloud.colors).astype("<f4"), FLOAT, "VEC3")
    return {"attributes": {"POSITION": position, "COLOR_0": color}, "mode": _POINTS, "material": 0}


def _frustum_size(reconstruction: Reconstruction, cloud: PointCloud) -> float:
    centres = reconstruction.cam_to_world[:, :3, 3]
    if not len(centres):
        return 1.0
    middle = np.quantile(cloud.points.astype(np.float64) if len(cloud) else centres, 0.5, axis=0)
    distances: Float64 = np.linalg.norm(centres - middle, axis=1)
    distance = float(np.median(distances))
    return FRUSTUM_SHARE * distance if distance > 0 else 1.0


def _document(reconstruction: Reconstruction, nodes: list[Json], meshes: list[Json], buffer: GlbBuffer) -> Json:
    version = reconstruction.provenance.version
    document: Json = {
        "asset": {"version": "2.0", "generator": f"amb3r {version}", "extras": provenance_record(reconstruction)},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": nodes,
        "materials": [_unlit("points", (1.0, 1.0, 1.0, 1.0)), _unlit("cameras", FRUSTUM_COLOUR)],
    }
    if meshes:
        document |= {"meshes": meshes, "accessors": buffer.accessors, "bufferViews": buffer.views}
        document["buffers"] = [{"byteLength": buffer.size}]
    return document


def _unlit(name: str, colour: tuple[float, float, float, float]) -> Json:
    return {
        "name": name,
        "pbrMetallicRoughness": {"baseColorFactor": list(colour), "metallicFactor": 0.0},
        "extensions": {"KHR_materials_unlit": {}},
    }

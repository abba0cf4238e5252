"""Run by `sheet` in a process of its own: without a Vulkan driver Open3D's renderer aborts instead of raising.

    python -m amb3r_core.surface.offscreen MESH.npz OUT.npz

MESH.npz holds vertices, triangles and normals of a mesh, its colors or the uv and image of its texture, size (width, height), and
per picture intrinsic (3, 3), extrinsic (4, 4) and light (3,), the world direction in which the light shines. OUT.npz holds rgb
(K, H, W, 3) uint8.
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amb3r_core.export.glb import linear_colors
from amb3r_core.optional import require

BACKGROUND = (1.0, 1.0, 1.0, 1.0)
ROUGHNESS = 0.9
FINER = 2
"""Pictures are rendered so many times larger, and averaged."""
LARGEST_TEXTURE = 2048
"""Where texels are much smaller than pixels, the renderer mixes in distant parts of the image: dark specks."""
SUN_LUX, SKY_LUX = 100_000.0, 150_000.0
"""Light from one direction, and from all around: together a surface that faces the light is about as bright as its photo."""


def main(mesh_path: str, out_path: str) -> None:
    """Renders every picture."""
    o3d: Any = require("open3d", extra="mesh", purpose="to render a mesh")
    with np.load(mesh_path) as stored:
        given: dict[str, NDArray[Any]] = dict(stored)
    width, height = given["size"].tolist()
    renderer = o3d.visualization.rendering.OffscreenRenderer(FINER * width, FINER * height)
    renderer.scene.set_background(BACKGROUND)
    material = o3d.visualization.rendering.MaterialRecord()
    material.shader = "defaultLit"
    material.base_roughness, material.base_metallic, material.base_reflectance = ROUGHNESS, 0.0, 0.1
    if "image" in given:
        material.albedo_img = o3d.geometry.Image(np.ascontiguousarray(_reduced(given["image"])))
    renderer.scene.add_geometry("mesh", _mesh(o3d, given), material)
    profile, lights = renderer.scene.LightingProfile.NO_SHADOWS, renderer.scene.scene
    pictures: list[NDArray[np.uint8]] = []
    for intrinsic, extrinsic, light in zip(given["intrinsic"], given["extrinsic"], given["light"], strict=True):
        renderer.scene.set_lighting(profile, light.astype(np.float32))
        lights.enable_sun_light(True)  # the profile has none
        lights.set_sun_light(light.astype(np.float32), np.ones(3, np.float32), SUN_LUX)
        lights.set_indirect_light_intensity(SKY_LUX)
        renderer.setup_camera(np.diag([FINER, FINER, 1.0]) @ intrinsic, extrinsic, FINER * width, FINER * height)
        pictures.append(_averaged(np.asarray(renderer.render_to_image()), FINER))
    np.savez(out_path, rgb=np.stack(pictures))


def _reduced(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image, halved until it is small enough."""
    while max(image.shape) > LARGEST_TEXTURE and not (image.shape[0] % 2 or image.shape[1] % 2):
        image = _averaged(image, 2)
    return image


def _averaged(image: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    """The image so many times smaller."""
    height, width, channels = image.shape
    blocks = image.reshape(height // times, times, width // times, times, channels)
    return np.rint(blocks.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)


def _mesh(o3d: Any, given: dict[str, NDArray[Any]]) -> Any:
    mesh = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(given["vertices"].astype(np.float64)), o3d.utility.Vector3iVector(given["triangles"])
    )
    mesh.vertex_normals = o3d.utility.Vector3dVector(given["normals"].astype(np.float64))
    if "uv" in given:
        mesh.triangle_uvs = o3d.utility.Vector2dVector(given["uv"].reshape(-1, 2).astype(np.float64))
    else:
        mesh.vertex_colors = o3d.utility.Vector3dVector(linear_colors(given["colors"]).astype(np.float64))
    return mesh


if __name__ == "__main__":
    main(*sys.argv[1:])

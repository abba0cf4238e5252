"""Run by `pictures.render` in a process of its own: without a Vulkan driver Open3D's renderer aborts instead of raising.

    python -m amb3r_open3d.offscreen GEOMETRY.ply CAMERA.npz OUT.npz

CAMERA.npz holds size (width, height), intrinsic (3, 3) and extrinsic (4, 4). OUT.npz holds rgb (H, W, 3) uint8 and depth (H, W)
float32 along the optical axis, inf where nothing is.
"""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

import sys
from pathlib import Path

import numpy as np
import open3d as o3d

BACKGROUND = (1.0, 1.0, 1.0, 1.0)
POINT_SIZE = 3.0


def main(geometry_path: str, camera_path: str, out_path: str) -> None:
    """Renders one picture."""
    camera = np.load(camera_path)
    width, height = camera["size"].tolist()
    renderer = o3d.visualization.rendering.OffscreenRenderer(width, height)
    renderer.scene.set_background(BACKGROUND)
    renderer.scene.view.set_post_processing(False)  # colours come out as they are
    material = o3d.visualization.rendering.MaterialRecord()
    material.shader = "defaultUnlit"
    material.point_size = POINT_SIZE
    renderer.scene.add_geometry("geometry", _read(geometry_path), material)
    renderer.setup_camera(camera["intrinsic"], camera["extrinsic"], width, height)
    rgb = np.asarray(renderer.render_to_image())
    depth = np.asarray(renderer.render_to_depth_image(z_in_view_space=True))
    np.savez(out_path, rgb=rgb, depth=depth)


def _read(path: str) -> "o3d.geometry.TriangleMesh | o3d.geometry.PointCloud":
    mesh = o3d.io.read_triangle_mesh(Path(path))
    return mesh if len(mesh.triangles) else o3d.io.read_point_cloud(Path(path))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Pictures without a window, rendered in a subprocess so that a machine without Vulkan gets an error and not an abort."""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

import functools
import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open3d as o3d

from amb3r_core import DependencyError, PinholeCamera, staged_file
from amb3r_core.export.png import write_png
from amb3r_core.scene.arrays import Float32, Float64, UInt8
from amb3r_core.scene.conventions import invert
from amb3r_open3d.cameras import intrinsic_matrix
from amb3r_open3d.scene import Scene

log = logging.getLogger(__name__)

SCREENSHOT_SIZE = (1280, 960)
TIMEOUT_S = 300.0
STEP_BACK = 0.15
"""How far a screenshot's camera stands behind the view it takes, as a share of that view's median depth."""

Geometry = o3d.t.geometry.TriangleMesh | o3d.geometry.TriangleMesh | o3d.t.geometry.PointCloud | o3d.geometry.PointCloud


@dataclass(frozen=True)
class Rendering:
    """rgb (H, W, 3) uint8; depth (H, W) float32 along the optical axis in scene units, inf where nothing is."""

    rgb: UInt8
    depth: Float32


def render(geometry: Geometry, camera: PinholeCamera, cam_to_world: Float64) -> Rendering:
    """A mesh or cloud with its own colours, unlit, before white. Raises `DependencyError` where nothing can be rendered."""
    legacy = geometry.to_legacy() if isinstance(geometry, o3d.t.geometry.Geometry) else geometry
    with tempfile.TemporaryDirectory(prefix="amb3r-render-") as folder:
        place = Path(folder)
        if isinstance(legacy, o3d.geometry.TriangleMesh):
            o3d.io.write_triangle_mesh(place / "geometry.ply", legacy)
        else:
            o3d.io.write_point_cloud(place / "geometry.ply", legacy)
        np.savez(
            place / "camera.npz",
            size=np.array([camera.width, camera.height]),
            intrinsic=intrinsic_matrix(camera, "tsdf"),
            extrinsic=invert(cam_to_world),
        )
        files = [str(place / name) for name in ("geometry.ply", "camera.npz", "out.npz")]
        command = [sys.executable, "-m", "amb3r_open3d.offscreen", *files]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=_environment())
        if done.returncode != 0:
            log.info("the renderer ended with %d: %s", done.returncode, done.stderr)
            raise DependencyError(
                f"Open3D could not render here (exit {done.returncode}): it needs a Vulkan driver, on a machine without a GPU "
                "the software one (Debian and Ubuntu: apt install mesa-vulkan-drivers libvulkan1)"
            )
        with np.load(place / "out.npz") as out:
            return Rendering(out["rgb"], out["depth"])


@functools.cache
def can_render() -> bool:
    """Whether `render` works on this machine; tried once, in a subprocess."""
    try:
        camera = PinholeCamera(width=16, height=16, fx=16, fy=16, cx=7.5, cy=7.5)
        render(o3d.geometry.TriangleMesh.create_box(), camera, np.eye(4))
    except DependencyError:
        return False
    return True


def screenshot(mesh: Geometry, path: Path | str, scene: Scene, *, overwrite: bool = False) -> Path:
    """Writes a PNG of the mesh as the scene's most central view sees it, from a little farther back; the path."""
    camera, cam_to_world = screenshot_camera(scene)
    picture = render(mesh, camera, cam_to_world)
    with staged_file(Path(path), overwrite=overwrite) as partial:
        write_png(partial, picture.rgb)
    return Path(path)


def screenshot_camera(scene: Scene) -> tuple[PinholeCamera, Float64]:
    """The camera and camera-to-world pose of a screenshot."""
    centres = scene.reconstruction.cam_to_world[:, :3, 3]
    index = int(np.argmin(np.linalg.norm(centres - np.quantile(centres, 0.5, axis=0), axis=1)))
    depth = np.asarray(scene.dense.depth[index])
    back = STEP_BACK * float(np.quantile(depth[depth > 0], 0.5)) if (depth > 0).any() else 0.0
    pose = scene.view(index).cam_to_world.copy()
    pose[:3, 3] -= back * pose[:3, 2]
    camera = scene.camera(index, "image")
    zoom = min(SCREENSHOT_SIZE[0] / camera.width, SCREENSHOT_SIZE[1] / camera.height)
    width, height = round(camera.width * zoom), round(camera.height * zoom)
    resized = camera.resized(width, height)
    return resized, pose


def _environment() -> dict[str, str]:
    """The child finds this package where the parent did."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

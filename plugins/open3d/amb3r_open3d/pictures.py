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

from amb3r_core import DependencyError, InputError, PinholeCamera, write_sheet
from amb3r_core.scene.arrays import Float32, Float64, UInt8
from amb3r_core.scene.conventions import invert
from amb3r_open3d.cameras import intrinsic_matrix
from amb3r_open3d.mesh_files import to_core
from amb3r_open3d.scene import Scene

log = logging.getLogger(__name__)

TIMEOUT_S = 300.0

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
    """Writes a sheet of the mesh as PNG, see `amb3r_core.write_sheet`; the path. Raises `InputError` for anything but a mesh."""
    if isinstance(mesh, o3d.geometry.TriangleMesh):
        mesh = o3d.t.geometry.TriangleMesh.from_legacy(mesh)
    if not isinstance(mesh, o3d.t.geometry.TriangleMesh):
        raise InputError(f"a screenshot shows a mesh, not a {type(mesh).__name__}")
    return write_sheet(to_core(mesh), Path(path), scene.reconstruction, overwrite=overwrite)


def _environment() -> dict[str, str]:
    """The child finds this package where the parent did."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

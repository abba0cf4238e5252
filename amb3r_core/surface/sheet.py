"""A sheet of pictures that hides nothing: the mesh under light, as a photo saw it, from the side and from above.

Rendered by Open3D without a window, in a process of its own, so that a machine without a driver gets an error and not an abort.
"""

import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amb3r_core.errors import DependencyError
from amb3r_core.export.png import write_png
from amb3r_core.inputs.pixels import load_rgb
from amb3r_core.scene.arrays import Float32, Float64, UInt8
from amb3r_core.scene.conventions import invert, rigid
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.storage.staging import staged_file
from amb3r_core.surface.mesh import TriangleMesh
from amb3r_core.surface.open3d_meshes import open3d_module

log = logging.getLogger(__name__)

PANEL = (800, 600)
"""Largest width and height of one picture."""
GAP = 8
"""Pixels between pictures."""
TIMEOUT_S = 300.0
RAISED_DEG = 25.0
"""How far above the horizon the side view stands."""
AROUND_DEG = 60.0
"""How far it is turned away from the photo's direction."""
ABOVE_DEG = 80.0
"""Almost from straight above, so that walls are seen too."""
FIELD_OF_VIEW_DEG = 40.0
MIDDLE_SHARE = (0.02, 0.98)
"""The part of the vertices that the side view and the view from above must hold."""
GREY = 180


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture to take."""

    intrinsic: Float64
    """(3, 3), pixels counted from the corner of the first one."""
    cam_to_world: Float64
    """(4, 4)."""


def write_sheet(mesh: TriangleMesh, path: Path, reconstruction: Reconstruction, *, overwrite: bool = False) -> Path:
    """Writes the sheet as PNG: a photo and the mesh from its camera, below the mesh from the side and from above; the path.

    Raises `DependencyError` where nothing can be rendered.
    """
    index = middle_view(reconstruction)
    size = _panel_size(reconstruction, index)
    shots = [_photo_shot(reconstruction, index, size), *_outside_shots(mesh, reconstruction, index, size)]
    from_camera, side, above = render_lit(mesh, shots, size)
    photo = _photo(reconstruction, index, size)
    with staged_file(path, overwrite=overwrite) as partial:
        write_png(partial, _arranged([[photo, from_camera], [side, above]]))
    return path


def render_lit(mesh: TriangleMesh, shots: list[Shot], size: tuple[int, int]) -> list[UInt8]:
    """Pictures (H, W, 3) of the mesh in its texture, else its vertex colours, lit from beside the camera, on white.

    size is (width, height).
    """
    open3d_module()
    with tempfile.TemporaryDirectory(prefix="amb3r-render-") as folder:
        given, out = Path(folder) / "mesh.npz", Path(folder) / "out.npz"
        np.savez(
            given,
            vertices=mesh.vertices,
            triangles=mesh.triangles,
            normals=mesh.normals,
            **_paint(mesh),
            size=np.array(size),
            intrinsic=np.stack([shot.intrinsic for shot in shots]),
            extrinsic=np.stack([invert(shot.cam_to_world) for shot in shots]),
            light=np.stack([shot.cam_to_world[:3, :3] @ _unit(np.array([0.4, 0.5, 1.0])) for shot in shots]),
        )
        command = [sys.executable, "-m", "amb3r_core.surface.offscreen", str(given), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=_environment())
        if done.returncode != 0:
            log.info("the renderer ended with %d: %s", done.returncode, done.stderr)
            raise DependencyError(
                f"Open3D could not render here (exit {done.returncode}): it needs a Vulkan driver, on a machine without a GPU "
                "the software one (Debian and Ubuntu: apt install mesa-vulkan-drivers libvulkan1)"
            )
        with np.load(out) as pictures:
            return list(pictures["rgb"])


def _paint(mesh: TriangleMesh) -> dict[str, UInt8 | Float32]:
    """The mesh's texture, its vertex colours where it has none, and grey where it has neither."""
    if mesh.texture is not None:
        return {"uv": mesh.texture.uv, "image": mesh.texture.image}
    return {"colors": np.full(mesh.vertices.shape, GREY, np.uint8) if mesh.colors is None else mesh.colors}


def middle_view(reconstruction: Reconstruction) -> int:
    """The view that stands nearest to the middle of all."""
    centres = reconstruction.cam_to_world[:, :3, 3]
    return int(np.argmin(np.linalg.norm(centres - np.median(centres, axis=0), axis=1)))


def _photo_shot(reconstruction: Reconstruction, index: int, size: tuple[int, int]) -> Shot:
    view = reconstruction.views[index]
    camera = view.camera.resized(*size)
    matrix = np.array([[camera.fx, 0, camera.cx + 0.5], [0, camera.fy, camera.cy + 0.5], [0, 0, 1]])
    return Shot(matrix, view.cam_to_world)


def _outside_shots(mesh: TriangleMesh, reconstruction: Reconstruction, index: int, size: tuple[int, int]) -> list[Shot]:
    """From the side and from above, far enough away to hold nearly all of the mesh."""
    pose = reconstruction.cam_to_world
    up = _unit(np.array(reconstruction.up_world)) if reconstruction.up_world is not None else _unit(-pose[:, :3, 1].mean(axis=0))
    forward = pose[index, :3, 2] - up * (pose[index, :3, 2] @ up)
    forward = _unit(forward if np.linalg.norm(forward) > 1e-6 else np.cross(up, pose[index, :3, 0]))
    right = np.cross(forward, up)
    low, high = np.quantile(mesh.vertices, MIDDLE_SHARE, axis=0)
    inner = mesh.vertices[((mesh.vertices >= low) & (mesh.vertices <= high)).all(axis=1)]
    points = (inner if len(inner) else mesh.vertices).astype(np.float64)
    turned = np.cos(np.deg2rad(AROUND_DEG)) * forward + np.sin(np.deg2rad(AROUND_DEG)) * right
    return [
        _looking(points, -np.cos(np.deg2rad(height)) * away + np.sin(np.deg2rad(height)) * up, up, size)
        for away, height in ((turned, RAISED_DEG), (forward, ABOVE_DEG))
    ]


def _looking(points: Float64, outward: Float64, up: Float64, size: tuple[int, int]) -> Shot:
    """A camera that looks at the middle of the points from direction `outward` and holds all of them."""
    forward = -_unit(outward)
    right = _unit(np.cross(forward, up))
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    focal = size[0] / 2 / np.tan(np.deg2rad(FIELD_OF_VIEW_DEG) / 2)
    seen = (points - middle) @ rotation
    halves = np.array(size) / 2 / focal
    distance = float((np.abs(seen[:, :2]) / halves - seen[:, 2:]).max())
    matrix = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]])
    return Shot(matrix, rigid(rotation, middle - distance * forward))


def _panel_size(reconstruction: Reconstruction, index: int) -> tuple[int, int]:
    camera = reconstruction.views[index].camera
    zoom = min(PANEL[0] / camera.width, PANEL[1] / camera.height)
    return max(1, round(camera.width * zoom)), max(1, round(camera.height * zoom))


def _photo(reconstruction: Reconstruction, index: int, size: tuple[int, int]) -> UInt8:
    """The photo, or what the dense grid keeps of it where its file is gone."""
    view, dense = reconstruction.views[index], reconstruction.dense
    if view.path is not None and Path(view.path).is_file():
        image = load_rgb(Path(view.path))
    elif dense is not None:
        image = np.asarray(dense.rgb[index])[view.letterbox.slices]
    else:
        return np.full((size[1], size[0], 3), 255, dtype=np.uint8)
    rows = ((np.arange(size[1]) + 0.5) * image.shape[0] / size[1]).astype(np.intp)
    columns = ((np.arange(size[0]) + 0.5) * image.shape[1] / size[0]).astype(np.intp)
    return image[rows][:, columns]


def _arranged(rows: list[list[UInt8]]) -> UInt8:
    """Pictures of one size as a table, white between them."""
    height, width, _ = rows[0][0].shape
    sheet = np.full((len(rows) * (height + GAP) - GAP, len(rows[0]) * (width + GAP) - GAP, 3), 255, dtype=np.uint8)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            sheet[y * (height + GAP) :, x * (width + GAP) :][:height, :width] = picture
    return sheet


def _unit(vector: Float64) -> Float64:
    return vector / np.linalg.norm(vector)


def _environment() -> dict[str, str]:
    """The child finds this package where the parent did."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

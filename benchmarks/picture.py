"""The README's picture: photos of a scene, their depth, and the fused cloud seen from beside the cameras.

    python benchmarks/picture.py SCENE OUT.jpg [--view 6] [--aside 0.35] [--up 0.15]

--aside and --up move the camera of the cloud's picture, as shares of the view's median depth.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amb3r_core.export.scene_dir import load_cloud, load_scene
from amb3r_core.scene.arrays import UInt8
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.conventions import invert, rigid
from amb3r_core.scene.geometry import transform_points

BACKGROUND = 24
TURBO = np.array(
    [
        *([48, 18, 59], [70, 107, 227], [40, 187, 236], [49, 242, 153], [162, 252, 60]),
        *([237, 208, 58], [251, 128, 34], [210, 49, 5], [122, 4, 3]),
    ]
)
"""Nine colours of the Turbo map (Mikhailov, 2019)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--view", type=int, default=6)
    parser.add_argument("--aside", type=float, default=0.35)
    parser.add_argument("--up", type=float, default=0.15)
    arguments = parser.parse_args()
    scene, cloud = load_scene(arguments.scene), load_cloud(arguments.scene)
    if scene.dense is None or cloud is None:
        raise SystemExit(f"{arguments.scene}: no depth or no points in it")
    view, depth = scene.views[arguments.view], np.asarray(scene.dense.depth[arguments.view])
    photo = np.asarray(scene.dense.rgb[arguments.view])
    distance = float(np.median(depth[depth > 0]))
    here = view.cam_to_world
    there = here @ rigid(np.eye(3), np.array([arguments.aside * distance, -arguments.up * distance, -0.1 * distance]))
    there = there @ rigid(_turn(-arguments.aside, arguments.up), np.zeros(3))
    K = scene.dense_camera(arguments.view).K
    panels = [photo, colored(depth), drawn(cloud, here, K, depth.shape), drawn(cloud, there, K, depth.shape)]
    rows = [np.hstack(panels[:2]), np.hstack(panels[2:])]
    Image.fromarray(np.vstack(rows)).resize((1120, 840), Image.Resampling.LANCZOS).save(arguments.picture, quality=82)


def colored(depth: NDArray[np.float32]) -> UInt8:
    """Inverse depth (H, W) as Turbo colours; unknown is dark."""
    near = np.where(depth > 0, 1.0 / np.maximum(depth, 1e-6), 0.0)
    low, high = np.percentile(near[depth > 0], [2, 98])
    place = np.clip((near - low) / (high - low), 0, 1) * (len(TURBO) - 1)
    floor = np.minimum(place.astype(int), len(TURBO) - 2)
    mixed = TURBO[floor] + (TURBO[floor + 1] - TURBO[floor]) * (place - floor)[..., None]
    mixed[depth <= 0] = BACKGROUND
    return mixed.astype(np.uint8)


def drawn(cloud: PointCloud, cam_to_world: NDArray[np.float64], K: NDArray[np.float64], shape: tuple[int, ...]) -> UInt8:
    """The cloud seen by a pinhole: each point a square of its own size, the nearest in front."""
    points = transform_points(invert(cam_to_world), cloud.points)
    front = points[:, 2] > 1e-3
    points, colors, radius = points[front], cloud.colors[front], cloud.radius[front]
    u = K[0, 0] * points[:, 0] / points[:, 2] + K[0, 2]
    v = K[1, 1] * points[:, 1] / points[:, 2] + K[1, 2]
    half = np.clip(np.ceil(K[0, 0] * radius / points[:, 2] - 0.5), 0, 3).astype(int)
    picture = np.full((*shape, 3), BACKGROUND, np.uint8)
    order = np.argsort(-points[:, 2], kind="stable")
    for dv in range(-3, 4):
        for du in range(-3, 4):
            chosen = order[half[order] >= max(abs(du), abs(dv))]
            column, row = np.rint(u[chosen]).astype(int) + du, np.rint(v[chosen]).astype(int) + dv
            inside = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
            _paint(picture, row[inside], column[inside], points[chosen[inside], 2], colors[chosen[inside]])
    return picture


_DEPTH: dict[int, NDArray[np.float32]] = {}


def _paint(picture: UInt8, row: NDArray[np.int64], column: NDArray[np.int64], z: NDArray[np.float32], colors: UInt8) -> None:
    buffer = _DEPTH.setdefault(id(picture), np.full(picture.shape[:2], np.inf, np.float32))
    nearer = z < buffer[row, column]
    row, column, z, colors = row[nearer], column[nearer], z[nearer], colors[nearer]
    buffer[row, column] = z  # far to near: the last write at a pixel is the nearest
    picture[row, column] = colors


def _turn(yaw: float, pitch: float) -> NDArray[np.float64]:
    cos_y, sin_y, cos_p, sin_p = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    about_y = np.array([[cos_y, 0, sin_y], [0, 1, 0], [-sin_y, 0, cos_y]])
    about_x = np.array([[1, 0, 0], [0, cos_p, sin_p], [0, -sin_p, cos_p]])
    return about_y @ about_x


if __name__ == "__main__":
    main()

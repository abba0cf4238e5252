"""A room with exact depth: a textured box of walls with a smaller box inside, ray cast in numpy."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from amb3r_core.models.colmap.stereo.neighbours import SparseScene

Float = NDArray[np.float64]

ROOM_MIN, ROOM_MAX = np.array([-2.0, -1.4, -1.0]), np.array([2.0, 1.2, 3.2])
BOX_MIN, BOX_MAX = np.array([-0.5, 0.1, 1.3]), np.array([0.4, 1.2, 2.0])
SUPERSAMPLING = 2


@dataclass(frozen=True)
class Room:
    """Rendered views: pixels (N, 3, H, W), depth (N, H, W) in metres, surface (N, H, W): 0 to 5 the walls, 6 to 11 the box."""

    pixels: torch.Tensor
    depth: torch.Tensor
    surface: torch.Tensor
    scene: SparseScene


def render_room(
    n_views: int = 5,
    size: tuple[int, int] = (96, 128),
    *,
    seed: int = 0,
    blank_surfaces: tuple[int, ...] = (),
    noise: float = 0.004,
    spread_m: float = 0.8,
) -> Room:
    """Views on an arc that look at the box; the sparse points are exact points of every view's depth on a coarse grid."""
    rng = np.random.default_rng(seed)
    textures = rng.random((12, 3, 64, 64))
    height, width = size
    intrinsics = np.array([[0.8 * width, 0, (width - 1) / 2], [0, 0.8 * width, (height - 1) / 2], [0, 0, 1]])
    poses = [
        look_at(np.array([x, 0.15 * np.sin(5 * x) - 0.2, -0.6]), np.array([0.1 * x, 0.3, 2.0]))
        for x in _spread(n_views, spread_m)
    ]
    images, depths, surfaces = [], [], []
    for pose in poses:
        colour, depth, surface = _render(intrinsics, pose, size, textures, blank_surfaces)
        images.append(np.clip(colour + noise * rng.standard_normal(colour.shape), 0, 1))
        depths.append(depth)
        surfaces.append(surface)
    return Room(
        pixels=torch.from_numpy(np.round(np.stack(images) * 255) / 255).float().permute(0, 3, 1, 2).contiguous(),
        depth=torch.from_numpy(np.stack(depths)).float(),
        surface=torch.from_numpy(np.stack(surfaces)),
        scene=sparse_scene(intrinsics, np.stack(poses), np.stack(depths)),
    )


def look_at(eye: Float, target: Float) -> Float:
    """The camera-to-world pose (4, 4), OpenCV axes, at `eye` with `target` in the middle and y down."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = eye
    return pose


def sparse_scene(intrinsics: Float, poses: Float, depths: Float, step: int = 12) -> SparseScene:
    """Cameras with the points that each view's depth gives on every `step`-th pixel, seen wherever nothing hides them."""
    points = np.concatenate(
        [_unproject(intrinsics, pose, depth)[::step, ::step].reshape(-1, 3) for pose, depth in zip(poses, depths, strict=True)]
    )
    observed = tuple(
        torch.from_numpy(np.flatnonzero(_sees(intrinsics, pose, depth, points)))
        for pose, depth in zip(poses, depths, strict=True)
    )
    return SparseScene(
        intrinsics=torch.from_numpy(np.tile(intrinsics, (len(poses), 1, 1))),
        cam_to_world=torch.from_numpy(poses),
        size=(depths.shape[1], depths.shape[2]),
        points=torch.from_numpy(points),
        observed=observed,
    )


def _spread(n_views: int, spread_m: float) -> Float:
    return np.linspace(-spread_m / 2, spread_m / 2, n_views)


def _rays(intrinsics: Float, size: tuple[int, int], factor: int) -> Float:
    """Ray directions with unit depth, (H f, W f, 3)."""
    rows, columns = np.meshgrid(*(((np.arange(n * factor) + 0.5) / factor - 0.5) for n in size), indexing="ij")
    return np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ np.linalg.inv(intrinsics).T


def _unproject(intrinsics: Float, pose: Float, depth: Float) -> Float:
    height, width = depth.shape
    return _rays(intrinsics, (height, width), 1) * depth[..., None] @ pose[:3, :3].T + pose[:3, 3]


def _sees(intrinsics: Float, pose: Float, depth: Float, points: Float) -> NDArray[np.bool_]:
    camera = (points - pose[:3, 3]) @ pose[:3, :3]
    pixels = camera @ intrinsics.T
    columns, rows = (np.round(pixels[:, axis] / np.maximum(camera[:, 2], 1e-9)).astype(int) for axis in (0, 1))
    inside = (camera[:, 2] > 0) & (columns >= 0) & (columns < depth.shape[1]) & (rows >= 0) & (rows < depth.shape[0])
    seen = depth[rows.clip(0, depth.shape[0] - 1), columns.clip(0, depth.shape[1] - 1)]
    return inside & (np.abs(seen / np.maximum(camera[:, 2], 1e-9) - 1) < 0.02)


def _render(
    intrinsics: Float, pose: Float, size: tuple[int, int], textures: Float, blank: tuple[int, ...]
) -> tuple[Float, Float, NDArray[np.int64]]:
    fine, _, _ = _cast(_rays(intrinsics, size, SUPERSAMPLING), pose, textures, blank)
    colour = fine.reshape(size[0], SUPERSAMPLING, size[1], SUPERSAMPLING, 3).mean(axis=(1, 3))
    _, depth, surface = _cast(_rays(intrinsics, size, 1), pose, textures, blank)
    return colour, depth, surface


def _cast(rays: Float, pose: Float, textures: Float, blank: tuple[int, ...]) -> tuple[Float, Float, NDArray[np.int64]]:
    directions = rays @ pose[:3, :3].T
    eye = pose[:3, 3]
    safe = np.where(np.abs(directions) < 1e-12, 1e-12, directions)
    leave, wall = _farther_slab(safe, eye)
    enter, side = _nearer_slab(safe, eye)
    on_box = np.isfinite(enter)
    depth, surface = np.where(on_box, enter, leave), np.where(on_box, side, wall)
    points = eye + directions * depth[..., None]
    colour = np.zeros(points.shape)
    for index in range(12):
        here = surface == index
        plane = np.delete(points[here], (index % 6) // 2, axis=1)
        colour[here] = 0.6 if index in blank else _texture(textures[index], plane)
    return colour, depth, surface


def _farther_slab(directions: Float, eye: Float) -> tuple[Float, NDArray[np.int64]]:
    """Where rays from inside leave the room, and through which of its six walls."""
    far = np.maximum((ROOM_MIN - eye) / directions, (ROOM_MAX - eye) / directions)
    axis = far.argmin(-1)
    upper = np.take_along_axis(directions, axis[..., None], -1)[..., 0] > 0
    return far.min(-1), 2 * axis + upper


def _nearer_slab(directions: Float, eye: Float) -> tuple[Float, NDArray[np.int64]]:
    """Where rays from outside meet the box (infinite: never), and on which of its six sides."""
    low, high = (BOX_MIN - eye) / directions, (BOX_MAX - eye) / directions
    near, far = np.minimum(low, high), np.maximum(low, high)
    axis = near.argmax(-1)
    upper = np.take_along_axis(directions, axis[..., None], -1)[..., 0] < 0
    hit = (near.max(-1) < far.min(-1)) & (near.max(-1) > 0)
    return np.where(hit, near.max(-1), np.inf), 6 + 2 * axis + upper


def _texture(table: Float, plane: Float) -> Float:
    """Colours (M, 3) of points (M, 2) in metres: value noise in five octaves, grains of 0.6 m down to 0.04 m."""
    colour = np.zeros((len(plane), 3))
    for octave in range(5):
        position = plane * 2.0**octave / 0.6 + 7.3 * octave
        corner = np.floor(position).astype(int)
        u, v = (position - corner).T
        for down in (0, 1):
            for right in (0, 1):
                weight = (v if down else 1 - v) * (u if right else 1 - u)
                colour += weight[:, None] * table[:, (corner[:, 1] + down) % 64, (corner[:, 0] + right) % 64].T
    return 0.5 + 0.7 * (colour / 5 - 0.5) * 1.8

"""Looking into a world: cameras, shading, and what a sensor does to the picture."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import open3d as o3d
import torch
from numpy.typing import NDArray

from amb3r_core.scene.conventions import rigid
from benchmarks.rendered.surfaces import Array, Traced
from benchmarks.rendered.textures import Rng

SUPERSAMPLE = 2
AMBIENT = 0.55
UNDISTORT_STEPS = 12
UP = np.array([0.0, 0.0, 1.0])
RAYS_AT_ONCE = 1 << 16
LEAST_JUMP = 0.03
MOST_LEVELS = 16
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Lens:
    """A camera's size, focal length and bend."""

    width: int = 1024
    height: int = 768
    focal_ratio: float = 1.0
    """Over the longer side."""
    k1: float = 0.0
    """Of COLMAP's SIMPLE_RADIAL; the principal point is the middle."""

    @property
    def focal_px(self) -> float:
        return self.focal_ratio * max(self.width, self.height)


@dataclass(frozen=True, kw_only=True)
class Light:
    """What shines and what the sensor adds."""

    towards: tuple[float, float, float] = (0.4, 0.3, 0.85)
    background: tuple[float, float, float] = (0.55, 0.65, 0.8)
    noise: float = 0.012


def looking(eye: Array, target: Array, roll_deg: float = 0.0) -> Array:
    """cam_to_world (4, 4) of a camera at `eye` that looks at `target`, upright but for the roll."""
    forward = np.asarray(target, float) - eye
    forward /= np.linalg.norm(forward)
    up = UP if abs(forward[2]) < 0.98 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    cosine, sine = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    return rigid(np.stack([cosine * right + sine * down, cosine * down - sine * right, forward], -1), np.asarray(eye, float))


@lru_cache(maxsize=1)
def sample_directions(lens: Lens) -> Floats:
    """(H, W, s * s, 3): x right, y down, z = 1 of each sample of each pixel, bent by the lens."""
    offsets = (np.arange(SUPERSAMPLE) + 0.5) / SUPERSAMPLE
    columns = (np.arange(lens.width)[:, None] + offsets - lens.width / 2).ravel() / lens.focal_px
    rows = (np.arange(lens.height)[:, None] + offsets - lens.height / 2).ravel() / lens.focal_px
    bent = np.stack(np.meshgrid(columns, rows), -1).astype(np.float32)
    straight = bent
    for _ in range(UNDISTORT_STEPS if lens.k1 else 0):
        straight = bent / (1 + np.float32(lens.k1) * (straight**2).sum(-1, keepdims=True))
    samples = np.concatenate([straight, np.ones_like(straight[..., :1])], -1)
    blocks = samples.reshape(lens.height, SUPERSAMPLE, lens.width, SUPERSAMPLE, 3).swapaxes(1, 2)
    return np.ascontiguousarray(blocks.reshape(lens.height, lens.width, SUPERSAMPLE**2, 3))


def photograph(world: Traced, lens: Lens, cam_to_world: Array, light: Light, rng: Rng) -> NDArray[np.uint8]:
    """The photo (H, W, 3) that a camera takes: one ray for each pixel, and several where surfaces meet."""
    samples = sample_directions(lens)
    rays = samples.mean(2).reshape(-1, 3)
    parts = [_seen(world, lens, cam_to_world, light, rays[i : i + RAYS_AT_ONCE]) for i in range(0, len(rays), RAYS_AT_ONCE)]
    size = (lens.height, lens.width)
    picture, owner, distance = (np.concatenate(column) for column in zip(*parts, strict=True))
    edges = np.flatnonzero(_edges(owner.reshape(size), distance.reshape(size)))
    fine = samples.reshape(-1, SUPERSAMPLE**2, 3)[edges].reshape(-1, 3)
    step = RAYS_AT_ONCE // SUPERSAMPLE**2 * SUPERSAMPLE**2
    for first in range(0, len(fine), step):
        colours = _seen(world, lens, cam_to_world, light, fine[first : first + step])[0]
        chosen = edges[first // SUPERSAMPLE**2 : (first + step) // SUPERSAMPLE**2]
        picture[chosen] = colours.reshape(-1, SUPERSAMPLE**2, 3).mean(1)
    picture += light.noise * rng.standard_normal(picture.shape, np.float32)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8).reshape(*size, 3)


def _edges(owner: NDArray[np.int64], distance: Floats) -> NDArray[np.bool_]:
    """Pixels (H, W) whose neighbour shows another picture, or the same one much nearer or farther."""
    edges = np.zeros(owner.shape, bool)
    near = np.where(np.isfinite(distance), 1 / distance, 0)
    for axis in (0, 1):
        jump = (np.diff(owner, axis=axis) != 0) | (
            np.abs(np.diff(near, axis=axis)) > LEAST_JUMP * near.take(range(1, near.shape[axis]), axis)
        )
        before, after = (
            (slice(None, -1), slice(1, None)) if axis == 0 else ((slice(None), slice(None, -1)), (slice(None), slice(1, None)))
        )
        edges[before] |= jump
        edges[after] |= jump
    return edges


def _seen(
    world: Traced, lens: Lens, cam_to_world: Array, light: Light, directions: Floats
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Colours (N, 3) along rays (N, 3) of the camera, the picture each hits (-1: none), and how far away that is."""
    rays = np.empty((len(directions), 6), np.float32)
    rays[:, :3] = cam_to_world[:3, 3]
    np.matmul(directions, cam_to_world[:3, :3].T.astype(np.float32), out=rays[:, 3:])
    hit = world.rays.cast_rays(o3d.core.Tensor(rays))
    distance = hit["t_hit"].numpy()
    seen = np.flatnonzero(np.isfinite(distance))
    colours, owner = np.empty((len(rays), 3), np.float32), np.full(len(rays), -1)
    colours[:] = light.background
    face, normal, ray = hit["primitive_ids"].numpy()[seen], hit["primitive_normals"].numpy()[seen], rays[seen, 3:]
    towards_us = -np.einsum("ni,ni->n", normal, ray)
    facing = np.abs(towards_us) / np.sqrt(np.einsum("ni,ni->n", ray, ray))
    footprint = distance[seen] / lens.focal_px / np.sqrt(np.maximum(facing, 0.05)) / world.texel_m[face]
    colours[seen] = (
        _painted(world, face, hit["primitive_uvs"].numpy()[seen], footprint) * _shade(normal, towards_us, light)[:, None]
    )
    owner[seen] = world.texture_of[face]
    return colours, owner, distance


def _shade(normal: Floats, towards_us: Floats, light: Light) -> Floats:
    """Lambert's law (N,) for surfaces with two sides."""
    towards_light = np.array(light.towards, np.float32) / np.float32(np.linalg.norm(light.towards))
    return np.float32(AMBIENT) + np.float32(1 - AMBIENT) * np.maximum(np.sign(towards_us) * (normal @ towards_light), 0)


def _painted(world: Traced, face: NDArray[np.uint32], barycentric: Floats, footprint: Floats) -> Floats:
    """Colours (N, 3) of points on triangles, from the level of the picture whose pixels are as wide as a sample."""
    corners, u, v = world.corner_uv[face], barycentric[:, :1], barycentric[:, 1:]
    places = (1 - u - v) * corners[:, 0] + u * corners[:, 1] + v * corners[:, 2]
    places -= np.floor(places)
    level = np.minimum(np.rint(np.log2(np.maximum(footprint, 1.0))).astype(np.int64), MOST_LEVELS - 1)
    key = world.texture_of[face] * MOST_LEVELS + level
    colours = np.empty((len(face), 3), np.float32)
    for value in np.unique(key):
        levels, depth = world.textures[value // MOST_LEVELS].levels, value % MOST_LEVELS
        rows = np.flatnonzero(key == value)
        colours[rows] = _sampled(levels[min(depth, len(levels) - 1)], places[rows])
    return colours


def _sampled(image: torch.Tensor, places: Floats) -> Floats:
    """Bilinear (N, 3) of a picture (3, h, w) with its own edges repeated around it, at places in [0, 1)."""
    height, width = image.shape[1] - 2, image.shape[2] - 2
    size = torch.tensor([width, height], dtype=torch.float32)
    grid = (2 * (torch.as_tensor(places) * size + 1) / (size + 2) - 1)[None, None]
    return torch.nn.functional.grid_sample(image[None], grid, mode="bilinear", align_corners=False)[0, :, 0].T.numpy()

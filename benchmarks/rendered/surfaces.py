"""Textured surfaces, put together to a world that rays can be shot into. World axes: x and y along the ground, z up; metres."""

from dataclasses import dataclass, field

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from benchmarks.rendered.textures import Rng, Texture

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Traced:
    """A world ready for rays."""

    rays: o3d.t.geometry.RaycastingScene
    corner_uv: NDArray[np.float32]
    """(F, 3, 2): texture coordinates of the corners of each triangle, 1 for the whole picture."""
    texture_of: NDArray[np.int32]
    """(F,) into `textures`."""
    texel_m: NDArray[np.float32]
    """(F,): how wide a pixel of the picture is on the surface."""
    textures: tuple[Texture, ...]


@dataclass
class World:
    """Grids of points with pictures on them."""

    grids: list[tuple[Array, Array, Texture]] = field(default_factory=list)

    def add(self, points: Array, texture: Texture, repeat: tuple[float, float] = (1.0, 1.0), start: float = 0.0) -> None:
        """A grid of points (H, W, 3) with the picture over all of it, repeated so often across and down."""
        height, width = points.shape[:2]
        across, down = np.meshgrid(np.linspace(0, repeat[0], width) + start, np.linspace(0, repeat[1], height))
        self.grids.append((points, np.stack([across, down], -1), texture))

    def traced(self) -> Traced:
        """All surfaces as one mesh."""
        vertices, triangles, uv, owner, texel = [], [], [], [], []
        textures: list[Texture] = []
        for points, coordinates, texture in self.grids:
            faces = _faces(*points.shape[:2])
            flat, flat_uv = points.reshape(-1, 3), coordinates.reshape(-1, 2)
            if not any(texture is known for known in textures):
                textures.append(texture)
            index = next(number for number, known in enumerate(textures) if known is texture)
            triangles.append(faces + sum(map(len, vertices)))
            vertices.append(flat)
            uv.append(flat_uv[faces])
            owner.append(np.full(len(faces), index))
            texel.append(_texel_m(flat[faces], flat_uv[faces], texture))
        scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        scene.add_triangles(
            o3d.core.Tensor(np.concatenate(vertices).astype(np.float32)),
            o3d.core.Tensor(np.concatenate(triangles).astype(np.uint32)),
        )
        return Traced(
            rays=scene,
            corner_uv=np.concatenate(uv).astype(np.float32),
            texture_of=np.concatenate(owner).astype(np.int32),
            texel_m=np.concatenate(texel).astype(np.float32),
            textures=tuple(textures),
        )


def _faces(height: int, width: int) -> NDArray[np.int64]:
    index = np.arange(height * width).reshape(height, width)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], -1), np.stack([b, c, d], -1)])


def _texel_m(corners: Array, uv: Array, texture: Texture) -> Array:
    height, width = texture.pixels.shape[:2]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=-1)
    first, second = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    pixels = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) * width * height
    return np.sqrt(np.maximum(area, 1e-12) / np.maximum(pixels, 1e-9))


def patch(corner: Array, across: Array, down: Array) -> Array:
    """A flat rectangle from its top-left corner and two edges."""
    corner, across, down = (np.asarray(edge, float) for edge in (corner, across, down))
    return np.array([[corner, corner + across], [corner + down, corner + across + down]])


def wall(start: tuple[float, float], end: tuple[float, float], low: float, high: float) -> Array:
    """An upright rectangle over the line from start to end, seen with start at the left."""
    (x, y), (to_x, to_y) = start, end
    return patch(np.array([x, y, high]), np.array([to_x - x, to_y - y, 0.0]), np.array([0, 0, low - high]))


def box_sides(centre: Array, size: Array, yaw: float = 0.0) -> list[Array]:
    """Four walls and the top of a box that stands with its centre there."""
    half = np.asarray(size, float) / 2
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    ground = [turn @ (half[:2] * sign) + centre[:2] for sign in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    low, high = centre[2] - half[2], centre[2] + half[2]
    sides = [wall(tuple(ground[i]), tuple(ground[(i + 1) % 4]), low, high) for i in range(4)]
    first, second, last = (np.array([*ground[i], high]) for i in (3, 2, 0))
    return [*sides, patch(first, second - first, last - first)]


def lathe(centre: Array, radii: Array, heights: Array, n_around: int = 64) -> Array:
    """A turned shape: radii (N,) at the heights (N,) from top to bottom; the picture runs once around."""
    angle = np.linspace(0, 2 * np.pi, n_around + 1)
    circle = np.stack([np.cos(angle), np.sin(angle)], -1)
    points = np.empty((len(radii), n_around + 1, 3))
    points[..., :2] = radii[:, None, None] * circle + centre[:2]
    points[..., 2] = heights[:, None] + centre[2]
    return points


def blob(rng: Rng, centre: Array, radius: Array, bumps: float = 0.18, n: int = 72) -> Array:
    """A ball with smooth bumps, its poles up and down."""
    down, around = np.linspace(0.02, np.pi - 0.02, n), np.linspace(0, 2 * np.pi, 2 * n + 1)
    direction = np.stack(
        [
            np.outer(np.sin(down), np.cos(around)),
            np.outer(np.sin(down), np.sin(around)),
            np.outer(np.cos(down), np.ones_like(around)),
        ],
        -1,
    )
    swell = np.ones(direction.shape[:2])
    for _ in range(14):
        wave = rng.standard_normal(3) * rng.uniform(1.5, 5.0)
        swell += bumps / np.linalg.norm(wave) * np.sin(direction @ wave + rng.uniform(0, 6.28))
    return direction * swell[..., None] * radius + centre


def terrain(rng: Rng, side_m: float, relief_m: float, n: int = 160) -> Array:
    """Hilly ground around the origin; no relief makes a plane."""
    frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None])
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((n, n))) * frequency**-2.2
    spectrum[0, 0] = 0.0
    heights = np.fft.irfft2(spectrum, (n, n))
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, n) * side_m, np.linspace(0.5, -0.5, n) * side_m)
    return np.stack([x, y, relief_m * heights / np.abs(heights).max()], -1)

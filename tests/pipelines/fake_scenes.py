"""Scenes with known truth for the pipelines: boxes that are ray-cast exactly, and real RGB-D frames."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amb3r_core.inputs.images import Frame, FrameList
from amb3r_core.inputs.pixels import load_rgb
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.conventions import invert, rigid
from amb3r_core.scene.evaluate import image_names, true_poses

Float64 = NDArray[np.float64]
WALL_M = 1000.0


class TrueScene(Protocol):
    """Names of frames in order, their true poses in metres, and what a camera of any size sees in them."""

    @property
    def names(self) -> list[str]: ...

    def pose(self, name: str) -> Float64: ...

    def camera(self, width: int, height: int) -> PinholeCamera: ...

    def depth(self, name: str, width: int, height: int) -> NDArray[np.float32]: ...


@dataclass
class BoxScene:
    """Axis-aligned boxes (B, 2, 3) in metres, y down, seen from outside or inside, and a camera path (N, 4, 4)."""

    boxes: Float64
    path: Float64
    aspect: float = 4 / 3
    focal: float = 0.8
    """Focal length over image width."""
    image_width: int = 64

    @cached_property
    def names(self) -> list[str]:
        return [f"frame_{index:05d}.png" for index in range(len(self.path))]

    def pose(self, name: str) -> Float64:
        return self.path[int(name[6:11])]

    def camera(self, width: int, height: int) -> PinholeCamera:
        focal = self.focal * width
        return PinholeCamera(width=width, height=height, fx=focal, fy=focal, cx=(width - 1) / 2, cy=(height - 1) / 2)

    def depth(self, name: str, width: int, height: int) -> NDArray[np.float32]:
        return self._cast(self.pose(name), width, height)[0]

    def rgb(self, name: str) -> NDArray[np.uint8]:
        width, height = self.image_width, round(self.image_width / self.aspect)
        _, points, box = self._cast(self.pose(name), width, height)
        phase = points @ np.array([[2.1, 0.9, 1.9], [1.3, 2.3, 0.5], [0.7, 1.7, 2.9]]) + box[..., None] * 1.7
        smooth = 0.5 + 0.3 * np.sin(0.7 * phase) + 0.15 * np.sin(3.1 * phase[..., ::-1])
        return np.rint(255 * np.clip(smooth, 0, 1)).astype(np.uint8)

    def frames(self) -> FrameList:
        width, height = self.image_width, round(self.image_width / self.aspect)
        made = [
            Frame(
                name=name,
                width=width,
                height=height,
                decode=lambda name=name: self.rgb(name),
                path=Path(name),
                timestamp_s=index / 10,
            )
            for index, name in enumerate(self.names)
        ]
        return FrameList(tuple(made), is_ordered=True)

    def _cast(self, pose: Float64, width: int, height: int) -> tuple[NDArray[np.float32], Float64, NDArray[np.intp]]:
        camera = self.camera(width, height)
        x = (np.arange(width) - camera.cx) / camera.fx
        y = (np.arange(height) - camera.cy) / camera.fy
        rays = np.stack([*np.meshgrid(x, y), np.ones((height, width))], axis=-1) @ pose[:3, :3].T
        rays = np.where(np.abs(rays) < 1e-12, 1e-12, rays)
        at = (self.boxes[:, :, None, None, :] - pose[:3, 3]) / rays
        enter, leave = at.min(axis=1).max(axis=-1), at.max(axis=1).min(axis=-1)
        hit = np.where(enter > 1e-6, enter, leave)
        hit = np.where((enter < leave) & (leave > 1e-6), hit, WALL_M)
        depth = hit.min(axis=0)
        return depth.astype(np.float32), pose[:3, 3] + depth[..., None] * rays, hit.argmin(axis=0)


def looking(position: Float64, forward: Float64) -> Float64:
    """The upright camera pose (4, 4) at a place, looking along a direction; y is down."""
    z = forward / np.linalg.norm(forward)
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= np.linalg.norm(x)
    return rigid(np.stack([x, np.cross(z, x), z], axis=1), position)


def room_boxes(seed: int = 0) -> Float64:
    """A room of 8 x 3 x 8 m with furniture along the walls."""
    rng = np.random.default_rng(seed)
    boxes = [[[-4.0, -1.5, -4.0], [4.0, 1.5, 4.0]]]
    for _ in range(14):
        angle = rng.uniform(0, 2 * np.pi)
        centre = np.array([3.2 * np.cos(angle), 0.0, 3.2 * np.sin(angle)])
        half = rng.uniform(0.2, 0.6, 3)
        centre[1] = rng.uniform(-0.8, 1.2)
        boxes.append([(centre - half).tolist(), (centre + half).tolist()])
    return np.array(boxes)


def orbit_path(n: int, *, turns: float = 1.0, radius: float = 1.2) -> Float64:
    """Cameras on a circle in the room that look outwards, bobbing a little."""
    poses = []
    for index in range(n):
        angle = 2 * np.pi * turns * index / max(n - 1, 1)
        out = np.array([np.cos(angle), 0.1 * np.sin(3 * angle), np.sin(angle)])
        poses.append(looking(radius * out + np.array([0, 0.15 * np.sin(5 * angle), 0]), out + np.array([0, 0.05, 0])))
    return np.array(poses)


def street(n: int, *, step_m: float = 1.2, seed: int = 1) -> BoxScene:
    """A drive along a street: KITTI-like forward motion with a gentle bend, houses and cars on both sides."""
    rng = np.random.default_rng(seed)
    length = n * step_m + 60
    boxes = [[[-400.0, 1.65, -100.0], [400.0, 3.0, length + 300]], [[-60, -30, length + 40], [60, 3, length + 60]]]
    for side in (-1, 1):
        z = -30.0
        while z < length + 30:
            depth, height = rng.uniform(6, 14), rng.uniform(3, 9)
            near = 7 + rng.uniform(0, 4)
            boxes.append([sorted_pair(side * near, side * 40), [1.65 - height, 1.65], [z, z + depth]])
            boxes[-1] = np.array(boxes[-1]).T.tolist()
            if rng.random() < 0.6:
                boxes.append(np.array([sorted_pair(side * 4.2, side * 6), [0.2, 1.65], [z + 1, z + 5]]).T.tolist())
            z += depth + rng.uniform(0, 4)
    z = np.arange(n) * step_m
    x = 1.5 * np.sin(z / 25)
    path = [looking(np.array([a, 0.0, b]), np.array([1.5 / 25 * np.cos(b / 25), 0, 1])) for a, b in zip(x, z, strict=True)]
    return BoxScene(np.array(boxes), np.array(path), aspect=3.3, focal=0.58, image_width=96)


def sorted_pair(a: float, b: float) -> list[float]:
    return [min(a, b), max(a, b)]


@dataclass
class RgbdScene:
    """Frames of a development scene with true poses; depth of frames without one comes from its neighbours' depth."""

    folder: Path
    stride: int = 1

    @cached_property
    def names(self) -> list[str]:
        return image_names(self.folder)[:: self.stride]

    @cached_property
    def _poses(self) -> dict[str, Float64]:
        return true_poses(self.folder)

    @cached_property
    def _clouds(self) -> list[tuple[int, Float64]]:
        """(frame number, world points) of every frame with depth."""
        facts = json.loads((self.folder / "gt" / "intrinsics.json").read_text())
        clouds = []
        for path in sorted((self.folder / "gt" / "depth").iterdir()):
            z = np.asarray(Image.open(path)).astype(np.float64)[::2, ::2] / 1000
            v, u = np.mgrid[0 : facts["height"] : 2, 0 : facts["width"] : 2]
            rays = np.stack([(u - facts["cx"]) / facts["fx"], (v - facts["cy"]) / facts["fy"], np.ones(z.shape)], axis=-1)
            pose = self._poses[path.stem]
            points = (rays * z[..., None])[z > 0] @ pose[:3, :3].T + pose[:3, 3]
            clouds.append((int(path.stem), points))
        return clouds

    def pose(self, name: str) -> Float64:
        return self._poses[Path(name).stem]

    def camera(self, width: int, height: int) -> PinholeCamera:
        facts = json.loads((self.folder / "gt" / "intrinsics.json").read_text())
        scale = width / facts["width"]
        return PinholeCamera(
            width=width,
            height=height,
            fx=facts["fx"] * scale,
            fy=facts["fy"] * scale,
            cx=(facts["cx"] + 0.5) * scale - 0.5,
            cy=(facts["cy"] + 0.5) * scale - 0.5,
        )

    def depth(self, name: str, width: int, height: int) -> NDArray[np.float32]:
        number = int(Path(name).stem)
        near = sorted(self._clouds, key=lambda cloud: abs(cloud[0] - number))[:2]
        points = np.concatenate([cloud for _, cloud in near])
        cam = invert(self.pose(name))
        points = points @ cam[:3, :3].T + cam[:3, 3]
        points = points[points[:, 2] > 0.1]
        pixel = np.rint(self.camera(width, height).project(points)).astype(int)
        inside = (pixel >= 0).all(axis=1) & (pixel[:, 0] < width) & (pixel[:, 1] < height)
        depth = np.full(height * width, np.inf)
        np.minimum.at(depth, pixel[inside, 1] * width + pixel[inside, 0], points[inside, 2])
        return np.where(np.isfinite(depth), depth, 0).reshape(height, width).astype(np.float32)

    def frames(self) -> FrameList:
        made = [
            Frame(
                name=name,
                width=640,
                height=480,
                decode=lambda path=self.folder / "images" / name: load_rgb(path),
                path=self.folder / "images" / name,
                timestamp_s=index / 15,
            )
            for index, name in enumerate(self.names)
        ]
        return FrameList(tuple(made), is_ordered=True)


def shuffled(frames: FrameList, seed: int) -> FrameList:
    """The same frames in another order, as a set."""
    order: Sequence[int] = np.random.default_rng(seed).permutation(len(frames)).tolist()
    return FrameList(tuple(frames[index] for index in order), is_ordered=False)


def block_loop(n: int, *, turns: float = 1.3, seed: int = 3) -> BoxScene:
    """A walk around a block of houses, looking ahead: a ring of streets 10 m wide, 30 m from corner to corner."""
    rng = np.random.default_rng(seed)
    half, corner = 15.0, 4.0
    boxes = [[[-200, 1.65, -200], [200, 3.0, 200]], [[-21, -9, -21], [21, 1.65, 21]], [[-9.5, -6, -9.5], [9.5, 1.65, 9.5]]]
    for _ in range(60):
        along, side = rng.uniform(-9, 9), rng.choice([-1, 1])
        near = rng.choice([10.3, 20.0]) * side
        centre = np.array([along, 0, near] if rng.random() < 0.5 else [near, 0, along])
        size = np.array([rng.uniform(0.4, 1.0), rng.uniform(0.5, 2.5), rng.uniform(0.4, 1.0)])
        centre[1] = 1.65 - size[1]
        boxes.append([(centre - size).tolist(), (centre + size).tolist()])
    angle = np.linspace(0, 2 * np.pi * turns, 200 * n)
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / corner) * half
    z = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / corner) * half
    gone = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    even = np.linspace(0, gone[-1], n)
    places = np.stack([np.interp(even, gone, x), np.zeros(n), np.interp(even, gone, z)], axis=1)
    ahead = np.gradient(places, axis=0)
    return BoxScene(np.array(boxes), np.array([looking(p, f) for p, f in zip(places, ahead, strict=True)]))

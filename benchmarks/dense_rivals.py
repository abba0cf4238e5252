"""Other ways to dense depth that `dense_methods.py` measures beside ours: PatchMatch and OpenCV's SGBM on rectified pairs.

Both see the same neighbours, depth ranges and cross-view check as ours. Without tuning, and no part of the package.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from amb3r_core.models.colmap.stereo.cost import PlaneWarp, grey, ranked_mean, sample
from amb3r_core.models.colmap.stereo.dense import Stereo, Sweep

WINDOW_OFFSETS = (-4, -2, 0, 2, 4)
ROUNDS = 3
STEPS = ((0, 1), (1, 0), (0, 5), (5, 0))


# --- PatchMatch with slanted planes at half size, red-black, all pixels of one colour at once


@dataclass(frozen=True)
class Planes:
    """Per pixel: inverse depth and its change per pixel right and down; the score of the match. All (h, w)."""

    inverse_depth: Tensor
    right: Tensor
    down: Tensor
    score: Tensor


class PatchMatch:
    """Random planes, spread to neighbours that match better with them (Bleyer 2011), scored by the same correlation as ours."""

    def __init__(self, stereo: Stereo, view: int) -> None:
        level = stereo.levels[0]
        self.height, self.width = level.size
        self.low, self.high = stereo.ranges[view]
        self.warps = stereo.warps(view, level.intrinsics, level.size)
        self.others = [level.images[other] for other in stereo.neighbours[view]]
        self.reference = F.pad(level.images[view], (4, 4, 4, 4))
        self.random = torch.Generator().manual_seed(view)

    def run(self) -> Sweep:
        """The best planes after a fixed number of rounds; their score stands for the margin."""
        span = self.high - self.low
        inverse_depth = self.low + span * torch.rand((self.height, self.width), generator=self.random)
        flat = torch.zeros_like(inverse_depth)
        planes = Planes(inverse_depth, flat, flat, self._score(inverse_depth, flat, flat))
        rows, columns = torch.arange(self.height)[:, None], torch.arange(self.width)[None]
        for turn in range(2 * ROUNDS):
            colour = (rows + columns + turn) % 2 == 0
            for down, right in STEPS:
                for sign in (1, -1):
                    planes = self._better(planes, self._moved(planes, sign * down, sign * right), colour)
            for shrink in (0.1, 0.02, 0.004):
                planes = self._better(planes, self._shaken(planes, shrink * span), colour)
        return Sweep(inverse_depth=planes.inverse_depth, margin=planes.score, step=span / 64, on_plane=flat)

    def _moved(self, planes: Planes, down: int, right: int) -> tuple[Tensor, Tensor, Tensor]:
        """The planes of the pixel `down, right` away, continued to this pixel."""
        value, slope, drop = (
            torch.roll(field, (down, right), (0, 1)) for field in (planes.inverse_depth, planes.right, planes.down)
        )
        return (value + slope * right + drop * down).clamp(self.low, self.high), slope, drop

    def _shaken(self, planes: Planes, amount: float) -> tuple[Tensor, Tensor, Tensor]:
        noise = (torch.rand((3, self.height, self.width), generator=self.random) * 2 - 1) * amount
        value = (planes.inverse_depth + noise[0]).clamp(self.low, self.high)
        return value, planes.right + noise[1] / 8, planes.down + noise[2] / 8

    def _better(self, planes: Planes, candidate: tuple[Tensor, Tensor, Tensor], colour: Tensor) -> Planes:
        score = self._score(*candidate)
        wins = colour & (score > planes.score)
        fields = zip((*candidate, score), (planes.inverse_depth, planes.right, planes.down, planes.score), strict=True)
        return Planes(*(torch.where(wins, new, old) for new, old in fields))

    def _score(self, inverse_depth: Tensor, right: Tensor, down: Tensor) -> Tensor:
        sums = [torch.zeros_like(inverse_depth) for _ in self.warps]
        for dy in WINDOW_OFFSETS:
            for dx in WINDOW_OFFSETS:
                own = self.reference[4 + dy : 4 + dy + self.height, 4 + dx : 4 + dx + self.width]
                value = (inverse_depth + dx * right + dy * down)[None]
                for total, warp, other in zip(sums, self.warps, self.others, strict=True):
                    total += own * sample(other, _shifted(warp, dx, dy).grid(value))[0]
        return ranked_mean([(total / len(WINDOW_OFFSETS) ** 2).clamp(0, 1) for total in sums])


def _shifted(warp: PlaneWarp, dx: int, dy: int) -> PlaneWarp:
    """The warp of the pixel `dx, dy` away; its homogeneous coordinates are linear in the pixel."""
    right, down = warp.origin[:, :1, 1:2] - warp.origin[:, :1, :1], warp.origin[:, 1:2, :1] - warp.origin[:, :1, :1]
    return replace(warp, origin=warp.origin + dx * right + dy * down)


# --- SGBM


def sgbm_depth(stereo: Stereo, view: int) -> tuple[Tensor, Tensor]:
    """Depth and confidence (H, W): the candidate of the rectified pairs that most others agree with, and how many do."""
    maps = np.stack([_pair_depth(stereo, view, other) for other in stereo.neighbours[view]])
    agreeing = np.zeros(maps.shape)
    for other in maps:
        agreeing += (maps > 0) & (other > 0) & (np.abs(other / np.maximum(maps, 1e-9) - 1) < 0.03)
    best = agreeing.argmax(0)[None]
    depth, count = np.take_along_axis(maps, best, 0)[0], np.take_along_axis(agreeing, best, 0)[0]
    return torch.from_numpy(depth).float(), torch.from_numpy(np.where(depth > 0, 1 + count, 1.0)).float()


def _pair_depth(stereo: Stereo, view: int, other: int) -> NDArray[np.float64]:
    import cv2

    poses, cameras = stereo.scene.cam_to_world.numpy(), stereo.scene.intrinsics.numpy()
    height, width = stereo.scene.size
    side = int(1.3 * np.hypot(height, width))
    focal = cameras[view][0, 0]
    rectified = np.array([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1]])
    baseline = poses[other][:3, 3] - poses[view][:3, 3]
    to_world = _frame(baseline, poses[view][:3, 2] + poses[other][:3, 2])
    images, maps = [], []
    for index in (view, other):
        homography = rectified @ to_world.T @ poses[index][:3, :3] @ np.linalg.inv(cameras[index])
        grey8 = (grey(stereo.pixels[index]) * 255).round().byte().numpy()
        images.append(cv2.warpPerspective(grey8, homography, (side, side)))
        maps.append(homography)
    length = focal * float(np.linalg.norm(baseline))
    low, high = (length * q for q in stereo.ranges[view])
    count = 16 * int(np.ceil((high - low) / 16) + 1)
    matcher = cv2.StereoSGBM_create(
        int(low), count, 5, 8 * 25, 32 * 25, disp12MaxDiff=1, uniquenessRatio=5, speckleWindowSize=100, speckleRange=2, mode=1
    )
    disparity = matcher.compute(*images).astype(np.float64) / 16
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    rays = np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ maps[0].T
    x, y = (np.round(rays[..., axis] / rays[..., 2]).astype(int) for axis in (0, 1))
    inside = (x >= 0) & (x < side) & (y >= 0) & (y < side)
    found = np.where(inside, disparity[y.clip(0, side - 1), x.clip(0, side - 1)], -1)
    # rays[..., 2] is the rectified depth of a point at depth 1 in the view.
    return np.where((found > max(low, 0)) & inside, length / np.maximum(found, 1e-6) / np.maximum(rays[..., 2], 1e-6), 0)


def _frame(x_axis: NDArray[np.float64], forward: NDArray[np.float64]) -> NDArray[np.float64]:
    """A rotation whose x is the baseline and whose z is as near to `forward` as that allows."""
    x = x_axis / np.linalg.norm(x_axis)
    z = forward - (forward @ x) * x
    z /= np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z], axis=1)

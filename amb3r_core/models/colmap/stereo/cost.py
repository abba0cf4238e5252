"""How well each depth hypothesis of a view explains what its neighbours see: the matching volume of a plane sweep.

Hypotheses are planes parallel to the image plane, evenly spaced in inverse depth. A neighbour's pixel for the reference pixel
`u` at inverse depth `q` is `K_j (R K_i^-1 u + q t)`, with `R, t` from the reference camera to the neighbour's.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

GREY_WEIGHTS = (0.299, 0.587, 0.114)
"""Rec. 601 luma."""

CHUNK_SAMPLES = 300_000
"""How many window positions are matched at once."""

BEHIND = 1e-6
"""The ratio of depths at which a point counts as behind the neighbour."""
RANK_WEIGHTS = (0.5, 0.3, 0.2)
"""How much the best, the second and the third neighbour count at a pixel; more are occluded or differ too much too often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneWarp:
    """The map from reference pixels and inverse depths to one neighbour's normalised sampling coordinates."""

    origin: Tensor
    """(3, h, w): homogeneous coordinates at infinity, the third being the ratio of depths."""
    step: Tensor
    """(3,): what a unit of inverse depth adds."""

    def depth_ratio(self, inverse_depth: Tensor) -> Tensor:
        """The depth in the neighbour over the depth in the reference view, for an inverse depth (h, w)."""
        return self.origin[2] + inverse_depth * self.step[2]

    def grid(self, inverse_depth: Tensor) -> Tensor:
        """Sampling coordinates (C, h, w, 2) for inverse depths broadcastable to (C, h, w); [-1, 1] spans the outer pixel centres.

        A point behind the neighbour gets coordinates outside the image.
        """
        x, y, z = (inverse_depth * self.step[axis] + self.origin[axis] for axis in range(3))
        grid = x.new_empty((*x.shape, 2))
        behind = z <= BEHIND
        scale = z.clamp_(min=BEHIND).reciprocal_()
        torch.mul(x, scale, out=grid[..., 0])
        torch.mul(y, scale, out=grid[..., 1])
        if bool(behind.any()):
            grid[behind] = 2.0
        return grid


class PlaneGrids:
    """A warp's grids for whole planes, in a third of the time: across and down lie side by side, so that all steps are even."""

    def __init__(self, warp: PlaneWarp) -> None:
        x, y, z = warp.origin
        self._places, self._depths = torch.stack([x, y], dim=-1).flatten(1), z.repeat_interleave(2, dim=1)
        self._step, self._step_depth = warp.step[:2].repeat(z.shape[1]), warp.step[2]
        self._nearest = z.amin()

    def grid(self, inverse_depths: Tensor) -> Tensor:
        """As `PlaneWarp.grid` for planes (C, 1, 1)."""
        depths = torch.add(self._depths, inverse_depths * self._step_depth)
        places = torch.add(self._places, inverse_depths * self._step)
        if bool((self._nearest + inverse_depths * self._step_depth).amin() <= BEHIND):
            places.masked_fill_(depths <= BEHIND, 2 * BEHIND)  # 2, beside the image, when divided by the least depth
            depths.clamp_(min=BEHIND)
        return places.div_(depths).view(*places.shape[:2], -1, 2)


def plane_warp(
    intrinsics: Tensor,
    cam_to_world: Tensor,
    neighbour_intrinsics: Tensor,
    neighbour_cam_to_world: Tensor,
    size: tuple[int, int],
    device: torch.device,
) -> PlaneWarp:
    """The plane warp from one view to a neighbour of the same image size (h, w); cameras in float64 on the CPU."""
    height, width = size
    relative = torch.inverse(neighbour_cam_to_world) @ cam_to_world
    to_unit = torch.tensor([[2 / (width - 1), 0, -1], [0, 2 / (height - 1), -1], [0, 0, 1]], dtype=torch.float64)
    project = to_unit @ neighbour_intrinsics
    turn = project @ relative[:3, :3] @ torch.inverse(intrinsics)
    rows = torch.arange(height, dtype=torch.float64)[:, None]
    columns = torch.arange(width, dtype=torch.float64)[None]
    origin = torch.stack([turn[axis, 0] * columns + turn[axis, 1] * rows + turn[axis, 2] for axis in range(3)])
    return PlaneWarp(origin=origin.float().to(device), step=(project @ relative[:3, 3]).float().to(device))


def box_sum(values: Tensor, radius: int) -> Tensor:
    """Sums over (2 r + 1)^2 windows of (..., h, w), zeros outside."""
    width = 2 * radius + 1
    padded = F.pad(values, (radius, radius, radius, radius))
    return _run_sum(_run_sum(padded, width, -1), width, -2)


def _run_sum(values: Tensor, width: int, dim: int) -> Tensor:
    """Sums of `width` values in a row along `dim`, by doubling."""
    length = values.shape[dim] - width + 1
    total: Tensor | None = None
    start, size, block = 0, 1, values
    while width:
        if width & 1:
            part = block.narrow(dim, start, length)
            total = part if total is None else total + part
            start += size
        width >>= 1
        if width:
            kept = block.shape[dim] - size
            block = block.narrow(dim, 0, kept) + block.narrow(dim, size, kept)
            size *= 2
    assert total is not None
    return total


def grey(pixels: Tensor) -> Tensor:
    """Luma of (..., 3, H, W) in [0, 1]."""
    red, green, blue = pixels.unbind(-3)
    return GREY_WEIGHTS[0] * red + GREY_WEIGHTS[1] * green + GREY_WEIGHTS[2] * blue


def normalise(image: Tensor, valid: Tensor, radius: int, noise: float) -> Tensor:
    """The image (h, w) minus its window mean over its window deviation, both over valid pixels.

    `noise` (grey levels in [0, 1]) is added to the deviation in quadrature, so that flat windows stay near 0.
    Invalid pixels are 0.
    """
    mask = valid.to(image.dtype)
    count = box_sum(mask, radius).clamp_(min=1)
    mean = box_sum(image * mask, radius) / count
    centred = (image - mean) * mask
    variance = box_sum(centred * centred, radius) / count
    return centred / (variance + noise * noise).sqrt()


def similarity_volume(
    reference: Tensor, neighbours: list[Tensor], warps: list[PlaneWarp], inverse_depths: Tensor, radius: int
) -> Tensor:
    """How alike the windows are, in [0, 1], (D, h, w): the ranked mean of the neighbours' correlations.

    reference (h, w) and neighbours (at least one): normalised images; inverse_depths (D,) or (D, h, w).
    What a neighbour does not see counts 0.
    """
    area = float((2 * radius + 1) ** 2)
    are_planes = inverse_depths.ndim == 1
    if are_planes:
        inverse_depths = inverse_depths[:, None, None]
    grids = [PlaneGrids(warp) if are_planes else warp for warp in warps]
    parts: list[Tensor] = []
    # Chunks of this size stay in a core's cache, which is worth a factor of two on a CPU.
    chunk = max(1, CHUNK_SAMPLES // reference.numel())
    for start in range(0, len(inverse_depths), chunk):
        planes = inverse_depths[start : start + chunk]
        scores: list[Tensor] = []
        for image, grid in zip(neighbours, grids, strict=True):
            product = sample(image, grid.grid(planes)).mul_(reference)
            scores.append(box_sum(product, radius).div_(area).clamp_(0, 1))
        parts.append(ranked_mean(scores))
    return torch.cat(parts)


def sample(image: Tensor, grid: Tensor) -> Tensor:
    """Bilinear samples (C, h, w) of an image (H, W) at a grid (C, h, w, 2); zero outside."""
    count, height, width = grid.shape[:3]
    sampled = F.grid_sample(image[None, None], grid.reshape(1, count * height, width, 2), align_corners=True)
    return sampled.view(count, height, width)


def ranked_mean(scores: list[Tensor], weights: tuple[float, ...] = RANK_WEIGHTS) -> Tensor:
    """The element-wise mean of the greatest of some equally shaped tensors, the greatest by the first weight and so on.

    Neighbours from which a point is hidden, or out of the frame, so drop out. Weights beyond the number of tensors do not count.
    """
    kept: list[Tensor] = []
    lesser, spare = torch.empty_like(scores[0]), torch.empty_like(scores[0])
    for score in scores:
        candidate = score
        for place, best in enumerate(kept):
            if place + 1 < len(weights):
                torch.minimum(best, candidate, out=spare)
            torch.maximum(best, candidate, out=best)
            candidate, lesser, spare = spare, spare, lesser
        if len(kept) < len(weights):
            kept.append(candidate.clone())
    total = weights[0] * kept[0]
    for weight, score in zip(weights[1:], kept[1:], strict=False):
        total.add_(score, alpha=weight)
    return total.div_(sum(weights[: len(kept)]))

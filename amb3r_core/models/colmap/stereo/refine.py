"""From the depth of a half-sized image to that of the image itself."""

import torch
import torch.nn.functional as F
from torch import Tensor

from amb3r_core.models.colmap.stereo.cost import PlaneWarp, similarity_volume


def upsample(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear samples of (h, w) at the pixels of an image of twice its size (height and width may be odd)."""
    height, width = size
    even = (2 * values.shape[0], 2 * values.shape[1])
    doubled = F.interpolate(values[None, None], size=even, mode="bilinear", align_corners=False)
    return F.pad(doubled, (0, width - even[1], 0, height - even[0]), mode="replicate")[0, 0]


def guided_upsample(inverse_depth: Tensor, coarse_rgb: Tensor, rgb: Tensor, jump_ratio: float) -> Tensor:
    """Inverse depth (h, w) at twice the size: smooth on surfaces, at depth jumps that of the neighbour of likest colour.

    coarse_rgb (3, h, w); rgb (3, H, W) with H, W twice h, w or one more. A window that spans more than the factor `jump_ratio`
    holds a jump.
    """
    size = (rgb.shape[-2], rgb.shape[-1])
    candidates = F.unfold(inverse_depth[None, None], 3, padding=1)[0].view(9, *inverse_depth.shape)
    known = candidates > 0
    nearest, farthest = candidates.amax(0), candidates.masked_fill(~known, torch.inf).amin(0)
    smooth = upsample(inverse_depth, size)
    jumps = _double(nearest > jump_ratio * farthest, size)
    pixels = jumps.nonzero()
    rows, columns = (
        (pixels[:, 0] // 2).clamp(max=inverse_depth.shape[0] - 1),
        (pixels[:, 1] // 2).clamp(max=inverse_depth.shape[1] - 1),
    )
    colours = F.unfold(coarse_rgb[None], 3, padding=1)[0].view(3, 9, *inverse_depth.shape)[:, :, rows, columns]
    own = rgb[:, pixels[:, 0], pixels[:, 1]]
    distance = (colours - own[:, None]).abs().sum(0).masked_fill(~known[:, rows, columns], torch.inf)
    chosen = candidates[:, rows, columns].gather(0, distance.argmin(0)[None])[0]
    result = smooth.clone()
    result[pixels[:, 0], pixels[:, 1]] = chosen
    return result


def _double(values: Tensor, size: tuple[int, int]) -> Tensor:
    rows = (torch.arange(size[0], device=values.device) // 2).clamp(max=values.shape[0] - 1)
    columns = (torch.arange(size[1], device=values.device) // 2).clamp(max=values.shape[1] - 1)
    return values[rows][:, columns]


def refine(
    inverse_depth: Tensor,
    reference: Tensor,
    neighbours: list[Tensor],
    warps: list[PlaneWarp],
    spacing: float,
    n_steps: int,
    radius: int,
    stiffness: float,
) -> Tensor:
    """The inverse depth (H, W) moved to the best match within `n_steps` of `spacing` either way, to a fraction of a step.

    The similarity less `stiffness` times the squared share of the range decides, so that without texture nothing moves.
    """
    offsets = torch.arange(-n_steps, n_steps + 1, device=inverse_depth.device, dtype=inverse_depth.dtype)
    hypotheses = (inverse_depth + spacing * offsets[:, None, None]).clamp(min=1e-9)
    scores = similarity_volume(reference, neighbours, warps, hypotheses, radius)
    scores -= stiffness * (offsets / n_steps).square()[:, None, None]
    return inverse_depth + spacing * (peak_position(scores.neg_().permute(1, 2, 0)) - n_steps) * (inverse_depth > 0)


def peak_position(cost: Tensor) -> Tensor:
    """The position of the least cost along the last axis (h, w, D), by a parabola through it and its two neighbours."""
    best = cost.argmin(-1)
    middle = best.clamp(1, cost.shape[-1] - 2)
    before, here, after = (cost.gather(-1, (middle + shift)[..., None])[..., 0] for shift in (-1, 0, 1))
    curvature = before - 2 * here + after
    offset = torch.where(curvature > 1e-9, (before - after) / (2 * curvature.clamp(min=1e-9)), 0.0).clamp(-0.5, 0.5)
    return torch.where(best == middle, middle + offset, best.to(cost.dtype))

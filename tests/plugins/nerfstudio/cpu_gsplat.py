"""gsplat's rasterization on a CPU: its own torch projection and harmonics, and a compositor per tile that has a gradient.

gsplat's reference compositor calls CUDA. Only what splatfacto asks for is here: one camera, not packed.
"""

from functools import partial

import torch
from gsplat.cuda._torch_impl import _fully_fused_projection, _quat_scale_to_covar_preci, _spherical_harmonics
from torch import Tensor

TILE = 16
LEAST_ALPHA = 1 / 255


def rasterization(
    *,
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    near_plane: float,
    far_plane: float,
    render_mode: str,
    sh_degree: int | None,
    absgrad: bool,
    rasterize_mode: str = "classic",
    packed: bool = False,
    sparse_grad: bool = False,
) -> tuple[Tensor, Tensor, dict]:
    """Colours (1, H, W, 3 or 4), alphas (1, H, W, 1) and what a densification strategy wants to know."""
    assert not packed
    assert not sparse_grad
    assert rasterize_mode == "classic"
    covars, _ = _quat_scale_to_covar_preci(torch.nn.functional.normalize(quats, dim=-1), scales, True, False, triu=False)
    radii, means2d, depths, conics, _ = _fully_fused_projection(
        means, covars, viewmats, Ks, width, height, near_plane=near_plane, far_plane=far_plane
    )
    if sh_degree is None:
        shown = colors
    else:
        eye = torch.linalg.inv(viewmats)[0, :3, 3]
        bands = colors[:, : (sh_degree + 1) ** 2]
        shown = torch.clamp_min(_spherical_harmonics(sh_degree, means - eye, bands) + 0.5, 0.0)
    if absgrad and means2d.requires_grad:
        means2d.absgrad = torch.zeros_like(means2d)
    channels = torch.cat([shown, depths[0, :, None]], dim=-1)
    image, alpha = _composite(means2d, conics[0], opacities, channels, radii[0], depths[0], width, height, absgrad)
    if render_mode == "RGB":
        image = image[..., :3]
    else:
        image = torch.cat([image[..., :3], image[..., 3:] / alpha.clamp_min(1e-10)], dim=-1)
    info = {"width": width, "height": height, "n_cameras": 1, "radii": radii, "gaussian_ids": None, "means2d": means2d}
    return image[None], alpha[None], info


def _composite(
    means2d: Tensor,
    conics: Tensor,
    opacities: Tensor,
    channels: Tensor,
    radii: Tensor,
    depths: Tensor,
    width: int,
    height: int,
    absgrad: bool,
) -> tuple[Tensor, Tensor]:
    order = torch.argsort(depths.detach())
    order = order[radii[order] > 0]
    centre, reach = means2d.detach()[0, order], radii[order]
    rows = []
    for top in range(0, height, TILE):
        parts = []
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            hits = (centre[:, 0] + reach > left) & (centre[:, 0] - reach < right)
            hits &= (centre[:, 1] + reach > top) & (centre[:, 1] - reach < bottom)
            parts.append(_tile(means2d, conics, opacities, channels, order[hits], (top, left, bottom, right), absgrad))
        rows.append(torch.cat(parts, dim=1))
    whole = torch.cat(rows, dim=0)
    return whole[..., :-1], whole[..., -1:]


def _tile(
    means2d: Tensor,
    conics: Tensor,
    opacities: Tensor,
    channels: Tensor,
    ids: Tensor,
    box: tuple[int, int, int, int],
    absgrad: bool,
) -> Tensor:
    """Colours, depth and alpha (h, w, C + 1) of one tile whose gaussians are sorted from near to far."""
    top, left, bottom, right = box
    y, x = torch.meshgrid(torch.arange(top, bottom) + 0.5, torch.arange(left, right) + 0.5, indexing="ij")
    centre = means2d[0, ids]
    if absgrad and means2d.requires_grad and len(ids):
        centre.register_hook(partial(_add_absolute, means2d, ids))
    dx, dy = x.reshape(1, -1) - centre[:, :1], y.reshape(1, -1) - centre[:, 1:]
    a, b, c = conics[ids].unbind(-1)
    power = 0.5 * (a[:, None] * dx * dx + c[:, None] * dy * dy) + b[:, None] * dx * dy
    alpha = (opacities[ids, None] * torch.exp(-power.clamp_min(0))).clamp_max(0.999)
    alpha = torch.where(alpha < LEAST_ALPHA, torch.zeros_like(alpha), alpha)
    passed = torch.cumsum(torch.log1p(-alpha), dim=0)
    weights = alpha * torch.exp(passed - torch.log1p(-alpha))
    shown = weights.T @ torch.cat([channels[ids], torch.ones(len(ids), 1)], dim=-1)
    return shown.reshape(bottom - top, right - left, -1)


def _add_absolute(means2d: Tensor, ids: Tensor, gradient: Tensor) -> None:
    means2d.absgrad[0].index_add_(0, ids, gradient.abs())

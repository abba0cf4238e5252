"""Gaussians refined on the scene's photos: a fixed number of them, for a fixed time, by plain gradient descent."""

# Torch and Nerfstudio leave the types of some methods open.
# pyright: reportUnknownMemberType=false

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from amb3r_core import InputError, Monitor, PinholeCamera, Progress, Reconstruction, load_rgb, silent
from amb3r_core.export.gaussians import gaussian_vertices, normals_world
from amb3r_core.export.image_files import grid_image_camera
from amb3r_core.export.ply import Vertices
from amb3r_core.scene.arrays import Float32, Float64, UInt8
from amb3r_core.scene.conventions import CORNER_MINUS_CENTER
from amb3r_nerfstudio.seed import SeedConfig, camera_extent, evenly, fused_points

Rasterization = Callable[..., tuple[Tensor, Tensor, Any]]

STAGE = "refine splat"
RATES = {"means": 1.6e-4, "scales": 5e-3, "quats": 1e-3, "opacities": 5e-2, "dc": 2.5e-3, "rest": 2.5e-3 / 20}
"""Learning rates of Adam, those of splatfacto; that of positions is for cameras within 1 and grows with their extent."""
STEPS_PER_DEGREE = 1000
"""After how many steps the next degree of the harmonics joins."""
FIELDS = {
    "means": ("x", "y", "z"),
    "scales": ("scale_0", "scale_1", "scale_2"),
    "quats": ("rot_0", "rot_1", "rot_2", "rot_3"),
    "opacities": ("opacity",),
    "dc": ("f_dc_0", "f_dc_1", "f_dc_2"),
    "rest": tuple(f"f_rest_{index}" for index in range(45)),
}


@dataclass(frozen=True, kw_only=True)
class Gaussians:
    """The parameters of M gaussians, each (M, columns) float32, as a splat file stores them: under the names of `FIELDS`."""

    means: Tensor
    scales: Tensor
    quats: Tensor
    opacities: Tensor
    dc: Tensor
    rest: Tensor


def gaussians_of(vertices: Vertices, device: str = "cpu") -> Gaussians:
    """The parameters in a splat's vertices."""
    return Gaussians(**{name: torch.from_numpy(_columns(vertices, fields)).to(device) for name, fields in FIELDS.items()})


def start_splat(reconstruction: Reconstruction, count: int, monitor: Monitor = silent) -> Vertices:
    """At most `count` gaussians on the scene's surfaces, in its world."""
    cloud = evenly(fused_points(reconstruction, SeedConfig(), monitor, needs="uncontradicted"), count)
    return gaussian_vertices(cloud, normals_world(reconstruction, cloud))


def refine_splat(
    reconstruction: Reconstruction,
    start: Vertices,
    rasterization: Rasterization,
    *,
    seconds: float,
    device: str,
    max_steps: int | None = None,
    seed: int = 0,
    monitor: Monitor = silent,
) -> Vertices:
    """The gaussians, as many, after `seconds` or `max_steps` of descent on the absolute colour error of views in random order.

    rasterization: gsplat's, or one with its arguments. Raises `InputError` for a scene without a view.
    """
    if reconstruction.n_views == 0 or len(start) == 0:
        raise InputError("this scene has no views or no points: there is nothing to refine")
    gaussians = gaussians_of(start, device)
    extent = camera_extent(reconstruction.cam_to_world[:, :3, 3].astype(np.float32))
    groups: list[dict[str, Any]] = [
        {"params": [getattr(gaussians, name).requires_grad_()], "lr": rate * (extent if name == "means" else 1.0)}
        for name, rate in RATES.items()
    ]
    descent = torch.optim.Adam(groups, eps=1e-15)
    order = np.random.default_rng(seed)
    photos = [_photo(reconstruction, index) for index in range(reconstruction.n_views)]
    begin, step = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - begin) < seconds and (max_steps is None or step < max_steps):
        monitor(Progress(stage=STAGE, done=min(int(elapsed), int(seconds)), total=int(seconds), message=f"step {step}"))
        index = int(order.integers(len(photos)))
        pixels, camera = photos[index]
        truth = torch.from_numpy(pixels).to(device).float() / 255
        shown = render(
            gaussians, camera, reconstruction.views[index].world_to_cam, rasterization, min(3, step // STEPS_PER_DEGREE)
        )
        descent.zero_grad()
        (shown - truth).abs().mean().backward()
        descent.step()
        step += 1
    monitor(Progress(stage=STAGE, done=int(seconds), total=int(seconds), message=f"{step} steps"))
    refined: Vertices = start.copy()
    for name, fields in FIELDS.items():
        values = cast(Float32, getattr(gaussians, name).detach().cpu().numpy())
        for column, field in enumerate(fields):
            refined[field] = values[:, column]
    return refined


def render(
    gaussians: Gaussians, camera: PinholeCamera, world_to_cam: Float64, rasterization: Rasterization, degree: int
) -> Tensor:
    """The colours (H, W, 3) the gaussians show in a camera, on black."""
    device = gaussians.means.device
    intrinsics = torch.tensor(camera.K, dtype=torch.float32, device=device)
    intrinsics[:2, 2] += CORNER_MINUS_CENTER
    rest = gaussians.rest.reshape(len(gaussians.rest), 3, 15).transpose(1, 2)
    image, _, _ = rasterization(
        means=gaussians.means,
        quats=gaussians.quats,
        scales=gaussians.scales.exp(),
        opacities=torch.sigmoid(gaussians.opacities[:, 0]),
        colors=torch.cat([gaussians.dc[:, None], rest], dim=1),
        viewmats=torch.tensor(world_to_cam, dtype=torch.float32, device=device)[None],
        Ks=intrinsics[None],
        width=camera.width,
        height=camera.height,
        near_plane=0.01,
        far_plane=1e10,
        render_mode="RGB",
        sh_degree=degree,
        packed=False,
        absgrad=False,
    )
    return image[0]


def _photo(reconstruction: Reconstruction, index: int) -> tuple[UInt8, PinholeCamera]:
    """The view's photo (H, W, 3), or its dense map's colours when no file holds it, with the camera of that size."""
    view, dense = reconstruction.views[index], reconstruction.dense
    if view.path is not None and Path(view.path).is_file():
        return load_rgb(Path(view.path)), view.camera
    if dense is None:
        raise InputError(f"view {view.name!r} has no image file and no dense colours")
    return np.ascontiguousarray(dense.rgb[index][view.letterbox.slices]), grid_image_camera(view)


def _columns(vertices: Vertices, fields: tuple[str, ...]) -> Float32:
    return np.stack([vertices[field] for field in fields], axis=-1).astype(np.float32)

"""What one photo sees of a surface: the surface's depth at the photo's camera, and how well each point is seen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from amb3r_core.compute.arrays import float32_array
from amb3r_core.optional import require
from amb3r_core.scene.arrays import Float32
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.conventions import invert
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.surface.mesh import TriangleMesh
from amb3r_core.surface.texture_photo import Photo

LONGEST_DEPTH_SIDE = 1600
"""Of the surface's depth map in pixels; what is hidden is known to such a pixel."""
DEPTH_TOLERANCE = 0.005
"""How far behind the surface's depth map a point may lie and still be seen, as a share of its depth."""
STEEPEST = 5.0
"""Tangent of the angle up to which a slanted surface's depth within one pixel is allowed for."""
JUMP = 0.04
"""A step of depth to the next pixel, as a share, that is an edge in front of something."""
EDGE_REACH = 0.008
"""How far from such an edge a photo is trusted less, as a share of its longer side: depth is not exact to the pixel."""
BORDER_REACH = 0.03
"""How far from the photo's border its weight fades, as a share of its longer side."""
LEAST_FADE = 0.02
"""What is left of the weight at edges and borders, where no other photo sees a place."""
LEAST_COSINE = 0.1
"""Between the surface and the ray: a surface seen more from the side has no colour in this photo."""
DEPTH_AGREES = 0.03
"""How far the photo's own depth may be from the surface, as a share."""
DISAGREEING, UNKNOWN = 0.1, 0.5
"""Weight where the photo's own depth says otherwise, and where it says nothing."""


class Caster:
    """Rays into a mesh."""

    def __init__(self, mesh: TriangleMesh) -> None:
        self._o3d: Any = require("open3d", extra="mesh", purpose="to see which photos see a surface")
        self._scene = self._o3d.t.geometry.RaycastingScene(nthreads=1)
        self._scene.add_triangles(
            self._o3d.core.Tensor(np.ascontiguousarray(mesh.vertices)),
            self._o3d.core.Tensor(np.ascontiguousarray(mesh.triangles, dtype=np.uint32)),
        )

    def cast(self, camera: PinholeCamera, cam_to_world: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """z-depth `t_hit` (H, W) (infinite where nothing is met), `primitive_ids` and `primitive_uvs` at pixel centres."""
        x = (np.arange(camera.width) - camera.cx) / camera.fx
        y = (np.arange(camera.height) - camera.cy) / camera.fy
        rays = np.empty((camera.height, camera.width, 6), dtype=np.float32)
        rays[..., :3] = cam_to_world[:3, 3]
        columns = cam_to_world[:3, :3]
        rays[..., 3:] = x[None, :, None] * columns[:, 0] + y[:, None, None] * columns[:, 1] + columns[:, 2]
        found = self._scene.cast_rays(self._o3d.core.Tensor(rays))
        return {name: found[name].numpy() for name in ("t_hit", "primitive_ids", "primitive_uvs")}


@dataclass(frozen=True, slots=True)
class Sight:
    """One photo's view of the surface, at the size of its depth map."""

    camera: PinholeCamera
    world_to_cam: NDArray[np.float64]
    nearest: Float32
    """(H, W) the smallest depth among a pixel and those around it."""
    fade: Float32
    """(H, W) in [0, 1]: less near edges, borders and where the photo's own depth says otherwise; 0 where masked."""

    def look(self, points: Float32, normals: NDArray[np.float16]) -> tuple[Float32, Float32]:
        """Pixels of this depth map (M, 2) and weights (M,), 0 where a point is not seen.

        The weight is the photo's pixels per area of the surface, times the fade.
        """
        normals_world = normals.astype(np.float32)
        rotation, shift = self.world_to_cam[:3, :3].astype(np.float32), self.world_to_cam[:3, 3].astype(np.float32)
        local = points @ rotation.T + shift
        z = local[:, 2]
        safe = np.where(z > 1e-6, z, 1.0)
        camera = self.camera
        pixels = np.stack([camera.fx * local[:, 0] / safe + camera.cx, camera.fy * local[:, 1] / safe + camera.cy], axis=1)
        column, row = (np.rint(pixels[:, axis]) for axis in range(2))
        inside = (z > 1e-6) & (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
        place = np.where(inside, row * camera.width + column, 0).astype(np.intp)
        facing = -(local * (normals_world @ rotation.T)).sum(axis=1) / np.maximum(np.linalg.norm(local, axis=1), 1e-12)
        slant = np.minimum(np.sqrt(np.maximum(1.0 - facing**2, 0.0)) / np.maximum(facing, 1e-3), STEEPEST)
        allowed = DEPTH_TOLERANCE * z + 1.5 * z / min(camera.fx, camera.fy) * (slant + 0.5)
        seen = inside & (facing > LEAST_COSINE) & (z <= self.nearest.ravel()[place] + allowed)
        weight = facing * camera.fx * camera.fy / safe**2 * self.fade.ravel()[place]
        return pixels.astype(np.float32), np.where(seen, weight, 0.0).astype(np.float32)


def sight_of(caster: Caster, reconstruction: Reconstruction, index: int, photo: Photo) -> Sight:
    """What view `index` sees."""
    view = reconstruction.views[index]
    shrink = min(1.0, LONGEST_DEPTH_SIDE / max(photo.camera.width, photo.camera.height))
    camera = photo.camera.resized(*(max(round(side * shrink), 1) for side in (photo.camera.width, photo.camera.height)))
    depth = torch.as_tensor(caster.cast(camera, view.cam_to_world)["t_hit"])
    far = torch.where(torch.isfinite(depth), depth, torch.full_like(depth, 1e30))
    nearest, farthest = -_pooled(-far, 1), _pooled(far, 1)
    is_edge = (farthest - nearest) > JUMP * nearest
    reach = max(round(EDGE_REACH * max(camera.width, camera.height)), 1)
    fade = _faded(is_edge, reach) * _border_fade(camera)
    fade = fade * _agreement(reconstruction, index, camera, far)
    if photo.mask is not None:
        usable = torch.as_tensor(photo.mask)[None, None].float()
        usable = F.interpolate(usable, size=(camera.height, camera.width), mode="area")[0, 0] > 0.999
        fade = torch.where(usable, fade, torch.zeros_like(fade))
    return Sight(camera, invert(view.cam_to_world), float32_array(nearest), float32_array(fade))


def _pooled(values: torch.Tensor, radius: int) -> torch.Tensor:
    """The largest value (H, W) within `radius` pixels."""
    return F.max_pool2d(values[None, None], 2 * radius + 1, stride=1, padding=radius)[0, 0]


def _faded(is_edge: torch.Tensor, reach: int) -> torch.Tensor:
    """Weights (H, W) that rise from edges to 1 at `reach` pixels."""
    fade, near = torch.ones(is_edge.shape), is_edge.float()
    for distance in range(1, reach + 1):
        wider = _pooled(near, 1)
        fade = torch.where(wider > near, torch.full_like(fade, distance / (reach + 1)), fade)
        near = wider
    return torch.where(is_edge, torch.full_like(fade, LEAST_FADE), fade)


def _border_fade(camera: PinholeCamera) -> torch.Tensor:
    reach = max(BORDER_REACH * max(camera.width, camera.height), 1.0)
    x, y = (torch.minimum(torch.arange(n), n - 1 - torch.arange(n)).float() for n in (camera.width, camera.height))
    return (torch.minimum(x[None, :], y[:, None]) / reach).clamp(LEAST_FADE, 1.0)


def _agreement(reconstruction: Reconstruction, index: int, camera: PinholeCamera, surface: torch.Tensor) -> torch.Tensor:
    """How far the photo's own depth agrees with the surface, (H, W): something in front that the surface lacks does not."""
    dense = reconstruction.dense
    if dense is None:
        return torch.ones(surface.shape)
    own = np.asarray(dense.depth[index])[reconstruction.views[index].letterbox.slices]
    if not own.any():
        return torch.ones(surface.shape)
    depth = F.interpolate(torch.as_tensor(own.copy())[None, None], size=(camera.height, camera.width), mode="nearest")[0, 0]
    off = (depth / surface - 1.0) / DEPTH_AGREES
    agrees = DISAGREEING + (1.0 - DISAGREEING) * torch.exp(-(off**2))
    return torch.where(depth > 0, agrees, torch.full_like(agrees, UNKNOWN))

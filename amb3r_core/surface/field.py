"""A signed distance field in which every view votes, on Open3D's voxel block grid, and its surface.

Running means of distances, weighted (Curless and Levoy, SIGGRAPH 1996, eqs. 1 and 2). Every view votes in ALL blocks it looks
into: in front of its surface for free space, which takes away what other views only imagine there; far behind it says nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amb3r_core.optional import require
from amb3r_core.progress import Monitor, silent, track
from amb3r_core.scene.arrays import Float32
from amb3r_core.scene.trust import CLOSE
from amb3r_core.surface.agree import TrustedView
from amb3r_core.surface.mesh import TriangleMesh, mesh_of

Index = NDArray[np.intp]

BLOCK = 16
"""Voxels along the side of a block."""
BYTES_PER_BLOCK = BLOCK**3 * 4 * 2
"""Distance and weight of every voxel, as float32."""
CHUNK = 128
"""Blocks worked on at a time, so that the arrays on the way stay small."""
LEAST_COSINE = 0.2
"""Surfaces that a view sees at a lower angle count as this."""
LEAST_WEIGHT = 1e-12
"""A voxel of less is unknown."""
LEAST_VOXELS = 3.0
"""A view's distances reach at least so many voxels to either side of its surface."""
KEY_BITS = 21
KEY_ZERO = 1 << (KEY_BITS - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldConfig:
    """Of what size, and how far views speak."""

    voxel_size: float
    """Edge in scene units."""
    reach: float = CLOSE
    """Share of its depth over which a view's distances are graded, to either side of its surface: about its largest noise."""
    memory_limit_gb: float = 2.0
    """Voxels grow until the grid needs no more."""
    carve: bool = True
    """Whether views vote for free space in front of their surfaces."""


class Field:
    """Blocks of voxels, each with a running mean of distance and its weight; both arrays are Open3D's own memory."""

    def __init__(self, voxel_size: float, coordinates: NDArray[np.int32]) -> None:
        o3d: Any = require("open3d", extra="mesh", purpose="to make a mesh")
        kind = o3d.core.float32
        self.voxel_size = voxel_size
        self.coordinates = coordinates
        self.grid: Any = o3d.t.geometry.VoxelBlockGrid(
            attr_names=("tsdf", "weight"),
            attr_dtypes=(kind, kind),
            attr_channels=((1), (1)),
            voxel_size=voxel_size,
            block_resolution=BLOCK,
            block_count=max(1, len(coordinates)),
            device=o3d.core.Device("CPU:0"),
        )
        keys = o3d.core.Tensor.from_numpy(np.ascontiguousarray(coordinates))
        self.grid.hashmap().activate(keys)
        self.slots: Index = self.grid.hashmap().find(keys)[0].numpy().astype(np.intp)
        self.distance: Float32 = self.grid.attribute("tsdf").numpy().reshape(-1, BLOCK**3)
        self.weight: Float32 = self.grid.attribute("weight").numpy().reshape(-1, BLOCK**3)
        self.distance[:], self.weight[:] = 0, 0

    def surface(self) -> TriangleMesh:
        """The zero level where all voxels around are known, without colours; the same field gives the same bytes."""
        self.distance /= np.float32(self.voxel_size)
        try:
            mesh = self.grid.extract_triangle_mesh(LEAST_WEIGHT)
        finally:
            self.distance *= np.float32(self.voxel_size)
        if "indices" not in mesh.triangle or not len(mesh.triangle.indices):
            return mesh_of(np.zeros((0, 3), dtype=np.float32), np.zeros((0, 3), dtype=np.int32))
        return _in_order(mesh.vertex.positions.numpy(), mesh.triangle.indices.numpy())


def fused(views: list[TrustedView], config: FieldConfig, monitor: Monitor = silent) -> Field:
    """The field of all views; coarser than asked where the memory limit needs it."""
    size, coordinates = blocks_within_limit(views, config)
    field = Field(size, coordinates)
    for view in track(views, monitor, stage="integrate", total=len(views)):
        integrate(field, view, config)
    return field


def blocks_within_limit(views: list[TrustedView], config: FieldConfig) -> tuple[float, NDArray[np.int32]]:
    """The voxel size, and the blocks (B, 3) near any view's surface; coarser while they need more memory than allowed."""
    size = config.voxel_size
    while True:
        blocks = _blocks(views, size, config)
        share = len(blocks) * BYTES_PER_BLOCK / (config.memory_limit_gb * 2**30)
        if share <= 1:
            return size, blocks
        size *= max(1.1, float(np.sqrt(share)))  # blocks grow with the surface's area


def integrate(field: Field, view: TrustedView, config: FieldConfig) -> None:
    """Adds one view's votes to the field, in place."""
    table = _pixel_table(view, field.voxel_size, config)
    camera, pose = view.sight.camera, view.sight.world_to_cam
    rotation = pose[:3, :3].astype(np.float32)
    corners = (field.coordinates * (BLOCK * field.voxel_size)) @ pose[:3, :3].T + pose[:3, 3]
    inner = _voxels_of_block(field.voxel_size) @ rotation.T
    seen = _looked_into(view, corners.astype(np.float32), field.voxel_size, rotation, float(table[:, 3].max(initial=0.0)))
    for start in range(0, len(seen), CHUNK):
        chosen = seen[start : start + CHUNK]
        points = (corners[chosen].astype(np.float32)[:, None] + inner).reshape(-1, 3)
        z = np.maximum(points[:, 2], np.float32(1e-6))
        column = np.rint(np.float32(camera.fx) * points[:, 0] / z + np.float32(camera.cx))
        row = np.rint(np.float32(camera.fy) * points[:, 1] / z + np.float32(camera.cy))
        inside = (points[:, 2] > 1e-6) & (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height)
        where = np.flatnonzero(inside)
        pixel = row[where].astype(np.intp) * camera.width + column[where].astype(np.intp)
        _vote(field, chosen, where, z[where], table[pixel], config)


def _vote(field: Field, blocks: Index, where: Index, z: Float32, pixels: Float32, config: FieldConfig) -> None:
    """Blends the votes of pixels (K, 4) into the voxels `where` (K,) of the blocks, at depth z (K,)."""
    depth, weight, slope, reach = pixels.T
    distance = (depth - z) * slope
    speaks = (weight > 0) & (distance > -reach)
    if not config.carve:
        speaks &= distance <= reach
    where, distance, weight, reach = where[speaks], distance[speaks], weight[speaks], reach[speaks]
    weight = np.where(distance < 0, weight * (1 + distance / reach), weight)  # behind a surface less and less
    slot, voxel = field.slots[blocks[where // BLOCK**3]], where % BLOCK**3
    before = field.weight[slot, voxel]
    after = before + weight
    field.weight[slot, voxel] = after
    mean = field.distance[slot, voxel]
    share = np.divide(weight, after, out=np.zeros_like(weight), where=after > 0)
    field.distance[slot, voxel] = mean + share * (np.minimum(distance, reach) - mean)


def _pixel_table(view: TrustedView, voxel_size: float, config: FieldConfig) -> Float32:
    """Of every pixel (H * W, 4): depth, weight, distance from the surface per depth in front of it, and reach.

    A depth's noise grows with it, so that its weight falls with its square; what is seen at a low angle counts less.
    """
    depth, rays = view.depth, view.rays()
    along = np.abs((view.normals() * rays).sum(axis=-1))
    cosine = np.nan_to_num(along / np.linalg.norm(rays, axis=-1), nan=1.0)
    known = depth > 0
    weight = np.where(known, view.trust * np.maximum(cosine, LEAST_COSINE) / np.where(known, depth, np.float32(1)) ** 2, 0)
    slope = np.clip(np.nan_to_num(along, nan=1.0), LEAST_COSINE, None)
    reach = np.maximum(config.reach * depth, LEAST_VOXELS * voxel_size)
    return np.stack([depth, weight, slope, reach], axis=-1).reshape(-1, 4).astype(np.float32)


def _looked_into(view: TrustedView, corners: Float32, voxel_size: float, rotation: Float32, reach: float) -> Index:
    """Of the blocks with these corners in the camera's frame (B, 3) those (M,) that the view may have something to say about."""
    side = BLOCK * voxel_size
    radius = np.float32(side * np.sqrt(3) / 2)
    centre = corners + rotation @ np.full(3, side / 2, dtype=np.float32)
    camera, z = view.sight.camera, centre[:, 2]
    safe = np.maximum(z, radius)
    middle_u = camera.fx * centre[:, 0] / safe + camera.cx
    middle_v = camera.fy * centre[:, 1] / safe + camera.cy
    extent = max(camera.fx, camera.fy) * radius / np.maximum(z - radius, 1e-6) * (1 + np.hypot(camera.width / camera.fx, 1))
    in_image = (
        (middle_u > -extent) & (middle_v > -extent) & (middle_u < camera.width + extent) & (middle_v < camera.height + extent)
    )
    far = float(view.depth.max(initial=0.0)) + reach / LEAST_COSINE
    return np.flatnonzero((z > -radius) & (z - radius < far) & (in_image | (z <= 2 * radius)))


def _voxels_of_block(voxel_size: float) -> Float32:
    """Offsets (BLOCK**3, 3) of a block's voxels from its corner; x runs fastest."""
    z, y, x = np.mgrid[:BLOCK, :BLOCK, :BLOCK]
    return (np.stack([x, y, z], axis=-1).reshape(-1, 3) * voxel_size).astype(np.float32)


def _blocks(views: list[TrustedView], voxel_size: float, config: FieldConfig) -> NDArray[np.int32]:
    """The blocks (B, 3) within reach of any view's surface, sorted."""
    keys = [np.unique(np.concatenate(list(_block_keys(view, voxel_size, config)))) for view in views if (view.depth > 0).any()]
    if not keys:
        return np.zeros((0, 3), dtype=np.int32)
    packed, mask = np.unique(np.concatenate(keys)), (1 << KEY_BITS) - 1
    axes = [(packed >> 2 * KEY_BITS) & mask, (packed >> KEY_BITS) & mask, packed & mask]
    return (np.stack(axes, axis=-1) - KEY_ZERO).astype(np.int32)


def _block_keys(view: TrustedView, voxel_size: float, config: FieldConfig) -> Iterator[NDArray[np.int64]]:
    """Blocks as one number each, at steps of half a block along the rays, from before to behind the surface."""
    known = view.depth > 0
    depth, rays, side = view.depth[known], view.rays()[known], BLOCK * voxel_size
    reach = np.maximum(config.reach * depth, LEAST_VOXELS * voxel_size)
    for step in np.linspace(-1, 1, 3 + int(4 * reach.max() / side), dtype=np.float32):
        points = view.centre() + rays * (depth + step * reach)[:, None]
        block = np.floor(points / np.float32(side)).astype(np.int64) + KEY_ZERO
        yield np.unique((block[:, 0] << 2 * KEY_BITS) | (block[:, 1] << KEY_BITS) | block[:, 2])


def _in_order(positions: Float32, triangles: NDArray[np.integer[Any]]) -> TriangleMesh:
    """Open3D's threads leave vertices and triangles in any order: sorted by place, each triangle from its first vertex."""
    order = np.lexsort(positions.T)
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    ranked = rank[triangles]
    turned = np.take_along_axis(ranked, (ranked.argmin(axis=1)[:, None] + np.arange(3)) % 3, axis=1)
    return mesh_of(positions[order], turned[np.lexsort(turned.T[::-1])])

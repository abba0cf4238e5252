"""Fuse depth into a truncated signed distance field on a voxel block grid, and take its surface."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import open3d as o3d

from amb3r_core import InputError, Monitor, Progress, silent, track
from amb3r_open3d.cameras import open3d_device
from amb3r_open3d.failures import EmptyMeshError
from amb3r_open3d.grid import BLOCK_RESOLUTION, allocate, size_from_data
from amb3r_open3d.grid_frames import KeptDepth, depth_frame, touched_blocks
from amb3r_open3d.scene import Grid, Scene
from amb3r_open3d.stage import Stage
from amb3r_open3d.weighted import integrate_weighted
from amb3r_open3d.yaml_options import YamlOptions

VoxelBlockGrid = o3d.t.geometry.VoxelBlockGrid
ConfidenceUse = Literal["ignore", "mask", "weight"]
FEW_VIEWS = 30
"""With fewer views than this, what one of them saw is kept: `MaskDepth` has asked the others already."""


@dataclass(frozen=True, kw_only=True)
class FuseTSDFOptions(YamlOptions):
    """Open3D's words and units, sized from the data where they say "auto".

    voxel_size: edge in scene units; "auto": 1.5 pixel footprints at the median depth, 5 mm to 5 cm when the scene is metric, and
    larger when the grid would need more than `memory_limit_gb`. trunc_voxel_multiplier: truncation distance in voxels.
    depth_max: farther depth is left out, scene units. surface_weight_thr: least weight of a surface voxel; about the number of
    frames that saw it. integrate_color, color_grid: colour from the original images ("image") or from the depth grid ("depth").
    confidence: "mask" leaves out the (100 - keep_percent) percent of depth with least confidence; "weight" weighs each pixel by
    its confidence, exact and slower; "ignore" takes all alike.
    """

    device: "str | o3d.core.Device" = "CPU:0"
    voxel_size: float | Literal["auto"] = "auto"
    trunc_voxel_multiplier: float = 8.0
    depth_max: float | None = None
    surface_weight_thr: float | Literal["auto"] = "auto"
    integrate_color: bool = True
    color_grid: Grid = "image"
    confidence: ConfidenceUse = "mask"
    keep_percent: float = 90.0
    memory_limit_gb: float = 2.0

    def __post_init__(self) -> None:
        wanted = {
            'voxel_size > 0, or "auto"': self.voxel_size == "auto" or _is_positive(self.voxel_size),
            "trunc_voxel_multiplier >= 1": self.trunc_voxel_multiplier >= 1,
            "depth_max > 0, or None": self.depth_max is None or _is_positive(self.depth_max),
            'surface_weight_thr >= 0, or "auto"': self.surface_weight_thr == "auto" or self.surface_weight_thr >= 0,
            'confidence of "ignore", "mask", "weight"': self.confidence in ("ignore", "mask", "weight"),
            "keep_percent in (0, 100]": 0.0 < self.keep_percent <= 100.0,
            "memory_limit_gb > 0": _is_positive(self.memory_limit_gb),
        }
        wrong = [rule for rule, holds in wanted.items() if not holds]
        if wrong:
            raise InputError(f"FuseTSDFOptions needs {', '.join(wrong)}: {self}")


class FuseTSDF(Stage[Scene, o3d.t.geometry.TriangleMesh]):
    """A scene's triangle mesh with vertex colours, in world coordinates.

    `integrate` and `mesh` are its two halves, for scripts that keep integrating into one grid. Raises `InputError` for a scene
    without depth, `EmptyMeshError` when no surface comes out.

    >>> FuseTSDF(FuseTSDFOptions(voxel_size=0.01)).options.trunc_voxel_multiplier
    8.0
    """

    def __init__(self, options: FuseTSDFOptions | None = None, monitor: Monitor = silent) -> None:
        self.options = options or FuseTSDFOptions()
        self.monitor = monitor

    def __call__(self, data: Scene, /) -> o3d.t.geometry.TriangleMesh:
        return self.mesh(self.integrate(data), n_views=len(data))

    def integrate(self, scene: Scene, grid: VoxelBlockGrid | None = None) -> VoxelBlockGrid:
        """The grid with every view of the scene integrated: a new one sized from the data, or the given one, in place."""
        device = open3d_device(self.options.device)
        frames = _Frames(scene, self.options, device)
        blocks: tuple[o3d.core.Tensor | None, ...] = ()
        if grid is None:
            self.monitor(Progress(stage="size the grid", total=len(scene)))
            size = size_from_data(scene, frames, self.options.voxel_size, self._memory_limit, self._trunc)
            grid, blocks = allocate(size, device), size.blocks
        else:
            _check_grid(grid, device, self.options)
        for index in track(range(len(scene)), self.monitor, stage="integrate", total=len(scene)):
            kept = frames.kept(index)
            if kept is not None:
                known = blocks[index] if blocks else None
                touched = touched_blocks(scene, kept, grid, self._trunc, device) if known is None else known
                self._integrate_one(grid, touched, scene, kept, device)
        return grid

    def mesh(self, grid: VoxelBlockGrid, *, n_views: int = 1) -> o3d.t.geometry.TriangleMesh:
        """The grid's surface; n_views: how many views were integrated, for an automatic `surface_weight_thr`."""
        wish = self.options.surface_weight_thr
        threshold = (0.5 if n_views < FEW_VIEWS else 1.0) if wish == "auto" else wish
        if grid.hashmap().size() == 0:
            raise EmptyMeshError("the voxel grid is empty: nothing was integrated into it")
        mesh = grid.extract_triangle_mesh(threshold)
        if "indices" not in mesh.triangle or not len(mesh.triangle.indices):
            raise EmptyMeshError(
                f"fusion left no surface: no voxel has a weight above {threshold:g}; lower surface_weight_thr, or mask less depth"
            )
        return mesh

    def _integrate_one(
        self, grid: VoxelBlockGrid, blocks: o3d.core.Tensor, scene: Scene, kept: KeptDepth, device: o3d.core.Device
    ) -> None:
        frame = depth_frame(scene, kept, self.options.color_grid if self.options.integrate_color else None, device)
        if self.options.confidence == "weight":
            integrate_weighted(grid, blocks, frame, self._trunc)
            return
        how = (frame.extrinsic, 1.0, frame.depth_max, self._trunc)
        if frame.color is None:
            grid.integrate(blocks, frame.depth, frame.intrinsic, *how)
        else:
            grid.integrate(blocks, frame.depth, frame.color, frame.intrinsic, frame.color_intrinsic, *how)

    @property
    def _trunc(self) -> float:
        return self.options.trunc_voxel_multiplier

    @property
    def _memory_limit(self) -> float:
        return self.options.memory_limit_gb * 2**30


class _Frames:
    """The views of a scene as the grid takes them, under one set of options."""

    def __init__(self, scene: Scene, options: FuseTSDFOptions, device: o3d.core.Device) -> None:
        self.scene, self.options, self.device = scene, options, device
        masks = options.confidence == "mask" and options.keep_percent < 100.0
        self.least = _percentile(scene, 100.0 - options.keep_percent) if masks else 0.0
        self.mean_weight = _mean_weight(scene) if options.confidence == "weight" else 1.0

    def kept(self, index: int) -> KeptDepth | None:
        """The view's depth without what the options leave out; None when nothing is left."""
        depth = np.asarray(self.scene.dense.depth[index])
        weight = self.scene.dense.weight(index) if self.options.confidence != "ignore" else np.zeros((0, 0), np.float32)
        if self.least > 0.0:
            depth = np.where(weight >= self.least, depth, np.float32(0))
        if self.options.depth_max is not None:
            depth = np.where(depth <= self.options.depth_max, depth, np.float32(0))
        farthest = float(depth.max(initial=0.0))
        if farthest <= 0.0 or not np.isfinite(farthest):
            return None
        return KeptDepth(index=index, depth=np.ascontiguousarray(depth), weight=weight / np.float32(self.mean_weight))


def _percentile(scene: Scene, percent: float) -> float:
    """The confidence weight below which `percent` of the known pixels lie."""
    known = [scene.dense.weight(index)[np.asarray(scene.dense.depth[index]) > 0][::7] for index in range(len(scene))]
    pooled = np.concatenate(known)
    return float(np.percentile(pooled, percent, method="lower")) if len(pooled) else 0.0


def _mean_weight(scene: Scene) -> float:
    known = [scene.dense.weight(index)[np.asarray(scene.dense.depth[index]) > 0][::7] for index in range(len(scene))]
    pooled = np.concatenate(known)
    mean = float(pooled.mean()) if len(pooled) else 0.0
    if mean <= 0.0:
        raise InputError('every confidence of this scene is 1 (weight 0): fuse it with confidence="ignore"')
    return mean


def _check_grid(grid: VoxelBlockGrid, device: o3d.core.Device, options: FuseTSDFOptions) -> None:
    stored = grid.hashmap().device
    if str(stored) != str(device):
        raise InputError(f"the grid is on {stored} but the options say {device}: use one device")
    resolution = grid.attribute("tsdf").shape[1]
    if resolution != BLOCK_RESOLUTION:
        raise InputError(f"the grid's blocks have {resolution} voxels a side, wanted {BLOCK_RESOLUTION}")


def _is_positive(value: float | str) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value)) and value > 0

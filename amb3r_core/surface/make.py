"""From a scene's depth to a clean mesh."""

from dataclasses import dataclass, replace

import numpy as np

from amb3r_core.errors import InputError
from amb3r_core.options import Keep
from amb3r_core.progress import Monitor, Progress, silent
from amb3r_core.scene.arrays import Float32
from amb3r_core.scene.depth_maps import pixel_footprint
from amb3r_core.scene.reconstruction import Dense, Reconstruction
from amb3r_core.scene.trust import LEAST_WEIGHT, cuts, kept
from amb3r_core.surface.agree import AgreeConfig, TrustedView, agreeing_views
from amb3r_core.surface.clean import decimated, smoothed, support_of, watertight, without_islands, without_weak
from amb3r_core.surface.colors import colored
from amb3r_core.surface.field import FieldConfig, fused
from amb3r_core.surface.holes import boundary_edges, closed_holes
from amb3r_core.surface.mesh import TriangleMesh
from amb3r_core.surface.options import Quality, SurfaceOptions
from amb3r_core.surface.planes import on_planes

FOOTPRINTS: dict[Quality, float] = {"preview": 4.0, "normal": 2.0, "high": 1.25}
"""Voxel size in pixel footprints at the scene's median depth."""
FACES: dict[Quality, int | None] = {"preview": 50_000, "normal": 300_000, "high": 2_000_000}
"""Triangles that are left."""
SMOOTH: dict[Quality, int] = {"preview": 0, "normal": 5, "high": 10}
"""Passes of smoothing: the same length on finer voxels needs more."""
HOLE_VOXELS = 12.0
"""Holes up to so many voxels wide are closed when nobody says how wide."""
SUPPORT = 0.9
"""Least trust behind a vertex, summed over views, in least weights of a pixel that the cut keeps."""
RANKED_SUPPORT = 0.6
"""The same in median weights, where weights are no probabilities."""
LEFT_OUT: dict[Keep, float] = {"trusted": 0.15, "most": 0.05, "all": 0.0}
"""The least confident share of all depth that makes no surface where weights are no probabilities, but only rank the pixels."""
STATISTICS_STEP = 4
"""Shares are taken over every fourth pixel of every fourth row."""
METRIC_LEAST_M = 0.001
"""No automatic voxel of a metric scene is smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceReport:
    """What was made."""

    voxel_size: float
    """In scene units; larger than asked where the memory limit needed it."""
    n_boundary_edges: int
    """Edges with a triangle on one side only; 0 for a closed surface."""


def make_surface(
    reconstruction: Reconstruction, options: SurfaceOptions | None = None, monitor: Monitor = silent
) -> tuple[TriangleMesh, SurfaceReport]:
    """The scene's mesh with vertex colours, in world coordinates; the same input gives the same bytes.

    Raises `InputError` for a scene without depth, with a single view, or without any depth that `keep` trusts.
    """
    options = options or SurfaceOptions()
    used = _used(reconstruction, options)
    wanted = options.voxel_size or automatic_voxel_size(used, options.quality)
    config = FieldConfig(voxel_size=wanted, memory_limit_gb=options.memory_limit_gb)
    views = [on_planes(view) for view in agreeing_views(used, AgreeConfig(), monitor)]
    field = fused(views, config, monitor)
    size = field.voxel_size
    monitor(Progress(stage="surface"))
    raw = field.surface()
    del field
    mesh = _finished(_clean(raw, views, reconstruction, options), options, size, monitor)
    if not len(mesh.triangles):
        raise InputError("no surface came out: too little depth is confirmed; use `keep='most'` or `keep='all'`", option="keep")
    report = SurfaceReport(voxel_size=size, n_boundary_edges=len(boundary_edges(mesh.triangles)))
    return colored(mesh, reconstruction, monitor), report


def automatic_voxel_size(reconstruction: Reconstruction, quality: Quality) -> float:
    """Some pixel footprints at the median depth; 1 for a scene without depth."""
    dense = reconstruction.dense
    if dense is None:
        return 1.0
    footprints = [
        pixel_footprint(reconstruction.dense_camera(index), depth[depth > 0])
        for index, depth in enumerate(np.asarray(dense.depth[:, ::4, ::4]))
    ]
    pooled = np.concatenate(footprints) if footprints else np.zeros(0, dtype=np.float32)
    size = FOOTPRINTS[quality] * float(np.median(pooled)) if len(pooled) else 1.0
    return max(size, METRIC_LEAST_M) if reconstruction.scale.is_metric else size


def check_scene(reconstruction: Reconstruction) -> None:
    """`InputError` for a scene that no mesh can be made of."""
    dense = reconstruction.dense
    if dense is None:
        raise InputError("this scene holds cameras only: without depth there is no surface")
    if reconstruction.n_views < 2:
        raise InputError(f"a mesh needs two views or more; this scene has {reconstruction.n_views}")


def _used(reconstruction: Reconstruction, options: SurfaceOptions) -> Reconstruction:
    """The scene with the depth that is trusted and near enough."""
    check_scene(reconstruction)
    used = kept(reconstruction, options.keep)
    dense = used.dense
    if dense is None or not (dense.depth > 0).any():
        raise InputError("this scene knows no depth: without it there is no surface")
    if not dense.weight_is_probability:
        dense = _without_least(dense, LEFT_OUT[options.keep])
    if options.depth_max is None:
        return replace(used, dense=dense)
    near = np.where(dense.depth <= options.depth_max, dense.depth, np.float32(0))
    if not (near > 0).any():
        raise InputError(f"no depth is within `depth_max={options.depth_max:g}`", option="depth_max")
    return replace(used, dense=replace(dense, depth=near))


def _without_least(dense: Dense, share: float) -> Dense:
    """The maps without the least confident share of their depth."""
    least = float(np.quantile(_sampled_confidence(dense), share, method="lower")) if share else 1.0
    return replace(dense, depth=np.where(dense.confidence >= least, dense.depth, np.float32(0))) if least > 1.0 else dense


def _sampled_confidence(dense: Dense) -> Float32:
    """Confidences (S,) of evenly spread pixels whose depth is known, one at least."""
    some = (slice(None), slice(None, None, STATISTICS_STEP), slice(None, None, STATISTICS_STEP))
    found = np.asarray(dense.confidence[some])[dense.depth[some] > 0]
    return found if len(found) else np.ones(1, dtype=np.float32)


def _least_support(dense: Dense, keep: Keep) -> float:
    """The trust, summed over views, that a vertex needs behind it."""
    if cuts(dense, keep):
        return SUPPORT * LEAST_WEIGHT[keep]
    if keep == "all" or dense.weight_is_probability:
        return 0.0
    middle = np.quantile(_sampled_confidence(dense), 0.5)
    return RANKED_SUPPORT * float(1 - 1 / middle)


def _clean(mesh: TriangleMesh, views: list[TrustedView], reconstruction: Reconstruction, options: SurfaceOptions) -> TriangleMesh:
    """The surface without what too little trust stands behind."""
    dense = reconstruction.dense
    if dense is None or not len(mesh.triangles):
        return mesh
    support = support_of(mesh, views)
    mesh, support = without_weak(mesh, support, _least_support(dense, options.keep))
    return without_islands(mesh, support)


def _finished(mesh: TriangleMesh, options: SurfaceOptions, voxel_size: float, monitor: Monitor) -> TriangleMesh:
    """Closed, smooth and of the wanted size."""
    if not len(mesh.triangles):
        return mesh
    if options.watertight:
        monitor(Progress(stage="close the surface"))
        mesh = watertight(mesh, voxel_size)
    else:
        monitor(Progress(stage="close holes"))
        widest = HOLE_VOXELS * voxel_size if options.close_holes is None else options.close_holes
        mesh = closed_holes(mesh, widest)
    monitor(Progress(stage="smooth and thin"))
    mesh = smoothed(mesh, SMOOTH[options.quality] if options.smooth is None else options.smooth)
    faces = FACES[options.quality] if options.faces is None else options.faces
    return decimated(mesh, faces or None)

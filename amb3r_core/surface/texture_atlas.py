"""The atlas of a mesh: its charts packed into one square image, no two over one another, with room for mipmaps between them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import InputError
from amb3r_core.optional import require
from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.surface.texture_charts import Charts, components, cut_into_charts, neighbouring_faces, numbered
from amb3r_core.surface.texture_raster import texels_of_faces

Ints = NDArray[np.intp]

GUTTER = 4
"""Texels between charts: enough for two levels of mipmaps."""
FIRST_GUESS = 0.55
"""The share of the image that charts cover, before it is tried."""
AIM = 0.98
"""Share of the image's side that charts should fill."""
FOLD_TEXELS = 4e6
"""At how many texels a folded chart is looked for."""
MOST_STRETCH = 1.5
"""An edge that the packer makes longer than that, and a texel, was left behind."""
MOST_TRIES = 8
SNUG = 0.93
"""Share of the image's side that is full enough."""


@dataclass(frozen=True, slots=True)
class Atlas:
    """Where the faces of a mesh lie in a square image."""

    size: int
    corners: Float64
    """(F, 3, 2) in texels whose centres are whole numbers, x to the right and y down."""
    chart: Ints
    """(F,) the chart of each face."""
    texel: NDArray[np.int32]
    """(T,) the texels inside faces, row by row from the top left, in rising order."""
    face: NDArray[np.int32]
    """(T,) the face that each of them lies in."""

    def uv(self) -> Float32:
        """Texture coordinates (F, 3, 2); (0, 0) is the bottom left corner of the image."""
        uv = (self.corners + 0.5) / self.size
        uv[..., 1] = 1.0 - uv[..., 1]
        return np.clip(uv, 0.0, 1.0).astype(np.float32)


def make_atlas(vertices: Float32, triangles: NDArray[np.int32], size: int) -> Atlas:
    """The atlas of a mesh (V, 3), (F, 3) in an image of `size` x `size` texels. Same mesh, same atlas.

    Raises `InputError` when the image is too small for the charts.
    """
    charts = _unfolded(cut_into_charts(vertices, triangles), triangles)
    corners = _fitted(charts, triangles, size)
    texel, face, _ = _owners(corners, size)
    return Atlas(size, corners, charts.chart, texel, face)


def _fitted(charts: Charts, triangles: NDArray[np.int32], size: int) -> Float64:
    """Corners (F, 3, 2) in texels of the charts at about the largest size at which they fit.

    The side that the packed charts need grows nearly in a straight line with their density, so that two tries tell the third.
    """
    if charts.n_charts * (GUTTER + 1) ** 2 > size**2:
        raise _too_small(charts, size)
    density, best = _density(charts, FIRST_GUESS * size**2), None
    last: tuple[float, int] | None = None
    for _ in range(MOST_TRIES):
        corners, extent = _packed(charts, triangles, density)
        if extent <= size:
            best = corners
            if extent >= SNUG * size:
                break
        slope = extent / density
        if last is not None and density != last[0] and extent != last[1]:
            slope = (extent - last[1]) / (density - last[0])
        last = (density, extent)
        step = (AIM * size - extent) / slope
        density = max(density + step, 0.3 * density) if slope > 0 else 0.9 * density * size / extent
    if best is None:
        raise _too_small(charts, size)
    return best


def _too_small(charts: Charts, size: int) -> InputError:
    message = f"a texture of {size}x{size} is too small for the mesh's {charts.n_charts} charts; take a larger one or fewer faces"
    return InputError(message, option="texture_size")


def _density(charts: Charts, texels: float) -> float:
    """Texels per unit of length at which the charts cover that many texels."""
    e1, e2 = (charts.corners[:, corner].astype(np.float64) - charts.corners[:, 0] for corner in (1, 2))
    area = 0.5 * float(np.abs(e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]).sum())
    return float(np.sqrt(texels / max(area, 1e-30)))


def _unfolded(charts: Charts, triangles: NDArray[np.int32]) -> Charts:
    """The charts with faces that lie over others of their chart in charts of their own."""
    for _ in range(MOST_TRIES):
        corners, side = _in_rows(charts)
        hidden = _owners(corners, side)[2]
        if not len(hidden):
            break
        charts = _lifted(charts, hidden, triangles)
    return charts


def _in_rows(charts: Charts) -> tuple[Float64, int]:
    """Corners (F, 3, 2) in texels of the charts set in rows, the highest first, and the side of the image they fill."""
    corners = charts.corners.astype(np.float64) * _density(charts, FOLD_TEXELS)
    box = np.zeros((charts.n_charts, 2))
    np.maximum.at(box, charts.chart, corners.max(axis=1))
    box = np.ceil(box) + 1.0
    side = int(max(np.sqrt(box.prod(axis=1).sum()), box[:, 0].max())) + 1
    place = np.zeros_like(box)
    x = y = high = 0.0
    for index in np.argsort(-box[:, 1], kind="stable").tolist():
        if x + box[index, 0] > side:
            x, y, high = 0.0, y + high, 0.0
        place[index] = x, y
        x, high = x + box[index, 0], max(high, float(box[index, 1]))
    return corners + place[charts.chart][:, None], max(side, int(y + high) + 1)


def _packed(charts: Charts, triangles: NDArray[np.int32], density: float) -> tuple[Float64, int]:
    """Corners (F, 3, 2) in texels and the side of the square that they need, with charts at `density` texels per unit."""
    xatlas: Any = require("xatlas", extra="mesh", purpose="to lay out textures")
    n_vertices = int(triangles.max()) + 1
    key = (charts.chart[:, None] * n_vertices + triangles).ravel()
    _, place, corner = np.unique(key, return_index=True, return_inverse=True)
    atlas = xatlas.Atlas()
    uv = np.ascontiguousarray(charts.corners.reshape(-1, 2)[place] * density, dtype=np.float32)
    atlas.add_uv_mesh(uv, corner.reshape(-1, 3).astype(np.uint32), charts.chart.astype(np.uint32)[:, None])
    options = xatlas.PackOptions()
    options.padding, options.texels_per_unit, options.bilinear = GUTTER, 1.0, True
    atlas.generate(xatlas.ChartOptions(), options)
    width, height = int(atlas.width), int(atlas.height)
    _, indices, packed = atlas.get_mesh(0)
    corners = np.asarray(packed, dtype=np.float64)[np.asarray(indices, dtype=np.intp)].reshape(-1, 3, 2)
    corners = corners * (width, height) - 0.5
    return _drawn_together(corners, charts.corners * density, key.reshape(-1, 3)), max(width, height)


def _drawn_together(corners: Float64, wanted: Float64, key: Ints) -> Float64:
    """Corners (F, 3, 2), those of faces without area, of which the packer leaves some behind, drawn together to a placed one.

    wanted (F, 3, 2): the same faces before packing; key (F, 3): the same number for the same corner of the same chart.
    """
    given, found = (np.linalg.norm(place[:, [1, 2, 0]] - place, axis=2) for place in (wanted, corners))
    astray = (found > MOST_STRETCH * given + 1.0).any(axis=1)
    if not astray.any():
        return corners
    is_placed = np.isin(key[astray], key[~astray])
    one = corners[astray][np.arange(int(astray.sum())), np.argmax(is_placed, axis=1)]
    together = corners.copy()
    together[astray] = one[:, None]
    return together


def _owners(corners: Float64, size: int) -> tuple[NDArray[np.int32], NDArray[np.int32], Ints]:
    """The texels inside faces (T,) in rising order, the face of each, and the faces that hide behind others."""
    owner = np.full(size * size, -1, dtype=np.int32)
    hidden: list[Ints] = []
    for texel, face in texels_of_faces(corners, size):
        free, first = np.unique(texel, return_index=True)
        taken = owner[free] >= 0
        owner[free[~taken]] = face[first[~taken]]
        hidden.append(face[owner[texel] != face])
    found = np.flatnonzero(owner >= 0)
    return found.astype(np.int32), owner[found], np.unique(np.concatenate([*hidden, np.zeros(0, dtype=np.intp)]))


def _lifted(charts: Charts, hidden: Ints, triangles: NDArray[np.int32]) -> Charts:
    """The charts with the hidden faces in charts of their own: parts of a surface that folds over itself."""
    is_hidden = np.zeros(len(triangles), dtype=np.bool_)
    is_hidden[hidden] = True
    left, right = neighbouring_faces(triangles)
    same = (charts.chart[left] == charts.chart[right]) & (is_hidden[left] == is_hidden[right])
    chart = numbered(components(len(triangles), left[same], right[same]))
    return Charts(chart, charts.corners)

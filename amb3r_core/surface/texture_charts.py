"""Cut a mesh into charts that lie flat: connected patches of faces that look roughly one way, each projected along it.

A general unwrapper spends minutes on the half a million small triangles of a fused surface; here every step is a few passes over
arrays. A projection keeps shapes (faces turned away by 60 degrees are half as wide), and no face of a chart looks backwards.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32, Float64

Ints = NDArray[np.intp]

N_DIRECTIONS = 12
"""Main directions of a surface that faces are sorted by: walls, floor, ceiling and the sides of things."""
ROUNDS_OF_MEANS = 8
SMOOTHINGS = 4
"""How often normals are averaged over neighbours before they choose a direction, so that bumps cut no charts."""
SMOOTH_ROUNDS = 8
NEIGHBOUR_BONUS = 0.25
"""What one neighbour of the same direction counts, as a cosine."""
LEAST_COSINE = 0.2
"""Between a face and its chart's direction: a face further round would be squeezed to a line."""
SMALL_CHART = 40
"""Faces: smaller charts join a neighbour where its direction suits them."""
ABSORBING_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Charts:
    """Which chart each face belongs to, and where each corner lies in its chart."""

    chart: Ints
    """(F,) from 0."""
    corners: Float32
    """(F, 3, 2) in the mesh's units, x to the right and y up, seen from outside; each chart has an origin of its own."""

    @property
    def n_charts(self) -> int:
        return int(self.chart.max()) + 1 if len(self.chart) else 0


def cut_into_charts(vertices: Float32, triangles: NDArray[np.int32]) -> Charts:
    """The charts of a mesh (V, 3), (F, 3). Same mesh, same charts."""
    normals, areas = face_normals(vertices, triangles)
    left, right = neighbouring_faces(triangles)
    directions = main_directions(_smoothed(normals * areas[:, None], left, right), areas)
    label = _labels(normals, directions, areas, (left, right))
    for _ in range(ABSORBING_ROUNDS):
        label = _with_small_absorbed(label, normals @ directions.T, left, right)
    same = label[left] == label[right]
    chart = numbered(components(len(triangles), left[same], right[same]))
    return Charts(chart, projected(vertices, triangles, chart, directions[label]))


def face_normals(vertices: Float32, triangles: NDArray[np.int32]) -> tuple[Float32, Float32]:
    """Unit normals (F, 3) of faces and their areas (F,); a face without area looks along z."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    cross = np.cross(b - a, c - a)
    length = np.linalg.norm(cross, axis=1)
    flat = length <= np.finfo(np.float32).tiny
    cross[flat], safe = (0.0, 0.0, 1.0), np.where(flat, 1.0, length)
    return (cross / safe[:, None]).astype(np.float32), (0.5 * length).astype(np.float32)


def neighbouring_faces(triangles: NDArray[np.int32]) -> tuple[Ints, Ints]:
    """Pairs (E,), (E,) of faces that share an edge."""
    first = triangles.astype(np.int64)
    second = np.roll(first, -1, axis=1)
    key = (np.minimum(first, second) * (int(triangles.max(initial=0)) + 1) + np.maximum(first, second)).ravel()
    order = np.argsort(key, kind="stable")
    twins = np.flatnonzero(key[order[1:]] == key[order[:-1]])
    return order[twins] // 3, order[twins + 1] // 3


def components(n: int, left: Ints, right: Ints) -> Ints:
    """The smallest member (n,) of the part of a graph that each of `n` nodes belongs to; edges are pairs of nodes."""
    root = np.arange(n)
    while True:
        low = np.minimum(root[left], root[right])
        new = root.copy()
        np.minimum.at(new, root[left], low)
        np.minimum.at(new, root[right], low)
        while not np.array_equal(jumped := new[new], new):
            new = jumped
        if np.array_equal(new, root):
            return root
        root = new


def numbered(part: Ints) -> Ints:
    """The parts renamed 0, 1, 2 ..., in the order of their names."""
    return np.unique(part, return_inverse=True)[1].reshape(-1)


def main_directions(weighted: Float32, areas: Float32) -> Float32:
    """At most `N_DIRECTIONS` unit directions (K, 3) that faces look along, the largest areas first.

    k-means on the sphere. The first is that of most area on a coarse sphere, each next one the largest far from those.
    """
    unit = _unit(weighted)
    cells = np.unique(np.rint(unit * 4).astype(np.int64), axis=0, return_inverse=True)[1].reshape(-1)
    sums = np.stack([np.bincount(cells, weights=unit[:, axis] * areas) for axis in range(3)], axis=1)
    size = np.linalg.norm(sums, axis=1)
    seeds = sums / np.maximum(size, 1e-30)[:, None]
    chosen: list[int] = []
    left = size.copy()
    while len(chosen) < min(N_DIRECTIONS, len(size)) and left.max() > 0:
        chosen.append(int(left.argmax()))
        left *= np.clip(1.0 - seeds @ seeds[chosen[-1]], 0.0, 0.5) * 2.0
    directions = seeds[chosen]
    for _ in range(ROUNDS_OF_MEANS):
        owner = (seeds @ directions.T).argmax(axis=1)
        means = np.stack([np.bincount(owner, weights=sums[:, axis], minlength=len(chosen)) for axis in range(3)], axis=1)
        directions = np.where(np.linalg.norm(means, axis=1, keepdims=True) > 0, means, directions)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions.astype(np.float32)


def projected(vertices: Float32, triangles: NDArray[np.int32], chart: Ints, along: Float32) -> Float32:
    """Corners (F, 3, 2) in the plane of each face's chart, turned to where the chart needs the smallest upright box.

    along: (F, 3) a unit direction per face, equal within a chart.
    """
    first = np.unique(chart, return_index=True)[1]
    direction = along[first].astype(np.float64)
    helper = np.eye(3)[np.abs(direction).argmin(axis=1)]
    right = _unit(np.cross(helper, direction)).astype(np.float64)
    up = np.cross(direction, right)
    points = vertices[triangles].astype(np.float64)
    flat = np.stack([(points * axis[chart][:, None]).sum(axis=2) for axis in (right, up)], axis=-1)
    turn = _best_turns(flat, chart)[chart]
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    turned = np.stack([cos * flat[..., 0] - sin * flat[..., 1], sin * flat[..., 0] + cos * flat[..., 1]], axis=-1)
    low = np.full((len(first), 2), np.inf)
    np.minimum.at(low, chart, turned.min(axis=1))
    return (turned - low[chart][:, None]).astype(np.float32)


def _best_turns(flat: Float64, chart: Ints, steps: int = 18) -> Float64:
    """The turn (C,) within half a circle at which each chart's box is smallest, the longer side across."""
    n = int(chart.max(initial=-1)) + 1
    order = np.argsort(chart, kind="stable")
    starts = np.searchsorted(chart[order], np.arange(n))
    best, turns = np.full(n, np.inf), np.zeros(n)
    sorted_flat = flat[order]
    for turn in np.arange(steps) * np.pi / steps:
        x = np.cos(turn) * sorted_flat[..., 0] - np.sin(turn) * sorted_flat[..., 1]
        y = np.sin(turn) * sorted_flat[..., 0] + np.cos(turn) * sorted_flat[..., 1]
        wide, high = (
            np.maximum.reduceat(value.max(axis=1), starts) - np.minimum.reduceat(value.min(axis=1), starts) for value in (x, y)
        )
        size = np.where(wide >= high, wide * high, np.inf)
        better = size < best * (1.0 - 1e-9)
        best[better], turns[better] = size[better], turn
    return turns


def _labels(normals: Float32, directions: Float32, areas: Float32, pairs: tuple[Ints, Ints]) -> Ints:
    """The direction (F,) each face is projected along: near its own, and mostly that of its neighbours."""
    left, right = pairs
    n, k = len(normals), len(directions)
    own = normals @ directions.T
    fits = own > LEAST_COSINE
    liking = np.where(fits, _unit(_smoothed(normals * areas[:, None], left, right)) @ directions.T, own - 10.0)
    label = liking.argmax(axis=1)
    halves = np.arange(n) % 2
    for round_number in range(SMOOTH_ROUNDS):
        votes = np.bincount(left * k + label[right], minlength=n * k) + np.bincount(right * k + label[left], minlength=n * k)
        wish = (liking + NEIGHBOUR_BONUS * votes.reshape(n, k)).argmax(axis=1)
        label = np.where(halves == round_number % 2, wish, label)
    return label


def _with_small_absorbed(label: Ints, cosines: Float32, left: Ints, right: Ints) -> Ints:
    """The directions after each small chart took that of the neighbour it touches most, where all its faces suit it."""
    n, k = cosines.shape
    same = label[left] == label[right]
    part = numbered(components(n, left[same], right[same]))
    n_parts = int(part.max(initial=-1)) + 1
    touches = np.zeros(n_parts * k, dtype=np.int64)
    for one, other in ((left, right), (right, left)):
        touches += np.bincount(part[one[~same]] * k + label[other[~same]], minlength=n_parts * k)
    worst = np.full((n_parts, k), np.inf, dtype=np.float32)
    np.minimum.at(worst, part, cosines)
    wish = np.where(worst > LEAST_COSINE, touches.reshape(n_parts, k), 0)
    moves = (np.bincount(part) < SMALL_CHART) & (wish.max(axis=1) > 0)
    return np.where(moves[part], wish.argmax(axis=1)[part], label)


def _smoothed(vectors: Float32, left: Ints, right: Ints) -> Float32:
    """Vectors (F, 3) of faces, averaged over neighbours."""
    n = len(vectors)
    for _ in range(SMOOTHINGS):
        columns = [
            vectors[:, axis]
            + np.bincount(left, weights=vectors[right, axis], minlength=n)
            + np.bincount(right, weights=vectors[left, axis], minlength=n)
            for axis in range(3)
        ]
        vectors = (np.stack(columns, axis=1) / 4.0).astype(np.float32)
    return vectors


def _unit(vectors: Float32 | Float64) -> Float32:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0).astype(np.float32)

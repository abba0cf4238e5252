"""Which images probably show the same place: one descriptor each, compared by cosine.

The published whitening divides by the eigenvalues of a covariance that fewer images than dimensions cannot fix; it makes all
distances nearly equal. Raw cosine keeps the groups apart, so descriptors are compared as they are.
"""

from collections.abc import Sequence

import numpy as np

from amb3r_core.compute.arrays import float64_array
from amb3r_core.models.api import DescribesImages, ReconstructionModel
from amb3r_core.pipelines.mapping.store import FrameStore
from amb3r_core.pipelines.mapping.windows import Bools
from amb3r_core.progress import Monitor, silent, track
from amb3r_core.scene.arrays import Float64, UInt8

BATCH = 16
"""Images described at once."""
THUMBNAIL = 16
CELLS = 4
ORIENTATIONS = 8


def describe_frames(model: ReconstructionModel, store: FrameStore, frames: Sequence[int], monitor: Monitor = silent) -> Float64:
    """Unit descriptors (N, C): the model's own where it has some, else those of small pictures."""
    rows: list[Float64] = []
    starts = range(0, len(frames), BATCH)
    for start in track(starts, monitor, stage="compare images", total=len(starts)):
        chunk = frames[start : start + BATCH]
        if isinstance(model, DescribesImages):
            rows.append(float64_array(model.describe(store.window(chunk).batch())))
        else:
            rows.append(np.array([describe_picture(store.rgb(frame), store.valid(frame)) for frame in chunk]))
    return unit_rows(np.concatenate(rows))


def similarities(descriptors: Float64) -> Float64:
    """(cosine + 1) / 2 of all pairs (N, N), in [0, 1]."""
    unit = unit_rows(descriptors)
    return np.clip((unit @ unit.T + 1.0) / 2.0, 0.0, 1.0)


def group_means(descriptors: Float64, groups: Sequence[Sequence[int]]) -> Float64:
    """The mean unit descriptor (G, C) of each group of rows."""
    means = np.zeros((len(groups), descriptors.shape[1]))
    if groups:
        rows = np.concatenate([np.array(group, dtype=np.intp) for group in groups])
        sizes = np.array([len(group) for group in groups])
        sums = np.add.reduceat(unit_rows(descriptors[rows]), np.cumsum(sizes) - sizes, axis=0)
        means = sums / sizes[:, None]
    return means


def mean_similarities(means: Float64, others: Float64) -> Float64:
    """The mean of `similarities` over all pairs of one group and another (A, B), from the groups' mean descriptors."""
    return np.clip((means @ others.T + 1.0) / 2.0, 0.0, 1.0)


def unit_rows(rows: Float64) -> Float64:
    """Rows (N, C) of unit length; a row of zeros stays one."""
    return rows / np.maximum(np.sqrt((rows**2).sum(axis=1, keepdims=True)), 1e-12)


def describe_picture(rgb: UInt8, valid: Bools) -> Float64:
    """A descriptor of a picture (H, W, 3): its thumbnail, and histograms of edge directions in a grid of cells.

    For models that describe nothing themselves: it groups pictures of one place taken from nearby, no more than that.
    """
    values = np.where(valid[..., None], rgb, 0).astype(np.float64) / 255.0
    grey = values.mean(axis=-1)
    thumbnail = pooled(grey, THUMBNAIL).ravel()
    colors = np.concatenate([pooled(values[..., c] - grey, CELLS).ravel() for c in range(3)])
    parts = [thumbnail - thumbnail.mean(), colors, np.sqrt(np.maximum(_edge_histograms(grey), 0.0))]
    return np.concatenate([unit_rows(part[None])[0] for part in parts])


def pooled(values: Float64, cells: int) -> Float64:
    """Means (cells, cells) of an even grid over a map (H, W)."""
    height, width = values.shape
    rows = np.linspace(0, height, cells + 1).astype(int)
    columns = np.linspace(0, width, cells + 1).astype(int)
    table = np.zeros((height + 1, width + 1))
    table[1:, 1:] = values.cumsum(axis=0).cumsum(axis=1)
    corners = table[np.ix_(rows, columns)]
    sums = corners[1:, 1:] - corners[:-1, 1:] - corners[1:, :-1] + corners[:-1, :-1]
    return sums / np.maximum(np.diff(rows)[:, None] * np.diff(columns)[None, :], 1)


def _edge_histograms(grey: Float64) -> Float64:
    down, across = np.gradient(grey)
    strength = np.hypot(down, across)
    direction = np.arctan2(down, across) % np.pi
    which = np.minimum((direction / np.pi * ORIENTATIONS).astype(int), ORIENTATIONS - 1)
    return np.concatenate([pooled(np.where(which == o, strength, 0.0), CELLS).ravel() for o in range(ORIENTATIONS)])

"""Colour where no photo sees: of the neighbours along the surface, and between charts of the image."""

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32

Ints = NDArray[np.intp]

MOST_STEPS = 2000
"""Edges that colour may travel over."""
SMOOTHINGS = 30


def spread_over_surface(colors: Float32, known: NDArray[np.bool_], triangles: NDArray[np.int32]) -> Float32:
    """Colours (V, 3) of vertices, those not known from their neighbours; parts without any known one take the mean."""
    ends = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.intp)
    loose = ~known[ends]
    ends = ends[loose.any(axis=1)]
    target, source = np.concatenate([ends[:, 0], ends[:, 1]]), np.concatenate([ends[:, 1], ends[:, 0]])
    wanted = ~known[target]
    target, source = target[wanted], source[wanted]
    colors = np.where(known[:, None], colors, 0.0).astype(np.float32)
    has = known.copy()
    for _ in range(MOST_STEPS):
        usable = has[source] & ~has[target]
        if not usable.any():
            break
        _average_into(colors, has, target[usable], source[usable])
    for _ in range(SMOOTHINGS):
        usable = has[source]
        _average_into(colors, has, target[usable], source[usable])
    if not has.all():
        colors[~has] = colors[has].mean(axis=0) if has.any() else 128.0
    return colors


def _average_into(colors: Float32, has: NDArray[np.bool_], target: Ints, source: Ints) -> None:
    """Gives targets the mean colour of their sources, in place."""
    n = len(colors)
    count = np.bincount(target, minlength=n)
    found = np.flatnonzero(count)
    values = colors[source]
    for channel in range(3):
        total = np.bincount(target, weights=values[:, channel], minlength=n)
        colors[found, channel] = total[found] / count[found]
    has[found] = True


def filled(channel: Float32, known: NDArray[np.bool_]) -> Float32:
    """One channel of an image (H, W) with what is not known taken from around it, near things first (pull-push pyramid)."""
    if known.all() or min(channel.shape) == 1 or not known.any():
        return channel if known.any() else np.full_like(channel, 128.0)
    height, width = channel.shape
    even = ((0, height % 2), (0, width % 2))
    weight = np.pad(known.astype(np.float32), even)
    total = np.pad(np.where(known, channel, 0.0).astype(np.float32), even)
    shape = (weight.shape[0] // 2, 2, weight.shape[1] // 2, 2)
    total, weight = total.reshape(shape).sum(axis=(1, 3)), weight.reshape(shape).sum(axis=(1, 3))
    small = filled(np.divide(total, weight, out=np.zeros_like(total), where=weight > 0), weight > 0)
    large = np.repeat(np.repeat(small, 2, axis=0), 2, axis=1)[:height, :width]
    return np.where(known, channel, large)

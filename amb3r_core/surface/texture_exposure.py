"""Exposure and white balance of photos brought to a common one, from what they show of the same places."""

from dataclasses import dataclass

import numpy as np

from amb3r_core.scene.arrays import Float32, Float64, UInt8

ROUNDS = 6
SPREAD = 0.06
"""Colour difference (of 1) beyond which an observation counts less: something moved, or mirrors."""
GAIN_PRIOR, OFFSET_PRIOR = 0.02, 0.2
"""How strongly gains are held at 1 and offsets at 0, as shares of a photo's observations."""
MOST_PLACES = 40_000


@dataclass(frozen=True, slots=True)
class Exposure:
    """``corrected = gain * colour + offset`` per photo and channel, colours in [0, 1]."""

    gain: Float64
    """(N, 3)."""
    offset: Float64
    """(N, 3)."""

    def correct(self, index: int, colors: Float32) -> Float32:
        """Corrected colours (..., 3) in 0..255 of view `index`, not clipped."""
        return colors * self.gain[index].astype(np.float32) + (255.0 * self.offset[index]).astype(np.float32)


def equalised(colors: UInt8, weights: Float32) -> Exposure:
    """The exposures that make photos agree. colors: (N, C, 3) of places seen by N photos; weights: (N, C), 0 where not seen.

    Least squares over all pairs of photos of one place, reweighted so that disagreements count less; photos that share nothing
    keep theirs. The mean gain is 1 and the mean offset 0.
    """
    shared = np.flatnonzero((weights > 0).sum(axis=0) >= 2)
    shared = shared[:: max(len(shared) // MOST_PLACES, 1)]
    n = len(colors)
    exposure = Exposure(np.ones((n, 3)), np.zeros((n, 3)))
    if not len(shared):
        return exposure
    values, seen = colors[:, shared].astype(np.float32) / np.float32(255.0), weights[:, shared] > 0
    # what is burnt out or black says nothing of the exposure
    seen = seen & (values.max(axis=2) < 0.98) & (values.max(axis=2) > 0.02)
    for _ in range(ROUNDS):
        columns = [_solved(values[..., c], seen, exposure.gain[:, c], exposure.offset[:, c]) for c in range(3)]
        exposure = Exposure(np.stack([gain for gain, _ in columns], 1), np.stack([offset for _, offset in columns], 1))
    return exposure


def _solved(values: Float32, seen: Float32, gain: Float64, offset: Float64) -> tuple[Float64, Float64]:
    """Gains and offsets (N,) of one channel, given those of the last round."""
    n = len(values)
    now = values * gain[:, None].astype(np.float32) + offset[:, None].astype(np.float32)
    middle = _median(now, seen)
    trust = np.where(seen, 1.0 / (1.0 + ((now - middle) / SPREAD) ** 2), 0.0).astype(np.float32)
    total = trust.sum(axis=0)
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    weighted = trust * values
    # sum over places of  sum_ij t_i t_j (x_i - x_j)^2 / (2 sum t)  with x = a c + b: a quadratic form of (a, b)
    form = np.zeros((2 * n, 2 * n))
    form[:n, :n] = np.diag((weighted * values).sum(axis=1)) - (weighted * scale) @ weighted.T
    form[:n, n:] = np.diag(weighted.sum(axis=1)) - (weighted * scale) @ trust.T
    form[n:, :n] = form[:n, n:].T
    form[n:, n:] = np.diag(trust.sum(axis=1)) - (trust * scale) @ trust.T
    counts = np.maximum(trust.sum(axis=1), 1.0).astype(np.float64)
    held = np.concatenate([GAIN_PRIOR * counts, OFFSET_PRIOR * counts])
    answer = np.linalg.solve(form + np.diag(held), np.concatenate([GAIN_PRIOR * counts, np.zeros(n)]))
    gain, offset = answer[:n], answer[n:]
    mean = float(gain @ counts / counts.sum())
    return gain / mean, (offset - float(offset @ counts / counts.sum())) / mean


def _median(values: Float32, seen: Float32) -> Float32:
    """The median (C,) of what is seen of each place (N, C); 0 where nothing is."""
    ordered = np.sort(np.where(seen, values, np.inf), axis=0)
    count = seen.sum(axis=0)
    low, high = (np.take_along_axis(ordered, np.maximum(row, 0)[None], axis=0)[0] for row in ((count - 1) // 2, count // 2))
    return np.where(count > 0, 0.5 * (np.where(count > 0, low, 0.0) + np.where(count > 0, high, 0.0)), 0.0).astype(np.float32)

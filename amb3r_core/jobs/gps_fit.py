"""How long a scene's unit is in metres, from camera centres and GPS positions of which some are wrong."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import AlignmentError
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.geometry import umeyama

MAX_SAMPLES = 500
"""Small samples that are tried; of 500 triples more than 100 are clean when 4 positions in 10 are wrong."""
CUTOFF = 2.5
"""A position is wrong when its error is so many times the middle error; of normal errors 1 in 100 is."""
HARMLESS = 0.02
"""An error below this share of the middle distance from the middle of all positions is never called wrong."""
LEAST_SHARE = 0.6
"""Share of the positions that have to agree: fewer are as likely a chance."""
MAX_REFITS = 10

Bools = NDArray[np.bool_]
Fit = Callable[[Float64, Float64], tuple[float, Callable[[Float64], Float64]]]
"""From points (N, D) and their places in metres: the scale, and the map that takes points there. Raises `AlignmentError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleFit:
    """Metres per unit, and which positions it rests on."""

    scale: float
    spread: float
    """One-sigma error of the scale over the scale."""
    used: Bools
    """(N,) of the positions."""
    is_horizontal: bool


def fit_in_space(centres: Float64, places: Float64) -> ScaleFit:
    """The scale that takes centres (N, 3) to the places (N, 3) in metres, over those whose height is known (not NaN).

    Raises `AlignmentError` when no scale fits most of them.
    """
    known = np.isfinite(places[:, 2])
    scale, spread, used = _robust(_similarity, 3, centres[known], places[known])
    among_all = known.copy()
    among_all[known] = used
    return ScaleFit(scale=scale, spread=spread, used=among_all, is_horizontal=False)


def fit_on_the_ground(centres: Float64, places: Float64, up: Float64) -> ScaleFit:
    """The scale by east and north alone: of the centres seen from above, where above is `up` (3,) or square to their own plane.

    A wrong up by 10 degrees makes the scale 1.5 % too large at most. Raises `AlignmentError`.
    """
    normal = np.asarray(np.linalg.svd(centres - centres.mean(axis=0))[2][2], dtype=np.float64)
    fits: list[ScaleFit] = []
    reason = AlignmentError("no direction is up")
    for above in (up, normal, -normal):
        try:
            scale, spread, used = _robust(_turn, 2, _seen_from(above, centres), places[:, :2])
        except AlignmentError as error:
            reason = error
        else:
            fits.append(ScaleFit(scale=scale, spread=spread, used=used, is_horizontal=True))
    if not fits:
        raise reason
    return min(fits, key=lambda fit: fit.spread)


def _seen_from(above: Float64, centres: Float64) -> Float64:
    """The centres (N, 2) on two axes square to `above`, the second to the left of the first, as north is of east."""
    axis = np.eye(3)[int(np.argmin(np.abs(above)))]
    first = np.asarray(np.cross(above, axis), dtype=np.float64)
    first /= np.linalg.norm(first)
    second = np.asarray(np.cross(above, first), dtype=np.float64)
    return centres @ np.stack([first, second]).T


def _similarity(points: Float64, places: Float64) -> tuple[float, Callable[[Float64], Float64]]:
    found = umeyama(points, places)
    return found.scale, found.apply


def _turn(points: Float64, places: Float64) -> tuple[float, Callable[[Float64], Float64]]:
    """The similarity of the plane, as one complex factor: least squares in closed form, also for points on a line."""
    ours, theirs = points @ np.array([1.0, 1.0j]), places @ np.array([1.0, 1.0j])
    centred = ours - ours.mean()
    extent = float((np.abs(centred) ** 2).sum())
    factor = complex(np.conj(centred) @ (theirs - theirs.mean())) / max(extent, 1e-300)
    if extent <= 0.0 or abs(factor) <= 0.0:
        raise AlignmentError("all positions are one place: they carry no scale")

    def apply(more: Float64) -> Float64:
        moved = factor * (more @ np.array([1.0, 1.0j]) - ours.mean()) + theirs.mean()
        return np.stack([moved.real, moved.imag], axis=1)

    return abs(factor), apply


def _robust(fit: Fit, sample_size: int, points: Float64, places: Float64) -> tuple[float, float, Bools]:
    """Least median of squares over small samples, then least squares over what it does not call wrong: scale, spread, used (N,).

    Rousseeuw and Leroy, Robust Regression and Outlier Detection, 1987, ch. 5: the cut-off grows for few points.
    """
    n_points = len(points)
    if n_points <= sample_size:
        raise AlignmentError(f"{n_points} positions are too few for a scale")
    middle_rank = n_points // 2 + sample_size // 2
    best = min(_errors_of_samples(fit, sample_size, points, places), key=lambda e: float(np.sort(e)[middle_rank]), default=None)
    if best is None:
        raise AlignmentError("all positions are on one line or in one place: they carry no scale")
    middle_m = np.asarray(np.median(places, axis=0), dtype=np.float64)
    distances: Float64 = np.linalg.norm(places - middle_m, axis=1)
    harmless_m = HARMLESS * float(np.median(distances))
    few = 1.0 + 5.0 / max(n_points - sample_size, 1)
    cutoff_m = max(CUTOFF * few * float(np.sort(best)[middle_rank]), harmless_m)
    used = best <= cutoff_m
    for _ in range(MAX_REFITS):
        scale, apply = fit(points[used], places[used])
        errors = np.linalg.norm(apply(points) - places, axis=1)
        before, used = used, errors <= cutoff_m
        if np.array_equal(before, used) or used.sum() <= sample_size:
            break
    if used.sum() < max(LEAST_SHARE * n_points, sample_size + 1):
        raise AlignmentError(f"only {used.sum()} of {n_points} positions agree with the scene")
    scale, apply = fit(points[used], places[used])
    return scale, relative_spread(apply(points[used]) - places[used], places[used]), used


def _errors_of_samples(fit: Fit, sample_size: int, points: Float64, places: Float64) -> Iterable[Float64]:
    """The errors (N,) in metres that fits to all points and to small samples leave."""
    n_points = len(points)
    samples: list[NDArray[np.intp]] = [np.arange(n_points)]
    if n_points**sample_size <= MAX_SAMPLES * 6:
        samples += [np.array(chosen) for chosen in combinations(range(n_points), sample_size)]
    else:
        rng = np.random.default_rng(0)
        samples += [rng.choice(n_points, sample_size, replace=False) for _ in range(MAX_SAMPLES)]
    for sample in samples:
        try:
            _, apply = fit(points[sample], places[sample])
        except AlignmentError:
            continue
        yield np.linalg.norm(apply(points) - places, axis=1)


def relative_spread(residual: Float64, target: Float64) -> float:
    """One-sigma relative error of a scale fitted to points: residual rms over extent, over the root of the point count."""
    extent = float(np.sqrt(((target - target.mean(axis=0)) ** 2).sum()))
    rms = float(np.sqrt((residual**2).sum() / max(len(residual) - 2, 1)))
    return rms / max(extent, 1e-300)
